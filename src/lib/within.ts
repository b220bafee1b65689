/** Whether a path lies where it may. */
import { normalize, sep } from 'node:path';

/** `path`: absolute and normalised. `roots`: files, and folders with all below them. */
export function isWithinOne(path: string, roots: readonly string[]): boolean {
  return roots.map(normalize).some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep));
}
