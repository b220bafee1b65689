/** Modules that are loaded when they are first needed, by work that does not wait. What can wait has `import()`. */
import { createRequire } from 'node:module';
import { extname } from 'node:path';

/**
 * `name`: a package, or the path of a module from the asking one on, without its ending, which is another in the sources than in
 * what is compiled of them.
 */
export function onDemand<T extends object>({ filename }: ImportMeta, name: string): () => T {
  let loaded: T | undefined;
  return () => (loaded ??= createRequire(filename)(name.startsWith('.') ? name + extname(filename) : name) as T);
}
