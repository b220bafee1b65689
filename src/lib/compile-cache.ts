/** Keeps compiled code between starts, in a folder that nobody else can write to. */
import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache as enable, flushCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** By then a program serves; shorter ones end by themselves. */
const FLUSH_MS = 1_000;

/**
 * Node's own default is a folder in the shared /tmp, where another user could lay code for us to run. This one is used
 * only if it belongs to this user and is closed to writing by others. Without one, starting is slower, nothing else.
 */
export function enableCompileCache(folder: string = join(homedir(), '.cache/lockstep/compiled')): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return false;
    if (enable(folder).directory === undefined) return false;
    // Node keeps it when a program ends well. One that is killed must start as quickly the next time.
    setTimeout(flushCompileCache, FLUSH_MS).unref();
    return true;
  } catch {
    // No home, or a read-only one.
    return false;
  }
}
