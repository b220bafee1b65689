/** What is kept of an identity: entities with their aliases, groups with theirs. Ids are UUIDs, times milliseconds. */
import { fail } from '../../errors.ts';
import { ownDocument } from '../policy/wrapping-policy.ts';

export type Metadata = Readonly<Record<string, string>>;

/** Who an auth mount says that somebody is. */
export interface AliasRecord {
  readonly id: string;
  readonly name: string;
  /** The mount's id, and its accessor, which templates name. */
  readonly mount: string;
  readonly accessor: string;
  /** What the auth method said at the last login. */
  readonly metadata: Metadata | null;
  readonly customMetadata: Metadata | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Entities that had it before they were merged. */
  readonly mergedFrom: readonly string[];
  /** What it is found by: a keyed hash of mount and name. */
  readonly factor: string;
}

export interface EntityRecord {
  readonly id: string;
  readonly name: string;
  readonly metadata: Metadata | null;
  readonly policies: readonly string[];
  readonly disabled: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** At most one of each mount. */
  readonly aliases: readonly AliasRecord[];
  /** Ids of entities that were merged into this one: tokens of theirs are its own now. */
  readonly mergedIds: readonly string[];
  /** Only in the first record of it, for events. */
  readonly first?: true;
}

export interface GroupAliasRecord {
  readonly id: string;
  readonly name: string;
  readonly mount: string;
  readonly accessor: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly factor: string;
}

export interface GroupRecord {
  readonly id: string;
  readonly name: string;
  /** `external`: an auth method says who is in it. */
  readonly type: 'internal' | 'external';
  readonly policies: readonly string[];
  readonly metadata: Metadata | null;
  readonly memberEntities: readonly string[];
  readonly memberGroups: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly modifyIndex: number;
  readonly alias?: GroupAliasRecord;
}

/** Vault's bounds of metadata; of names our own, so that one fits into a storage key however it is spelt. */
const MOST_PAIRS = 64;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 512;
const LONGEST_NAME = 256;
/** No part of a key: SPIFFE ids and the like are long. */
const LONGEST_ALIAS = 2_048;
const MOST_MEMBERS = 100_000;
const MOST_POLICIES = 512;
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** Names are compared without case, in one spelling, as Vault compares them: two that look alike are one. */
export const folded = (name: string): string => name.normalize('NFC').toLowerCase();

/** Throws `badRequest` for a name that nobody could tell from another, or that does not fit. `what`: as errors call it. */
export function checkName(what: string, name: string, most: number = LONGEST_NAME): string {
  if (name === '') throw fail('badRequest', `the ${what} is empty`);
  if (!name.isWellFormed() || UNPRINTABLE.test(name)) {
    throw fail('badRequest', `the ${what} has characters that cannot be printed`);
  }
  if (Buffer.byteLength(folded(name)) > most)
    throw fail('badRequest', `the ${what} is longer than ${String(most)} bytes`);
  return name;
}

export const checkAliasName = (name: string): string => checkName('name of the alias', name, LONGEST_ALIAS);

/** Throws `badRequest` beyond Vault's bounds. */
export function checkMetadata(metadata: Metadata): Metadata {
  const pairs = Object.entries(metadata);
  if (pairs.length > MOST_PAIRS) throw fail('badRequest', `metadata has more than ${String(MOST_PAIRS)} keys`);
  for (const [key, value] of pairs) {
    if (key === '' || key.length > LONGEST_KEY || !key.isWellFormed() || UNPRINTABLE.test(key)) {
      throw fail('badRequest', `a key of metadata is empty, longer than ${String(LONGEST_KEY)} or cannot be printed`);
    }
    if (value.length > LONGEST_VALUE || !value.isWellFormed() || UNPRINTABLE.test(value)) {
      throw fail('badRequest', `metadata "${key}": longer than ${String(LONGEST_VALUE)}, or it cannot be printed`);
    }
  }
  return metadata;
}

/** Lower case, each once, sorted. Throws `badRequest` for what no identity gives, however it is spelt. */
export function identityPolicies(names: readonly string[]): readonly string[] {
  const clean = [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))];
  if (clean.includes('root')) throw fail('badRequest', 'policies cannot contain root');
  const own = clean.find((name) => ownDocument(name) !== undefined);
  if (own !== undefined) throw fail('badRequest', `policies cannot contain ${own}`);
  if (clean.length > MOST_POLICIES) throw fail('badRequest', `more than ${String(MOST_POLICIES)} policies`);
  return clean.sort();
}

/** Each once, in their order. */
export function memberIds(ids: readonly string[]): readonly string[] {
  const members = [...new Set(ids.filter((id) => id !== ''))];
  if (members.length > MOST_MEMBERS) throw fail('badRequest', `a group has at most ${String(MOST_MEMBERS)} members`);
  return members;
}

/** None and an empty one are the same. */
export function sameMetadata(one: Metadata | null, other: Metadata | null): boolean {
  const [a, b] = [Object.entries(one ?? {}), Object.entries(other ?? {})];
  return a.length === b.length && a.every(([key, value]) => other?.[key] === value);
}
