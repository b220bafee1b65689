/** Modules that are loaded when they are first needed, by work that does not wait. What can wait has `import()`. */
import { createRequire } from 'node:module';
import { extname } from 'node:path';

/** `path`: from the asking module on, without its ending, which is another in the sources than in what is compiled of them. */
export const onDemand = <T>({ filename }: ImportMeta, path: string): T =>
  createRequire(filename)(path + extname(filename)) as T;
