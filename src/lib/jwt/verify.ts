/**
 * Whether a token is an issuer's, for us, and of now (RFC 7519, 8725). The signature is checked before anything that the
 * token says is believed.
 */
import { isAlgorithm } from './algorithms.ts';
import { checkClaims, type Claims, type Expected } from './claims.ts';
import type { KeyHint, KeyList, KeySource, VerificationKey } from './keys.ts';
import { TokenRefused } from './refusal.ts';
import { strictObject } from './strict-json.ts';

export const tokenBounds = { length: 64 * 1024, header: 8 * 1024, kid: 1_024, depth: 16 } as const;

export interface Verification extends Expected {
  /** Of `algorithms`. */
  readonly algorithms: readonly string[];
}

interface Parts {
  readonly hint: KeyHint;
  readonly text: string;
}

const PART = /^[A-Za-z0-9_-]+$/;
const malformed = (detail: string): TokenRefused => new TokenRefused('malformed', detail);

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('not UTF-8');
  }
}

function objectOf(bytes: Uint8Array, length: number, what: string): Readonly<Record<string, unknown>> {
  const object = strictObject(textOf(bytes), { length, depth: tokenBounds.depth });
  if (object === undefined) throw malformed(`${what} no plain JSON object`);
  return object;
}

/** Throws `TokenRefused`. */
function hintOf(header: Readonly<Record<string, unknown>>): KeyHint {
  const { alg, kid } = header;
  // An extension that must be understood, and is not (RFC 7515, section 4.1.11).
  if (Object.hasOwn(header, 'crit')) throw malformed('its header has critical extensions');
  if (typeof alg !== 'string' || !isAlgorithm(alg)) throw new TokenRefused('algorithm', 'not one with public keys');
  if (kid === undefined) return { alg, kid };
  if (typeof kid !== 'string' || kid.length > tokenBounds.kid) throw malformed('its kid is no name');
  return { alg, kid };
}

/** Throws `TokenRefused`. */
function partsOf(token: string): Parts {
  if (token.length > tokenBounds.length) throw malformed('longer than a token can be');
  const parts = token.split('.', 4);
  if (parts.length !== 3) throw malformed('not three parts; encrypted tokens are not accepted');
  // An empty signature is how `none` looks.
  if (!parts.every((part) => PART.test(part))) throw malformed('not three parts in base64url');
  const header = objectOf(Buffer.from(parts[0] ?? '', 'base64url'), tokenBounds.header, 'its header is');
  return { hint: hintOf(header), text: token };
}

/** The payload's bytes, when the key signed it. */
async function signedBy(key: VerificationKey, { hint, text }: Parts): Promise<Uint8Array | undefined> {
  const ready = await key.for(hint.alg);
  if (ready === undefined) return undefined;
  const { compactVerify } = await import('jose/jws/compact/verify');
  try {
    return (await compactVerify(text, ready, { algorithms: [hint.alg] })).payload;
  } catch {
    return undefined;
  }
}

async function signedByOne(list: KeyList, parts: Parts): Promise<Uint8Array | undefined> {
  for (const key of list.candidates(parts.hint)) {
    // One after the other: the first one fits, nearly always.
    const payload = await signedBy(key, parts);
    if (payload !== undefined) return payload;
  }
  return undefined;
}

async function signedPayload(parts: Parts, keys: KeySource, signal: AbortSignal): Promise<Uint8Array> {
  const list = await keys.current(signal);
  const payload = await signedByOne(list, parts);
  if (payload !== undefined) return payload;
  const newer = await keys.newer(list, signal);
  const second = newer === undefined ? undefined : await signedByOne(newer, parts);
  if (second !== undefined) return second;
  const known = (newer ?? list).candidates(parts.hint).length > 0;
  throw known
    ? new TokenRefused('signature', 'none of the keys that fit signed it')
    : new TokenRefused('key', 'the issuer has no key of its name and algorithm');
}

/**
 * The claims of a token that holds. Rejects with `TokenRefused`, or with `KeysUnavailable` when the issuer's keys cannot be
 * had.
 */
export async function verifyToken(
  token: string,
  keys: KeySource,
  expected: Verification,
  signal: AbortSignal,
): Promise<Claims> {
  const parts = partsOf(token);
  if (!expected.algorithms.includes(parts.hint.alg)) throw new TokenRefused('algorithm', 'not one of those allowed');
  const payload = await signedPayload(parts, keys, signal);
  const claims = objectOf(payload, tokenBounds.length, 'its claims are');
  checkClaims(claims, expected);
  return claims;
}
