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

/** What a token's header may be. */
export interface ExpectedHeader {
  /** Of `algorithms`. */
  readonly algorithms: readonly string[];
  /** What `typ` of the header may be where it is there; absent: anything. */
  readonly types?: readonly string[];
  /** The header must name its key. */
  readonly named?: boolean;
}

export interface Verification extends ExpectedHeader, Expected {}

interface Parts {
  readonly hint: KeyHint;
  /** `typ`, as it stands there. */
  readonly type: unknown;
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
  return { hint: hintOf(header), type: header['typ'], text: token };
}

/** Throws `TokenRefused`. */
function checkHeader({ hint, type }: Parts, { algorithms, types, named = false }: ExpectedHeader): void {
  if (!algorithms.includes(hint.alg)) throw new TokenRefused('algorithm', 'not one of those allowed');
  if (types !== undefined && type !== undefined && !types.some((each) => each === type)) {
    throw malformed('its typ is that of another kind of token');
  }
  if (named && hint.kid === undefined) throw malformed('its header names no key');
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

/** How many lists of keys are tried: one that is published anew each time must not hold a token up for ever. */
const MOST_LISTS = 4;

async function signedPayload(parts: Parts, keys: KeySource, signal: AbortSignal): Promise<Uint8Array> {
  let list = await keys.current(signal);
  for (let tried = 1; ; tried += 1) {
    const payload = await signedByOne(list, parts);
    if (payload !== undefined) return payload;
    const newer = tried < MOST_LISTS ? await keys.newer(list, signal) : undefined;
    if (newer === undefined) break;
    list = newer;
  }
  throw list.candidates(parts.hint).length > 0
    ? new TokenRefused('signature', 'none of the keys that fit signed it')
    : new TokenRefused('key', 'the issuer has no key of its name and algorithm');
}

/**
 * What the issuer has signed, whoever it is for and of whenever it is: `checkClaims` judges that. Rejects with `TokenRefused`,
 * or with `ServerUnavailable` when the issuer's keys cannot be had.
 */
export async function signedClaims(
  token: string,
  keys: KeySource,
  expected: ExpectedHeader,
  signal: AbortSignal,
): Promise<Claims> {
  const parts = partsOf(token);
  checkHeader(parts, expected);
  return objectOf(await signedPayload(parts, keys, signal), tokenBounds.length, 'its claims are');
}

/** The claims of a token that holds. Rejects as `signedClaims` does. */
export async function verifyToken(
  token: string,
  keys: KeySource,
  expected: Verification,
  signal: AbortSignal,
): Promise<Claims> {
  const claims = await signedClaims(token, keys, expected, signal);
  checkClaims(claims, expected);
  return claims;
}
