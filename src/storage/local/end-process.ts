import { writeSync } from 'node:fs';
import { isLockstepError } from '../../errors.ts';
import { toldOf } from '../../lib/fault.ts';

/**
 * After a failed flush nobody knows what is on disk, and after an observer that threw nobody knows what a cache holds: only a
 * new start can tell. One line says why, without what was read. Killed rather than left by `exit`: lmdb-js 3.5 overruns a buffer
 * when it words a write error, and no answer may be made of such a cache, so nothing more may run.
 */
export function endProcess(error: unknown): void {
  const cause = error instanceof Error && !isLockstepError(error) ? (error.cause ?? error) : error;
  try {
    writeSync(process.stderr.fd, `lockstep: the storage failed, the process ends: ${toldOf(cause)}\n`);
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}
