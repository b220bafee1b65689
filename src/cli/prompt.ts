import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** Asks on standard error, so that standard output stays clean; what is typed is not shown. */
export function askHidden({ stdin, stderr }: Terminal, question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: stdin, output: nowhere, terminal: true, historySize: 0 });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  stderr.write(question);
  reader.once('line', resolve);
  reader.once('SIGINT', () => reject(new CommandError('cancelled')));
  reader.once('close', () => reject(new CommandError('no answer was given')));
  return promise.finally(() => {
    reader.close();
    stderr.write('\n');
  });
}
