/** The keys that a mount holds of its cluster's JWKS document: their names, since when, and which came after which. */
import type { JWK } from 'jose';
import { isObject, strictObject } from '../../lib/jwt/strict-json.ts';
import { fixedKeys, keyBounds, keysOfDocument, type KeySource } from '../../lib/jwt/keys.ts';

/** One public key, and what it is known by. */
export interface NamedKey {
  readonly jwk: JWK;
  /** Empty: it has no name. */
  readonly kid: string;
  /** RFC 7638: the same for the same key, whatever it is called. */
  readonly thumbprint: string;
}

export interface HeldKey extends Pick<NamedKey, 'kid' | 'thumbprint'> {
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** What the configuration names is of 0; what a publication adds is of one more than all before it. */
  readonly generation: number;
}

/** Beside the configuration; absent where that was written before there were any. */
export interface KeyHistory {
  readonly keys: readonly HeldKey[];
  /** When the last publication that was taken was signed, milliseconds: an earlier one is a replay. */
  readonly publishedAt: number;
  /** How often the configuration was written, publications included. Absent: it was not counted yet. */
  readonly version?: number;
}

export const NO_HISTORY: KeyHistory = { keys: [], publishedAt: 0 };

const PARTS = ['kty', 'n', 'e', 'crv', 'x', 'y', 'kid', 'alg', 'use'] as const;

async function named(raw: unknown): Promise<NamedKey | undefined> {
  if (!isObject(raw)) return undefined;
  const jwk = Object.fromEntries(PARTS.flatMap((part) => (raw[part] === undefined ? [] : [[part, raw[part]]]))) as JWK;
  if (keysOfDocument(documentOf([jwk])) === undefined) return undefined;
  const { calculateJwkThumbprint } = await import('jose/jwk/thumbprint');
  return { jwk, kid: jwk.kid ?? '', thumbprint: await calculateJwkThumbprint(jwk) };
}

/** Those that could verify a token, in the order of the document, without private halves; none for what is no document. */
export async function keysIn(document: string): Promise<readonly NamedKey[]> {
  const raw = strictObject(document, { length: keyBounds.documentBytes })?.['keys'];
  if (!Array.isArray(raw) || raw.length > keyBounds.keys) return [];
  const found = await Promise.all(raw.map(named));
  return found.filter((key) => key !== undefined);
}

export const documentOf = (keys: readonly JWK[]): string => JSON.stringify({ keys });

/** This key alone. */
export function sourceOf({ jwk }: Pick<NamedKey, 'jwk'>): KeySource | undefined {
  const list = keysOfDocument(documentOf([jwk]));
  return list === undefined ? undefined : fixedKeys(list);
}

/** After the configuration has named `keys`: all of one rank. One that was held already has been since it came. */
export function configured(before: KeyHistory, keys: readonly NamedKey[], now: number): KeyHistory {
  const since = new Map(before.keys.map((key) => [key.thumbprint, key.since]));
  return {
    keys: keys.map(({ kid, thumbprint }) => ({ kid, thumbprint, since: since.get(thumbprint) ?? now, generation: 0 })),
    publishedAt: before.publishedAt,
  };
}

export const newestOf = ({ keys }: KeyHistory): number => Math.max(0, ...keys.map(({ generation }) => generation));

/** After a publication of `keys`, signed at `publishedAt`. */
export function published(
  before: KeyHistory,
  keys: readonly NamedKey[],
  { publishedAt, now }: { readonly publishedAt: number; readonly now: number },
): KeyHistory {
  const held = new Map(before.keys.map((key) => [key.thumbprint, key]));
  const generation = newestOf(before) + 1;
  return {
    keys: keys.map(({ kid, thumbprint }) => held.get(thumbprint) ?? { kid, thumbprint, since: now, generation }),
    publishedAt,
  };
}
