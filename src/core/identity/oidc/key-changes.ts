/** Changes of named keys, each in one transaction: the record, the private halves, and when it is due next. */
import type { JWK } from 'jose';
import { fail } from '../../../errors.ts';
import { newSigningPair } from '../../../lib/crypto/signing-keys.ts';
import { uuid } from '../../../lib/crypto/random.ts';
import { encodeRecord, recordAt } from '../../../lib/record.ts';
import { everyKey } from '../../../storage/every-key.ts';
import type { Store, Transaction } from '../../../storage/store.ts';
import { keys } from '../../keys.ts';
import { assertThere } from '../../namespaces/namespace-changes.ts';
import type { SealStandings } from '../../namespaces/seal-domains.ts';
import { oidcKeys } from './layout.ts';
import { DEFAULT_KEY, dueAt, published, rotated, withPairs, type NamedKey, type PublicKey } from './named-key.ts';

export const DEFAULT_NAME = 'default';

/** A pair that nothing refers to yet. */
export interface NewPair extends PublicKey {
  readonly algorithm: string;
  readonly privateKey: Uint8Array;
}

export async function newPair(algorithm: string): Promise<NewPair> {
  const { publicKey, privateKey } = await newSigningPair(algorithm);
  const kid = uuid();
  return { kid, algorithm, privateKey, jwk: { use: 'sig', ...(publicKey as JWK), kid, alg: algorithm } };
}

export function keyIn(tx: Pick<Transaction, 'get'>, namespace: string, name: string): NamedKey | undefined {
  const found = recordAt<NamedKey>(tx, oidcKeys(namespace).named('key', name));
  return found ?? (name === DEFAULT_NAME ? DEFAULT_KEY : undefined);
}

const dueKey = (key: NamedKey | undefined, namespace: string, name: string): string | undefined => {
  const at = key === undefined ? undefined : dueAt(key);
  return at === undefined ? undefined : keys.oidcDue(at, `${namespace}/${name}`);
};

interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** `after` undefined: it is no more. `pairs`: those of which the private halves are new. */
export function writeKey(
  tx: Transaction,
  { namespace, name }: Place,
  after: NamedKey | undefined,
  pairs: readonly NewPair[] = [],
): void {
  const at = oidcKeys(namespace);
  const before = recordAt<NamedKey>(tx, at.named('key', name));
  moveDue(tx, dueKey(before, namespace, name), dueKey(after, namespace, name));
  for (const { kid, privateKey } of pairs) tx.put(at.privateKey(kid), privateKey);
  for (const kid of signedBy(before, after)) tx.delete(at.privateKey(kid));
  if (after === undefined) tx.delete(at.named('key', name));
  else tx.put(at.named('key', name), encodeRecord(after));
}

function moveDue(tx: Transaction, before: string | undefined, after: string | undefined): void {
  if (before !== undefined && before !== after) tx.delete(before);
  if (after !== undefined) tx.put(after, new Uint8Array());
}

/** Pairs that sign no more: their private halves are of no use. */
function signedBy(before: NamedKey | undefined, after: NamedKey | undefined): readonly string[] {
  const ring = before?.ring ?? [];
  return ring
    .filter(({ kid, expiresAt }) => expiresAt === 0 && kid !== after?.signing && kid !== after?.next)
    .map(({ kid }) => kid);
}

/** The built-in key has no pairs until something is to be signed by it. */
export async function ensureDefaultKey(store: Store, namespace: string, now: number): Promise<void> {
  if ((keyIn(store, namespace, DEFAULT_NAME)?.signing ?? '') !== '') return;
  await withNewPairs(store, { namespace, name: DEFAULT_NAME }, now);
}

async function withNewPairs(store: Store, place: Place, now: number): Promise<void> {
  const algorithm = keyIn(store, place.namespace, place.name)?.algorithm ?? DEFAULT_KEY.algorithm;
  const pairs = [await newPair(algorithm), await newPair(algorithm)] as const;
  await store.transact((tx) => {
    assertThere(tx, { id: place.namespace });
    const key = keyIn(tx, place.namespace, place.name);
    // Somebody else was faster, or chose another algorithm meanwhile.
    if (key === undefined || key.signing !== '' || key.algorithm !== algorithm) return;
    writeKey(tx, place, withPairs(key, pairs, now), pairs);
  });
}

/** Throws `badRequest` when there is no such key, `conflict` when it was changed meanwhile. */
export async function rotateKey(store: Store, place: Place, now: number, ttl?: number): Promise<void> {
  const { namespace, name } = place;
  if (name === DEFAULT_NAME) await ensureDefaultKey(store, namespace, now);
  const known = keyIn(store, namespace, name);
  if (known === undefined) throw fail('badRequest', `no named key found at "${name}"`);
  const made = await newPair(known.algorithm);
  await store.transact((tx) => {
    assertThere(tx, { id: namespace });
    const key = keyIn(tx, namespace, name);
    if (key === undefined) throw fail('badRequest', `no named key found at "${name}"`);
    if (key.algorithm !== made.algorithm || key.signing !== known.signing) {
      throw fail('conflict', `the key "${name}" was changed at the same time: try again`);
    }
    writeKey(tx, place, rotated(key, made, now, ttl), [made]);
  });
}

const AT_ONCE = 100;

/** Rotates what is due, and takes back from publication what has been there for long enough. False: there was nothing. */
export async function keepKeys(
  store: Store,
  namespaces: Pick<SealStandings, 'isReadable'>,
  now: number,
): Promise<boolean> {
  const due = dueUntil(store, namespaces, now);
  for (const key of due) await keepKey(store, key, now);
  return due.length === AT_ONCE;
}

/** Those of a namespace that is sealed wait until it is not. */
function dueUntil(store: Store, { isReadable }: Pick<SealStandings, 'isReadable'>, now: number): readonly string[] {
  using snapshot = store.snapshot();
  const found: string[] = [];
  for (const key of everyKey(snapshot, keys.oidcDues)) {
    const [time, namespace = ''] = key.slice(keys.oidcDues.length).split('/', 2);
    if (Number(time) > now || found.length === AT_ONCE) break;
    if (isReadable(namespace)) found.push(key);
  }
  return found;
}

/** The key of the record that is due has its place in it: `<time>/<namespace>/<name>`. */
async function keepKey(store: Store, due: string, now: number): Promise<void> {
  const [, namespace = '', name = ''] = due.slice(keys.oidcDues.length).split('/');
  const place = { namespace, name };
  const known = keyIn(store, namespace, name);
  const rotates = known !== undefined && known.nextRotation > 0 && known.nextRotation <= now;
  const made = rotates ? await newPair(known.algorithm) : undefined;
  await store.transact((tx) => {
    const key = recordAt<NamedKey>(tx, oidcKeys(namespace).named('key', name));
    // Its namespace was deleted, or it has another time by now.
    if (key === undefined || dueKey(key, namespace, name) !== due) {
      tx.delete(due);
      return;
    }
    const fits = made !== undefined && key.nextRotation <= now && key.algorithm === made.algorithm;
    const after = fits ? rotated(key, made, now) : key;
    writeKey(tx, place, { ...after, ring: published(after, now) }, fits ? [made] : []);
  });
}
