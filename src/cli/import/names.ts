/**
 * Names that a source lists become paths at both sides, asked with the target's token: one that leads elsewhere (`..`,
 * slashes) must not be asked, also because a proxy on the way may resolve it. What is refused here no server would take.
 */
import type { Kind } from './report.ts';
import type { Run } from './run.ts';

/** Of a whole path: longer than any key that can be stored. So what is nested without end comes to one. */
const LONGEST = 2_048;
const SHOWN = 300;
/** Controls, formats, lone surrogates, and blanks other than the plain one: servers refuse them too. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** Why it cannot be asked; undefined for a canonical path, which may end in a slash. */
export function strangeness(path: string): string | undefined {
  if (path.length > LONGEST) return `its path is longer than ${String(LONGEST)} characters`;
  if (unprintable.test(path)) return 'its name holds characters that cannot be printed';
  const segments = path.replace(/\/$/, '').split('/');
  return segments.some((segment) => segment === '' || segment === '.' || segment === '..')
    ? 'its name is no canonical path'
    : undefined;
}

/** Their names can hold slashes; of others that would be another endpoint, such as one below a role. */
const DEEP: ReadonlySet<Kind> = new Set(['policy', 'password policy']);

/** Those below `folder` that can be asked; the others are told as failed. */
export function usableNames(
  { report }: Pick<Run, 'report'>,
  { kind, folder }: { readonly kind: Kind; readonly folder: string },
  names: readonly string[],
): readonly string[] {
  return names.filter((name) => {
    const slash = !DEEP.has(kind) && name.slice(0, -1).includes('/') ? 'its name holds a slash' : undefined;
    const reason = slash ?? strangeness(name) ?? strangeness(folder + name);
    if (reason !== undefined) report.add({ kind, path: folder + name.slice(0, SHOWN), outcome: 'failed', reason });
    return reason === undefined;
  });
}
