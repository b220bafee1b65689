/** What stands in a token, and whether it is what a role asks for. */
import { matchesGlob } from '../../lib/glob.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { isObject } from '../../lib/jwt/strict-json.ts';
import type { Claims } from '../../lib/jwt/claims.ts';

const STEPS = 16;

function step(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return /^(?:0|[1-9]\d{0,5})$/.test(name) ? (value[Number(name)] as unknown) : undefined;
  // Own members alone: `constructor` is nobody's claim.
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** By a JSON pointer (RFC 6901) where the name begins with a slash, otherwise by the name itself. null is none. */
export function claimOf(claims: Claims, name: string): unknown {
  if (!name.startsWith('/')) return step(claims, name) ?? undefined;
  const names = name.slice(1).split('/', STEPS);
  const unescaped = names.map((each) => each.replaceAll('~1', '/').replaceAll('~0', '~'));
  return unescaped.reduce<unknown>(step, claims) ?? undefined;
}

export type Plain = string | number | boolean;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number';

/** A value, or a list of them; undefined for what is neither. */
export function plainValues(value: unknown): readonly Plain[] | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.every(isPlain) ? list : undefined;
}

export interface BoundClaims {
  readonly type: 'string' | 'glob';
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Throws `TokenRefused` unless every bound claim is there with one of its values. */
export function checkBoundClaims(claims: Claims, { type, claims: bound }: BoundClaims): void {
  for (const [name, wanted] of Object.entries(bound)) {
    const has = plainValues(claimOf(claims, name));
    const allowed = plainValues(wanted) ?? [];
    if (has === undefined) throw new TokenRefused('claim', `"${name}" is missing, or no value or list of values`);
    const fits = (value: Plain): boolean =>
      type === 'string'
        ? allowed.includes(value)
        : typeof value === 'string' &&
          allowed.some((pattern) => typeof pattern === 'string' && matchesGlob(pattern, value));
    if (!has.some(fits)) throw new TokenRefused('claim', `"${name}" is none of its bound values`);
  }
}
