/** Check-and-set of what is configured: whoever read one version does not overwrite another. */
import { fail } from '../errors.ts';

export interface VersionCheck {
  /** What a writer expects to be there; undefined: anything. */
  readonly cas: number | undefined;
  /** What is there; 0: nothing. */
  readonly version: number;
  /** What a writer says who expects nothing; by default 0. */
  readonly nothing?: 0 | -1;
  /** Whether a writer has to say what it expects. */
  readonly required?: boolean;
}

/** Throws `badRequest`. */
export function checkVersion({ cas, version, nothing = 0, required = false }: VersionCheck): void {
  if (cas === undefined) {
    if (required) throw fail('badRequest', 'check-and-set parameter required for this call');
    return;
  }
  const current = version === 0 ? nothing : version;
  if (cas === current) return;
  const remedy = version === 0 ? 'which stands for what is not there' : 'read it again';
  throw fail(
    'badRequest',
    `check-and-set parameter ${String(cas)} did not match the current version ${String(current)}: ${remedy}`,
  );
}
