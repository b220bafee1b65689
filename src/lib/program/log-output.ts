/** Where a process logs to: standard error, and a file if one is configured. */
import { createWriteStream, openSync, type WriteStream } from 'node:fs';
import { fail } from '../../errors.ts';
import { errorCode } from '../error-code.ts';

/** Lines that wait for a slow disk; beyond it they are left out of the file. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export interface LogOutput {
  readonly write: (line: string) => void;
  /** Lets a rotated file go. What cannot be opened leaves the old one in use, and is said on standard error. */
  readonly reopen: () => void;
  /** Resolves once the file holds everything. */
  readonly close: () => Promise<void>;
}

/** Throws `invalidConfig` when the file cannot be opened. */
export function openLogOutput(path: string | undefined, stderr: (line: string) => void): LogOutput {
  if (path === undefined) return { write: stderr, reopen: () => undefined, close: () => Promise.resolve() };
  let file = open(path, stderr);
  let left = 0;
  return {
    write: (line) => {
      stderr(line);
      if (file.writableLength > MAX_WAITING_BYTES) {
        left += 1;
        return;
      }
      file.write(left === 0 ? line : `(${String(left)} lines were left out: the disk was too slow)\n${line}`);
      left = 0;
    },
    reopen: () => {
      try {
        const next = open(path, stderr);
        file.end();
        file = next;
      } catch (error) {
        stderr(`${error instanceof Error ? error.message : 'log_file cannot be opened anew'}\n`);
      }
    },
    close: () =>
      new Promise((resolve) => {
        file.end(resolve);
      }),
  };
}

function open(path: string, stderr: (line: string) => void): WriteStream {
  let fd: number;
  try {
    fd = openSync(path, 'a', 0o600);
  } catch (error) {
    throw fail('invalidConfig', `log_file ${path} cannot be opened: ${errorCode(error)}`, { cause: error });
  }
  const stream = createWriteStream(path, { fd });
  let told = false;
  stream.on('error', (error) => {
    if (!told) stderr(`log_file ${path} cannot be written: ${errorCode(error)}\n`);
    told = true;
  });
  return stream;
}
