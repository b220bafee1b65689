/**
 * The paths of policy rules: literal text, a segment `+` for any one segment, `*` at the end for any rest. Within a
 * segment `+` is itself, as in Vault: names hold it (`bob+test@example.org`).
 */
import { fail } from '../../errors.ts';
import type { PathKind } from './rule.ts';

/** UTF-16 units; a longer path could not be stored either. */
export const MAX_RULE_PATH = 1_900;

export interface RulePath {
  readonly path: string;
  readonly kind: PathKind;
  readonly templated: boolean;
}

/** A leading slash is dropped, as in Vault. Throws `badRequest` for what would never match or not mean what it says. */
export function parseRulePath(written: string): RulePath {
  const path = written.startsWith('/') ? written.slice(1) : written;
  if (path.length > MAX_RULE_PATH) throw fail('badRequest', `a policy path is longer than ${MAX_RULE_PATH} characters`);
  if (path === '') throw fail('badRequest', 'a policy path is empty: write "*" to mean every path');
  const templated = path.includes('{{') || path.includes('${');
  const problem = templated ? undefined : problemOf(path);
  if (problem !== undefined) throw fail('badRequest', `path "${written}": ${problem}`);
  return { path, kind: kindOf(path), templated };
}

function kindOf(path: string): PathKind {
  if (path.split('/').includes('+')) return 'segments';
  return path.endsWith('*') ? 'prefix' : 'exact';
}

/** Why no request could match the path, or it would not mean what it says. */
export function problemOf(path: string): string | undefined {
  const star = path.indexOf('*');
  if (star !== -1 && star < path.length - 1) {
    return '* stands only at the end of a path; + matches one whole segment';
  }
  const segments = path.split('/');
  if (path.endsWith('+*')) return '+* is refused, as in Vault: end with + or with *';
  // Request paths are canonical before they are matched, so such a rule, a deny above all, would silently do nothing.
  if (segments.some((segment, at) => isNeverRequested(segment, at === segments.length - 1))) {
    return 'it has an empty, "." or ".." segment, which no request path has';
  }
  return undefined;
}

function isNeverRequested(segment: string, last: boolean): boolean {
  return segment === '.' || segment === '..' || (segment === '' && !last);
}
