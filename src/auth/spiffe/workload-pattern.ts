/** Patterns of workload ids, the path of a SPIFFE ID without its first slash: `+` is one segment, `*` at the end the rest. */
import { fail } from '../../errors.ts';
import { isPathSegment } from '../../lib/spiffe/spiffe-id.ts';

const LONGEST = 2_048;

const withoutSlash = (path: string): string => path.replace(/^\//, '');

/** Throws `badRequest` for a pattern that no workload could match, or that reads as something else than it is. */
export function checkWorkloadPattern(pattern: string): void {
  const refuse = (why: string): Error => fail('badRequest', `workload_id_patterns: "${pattern.slice(0, 128)}" ${why}`);
  if (pattern.startsWith('spiffe://')) throw refuse('names a trust domain: give the path behind it alone');
  if (pattern.length > LONGEST) throw refuse('is longer than a SPIFFE ID can be');
  const body = withoutSlash(pattern);
  const open = body.endsWith('*');
  const segments = (open ? body.slice(0, -1) : body).split('/');
  const last = segments.pop() ?? '';
  if (!segments.every((each) => each === '+' || isPathSegment(each))) {
    throw refuse('has a segment that no SPIFFE ID has; "+" stands for a whole segment, "*" only at the end');
  }
  // Before the star a segment may have begun, or not.
  const fits = open
    ? last === '' || isPathSegment(last) || /^\.{1,2}$/.test(last)
    : last === '+' || isPathSegment(last);
  if (!fits) throw refuse('does not end as a SPIFFE ID does; "+" stands for a whole segment, "*" only at the end');
}

function matches(pattern: string, path: string): boolean {
  const open = pattern.endsWith('*');
  const wanted = withoutSlash(open ? pattern.slice(0, -1) : pattern).split('/');
  const segments = withoutSlash(path).split('/');
  const last = wanted.pop() ?? '';
  if (open ? segments.length <= wanted.length : segments.length !== wanted.length + 1) return false;
  if (!wanted.every((each, at) => each === '+' || each === segments[at])) return false;
  const there = segments[wanted.length] ?? '';
  return open ? there.startsWith(last) : last === '+' || last === there;
}

/** `path`: of a SPIFFE ID, not empty. */
export function matchesWorkload(patterns: readonly string[], path: string): boolean {
  return path !== '' && patterns.some((pattern) => matches(pattern, path));
}
