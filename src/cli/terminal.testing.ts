import { Readable, Writable } from 'node:stream';
import type { Terminal } from './terminal.ts';

interface Written {
  readonly stdout: string;
  readonly stderr: string;
}

/** A terminal in memory that gives `input` and keeps what is written. */
export function terminalOf(input = ''): { readonly terminal: Terminal; readonly written: () => Written } {
  const texts = { stdout: '', stderr: '' };
  const sink = (name: keyof typeof texts): Writable =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        texts[name] += chunk.toString();
        done();
      },
    });
  const terminal = { stdin: Readable.from([input]), stdout: sink('stdout'), stderr: sink('stderr') };
  return { terminal, written: () => texts };
}
