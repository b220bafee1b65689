/** The file that tells a supervisor which process to send signals to. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fail } from '../../errors.ts';
import { errorCode } from '../error-code.ts';

/** Removed on disposal, unless another process has put its own id there meanwhile. Throws `invalidConfig`. */
export function writePidFile(path: string | undefined): Disposable {
  if (path === undefined) return { [Symbol.dispose]: () => undefined };
  const own = `${String(process.pid)}\n`;
  try {
    writeFileSync(path, own, { mode: 0o644 });
  } catch (error) {
    throw fail('invalidConfig', `pid_file ${path} cannot be written: ${errorCode(error)}`, { cause: error });
  }
  return {
    [Symbol.dispose]: () => {
      try {
        if (readFileSync(path, 'utf8') === own) rmSync(path);
      } catch {
        // Gone already, or out of reach by now: nothing depends on it.
      }
    },
  };
}
