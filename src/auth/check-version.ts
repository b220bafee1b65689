/** Check-and-set of what is configured: whoever read one version does not overwrite another. */
import { fail } from '../errors.ts';

/** `cas`: what a writer expects, undefined: anything. `version`: what is there, 0: nothing. Throws `badRequest`. */
export function checkVersion(cas: number | undefined, version: number): void {
  if (cas === undefined || cas === version) return;
  throw fail(
    'badRequest',
    `check-and-set parameter ${String(cas)} did not match the current version ${String(version)}: read it again`,
  );
}
