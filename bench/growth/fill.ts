/**
 * Makes a data directory that holds many secrets and tokens. The records are made by the functions that the server makes
 * them with, one transaction a secret and one a token as it has them, below the request path: filling over HTTP would
 * take as long as measuring.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KeptRecords } from '../../src/core/mounts/kept-records.ts';
import { compartment } from '../../src/core/mounts/compartment.ts';
import { MountChanges, type MountSpec } from '../../src/core/mounts/mount-changes.ts';
import { NO_CONFIG } from '../../src/core/mounts/mount.ts';
import { keys, ROOT_NAMESPACE } from '../../src/core/keys.ts';
import { NamespaceTable } from '../../src/core/namespaces/namespace-table.ts';
import { ROOT } from '../../src/core/namespaces/namespace.ts';
import { IdentityStore } from '../../src/core/identity/identity-store.ts';
import { PolicyStore } from '../../src/core/policy/policy-store.ts';
import { nodeKeys, ROOT_TOKEN, seed, TOKEN_KEYS } from '../../src/core/seed.ts';
import { insertToken, tokenKey } from '../../src/core/tokens/new-tokens.ts';
import { appendVersion, newMetadata } from '../../src/engines/kv/v2/records.ts';
import { SealLifecycle } from '../../src/seal/lifecycle.ts';
import { Seals } from '../../src/seal/seals.ts';
import { shamirSeal } from '../../src/seal/shamir/seal.ts';
import { DATA_FILE } from '../../src/storage/lmdb/data-directory.ts';
import { STORE_FORMAT } from '../../src/storage/lmdb/meta.ts';
import { openLmdbStore } from '../../src/storage/lmdb/open.ts';
import type { Store } from '../../src/storage/store.ts';

export interface Filling {
  readonly secrets: number;
  readonly tokens: number;
}

export interface Filled extends Filling {
  /** The data directory of the store. */
  readonly path: string;
  /** The one unseal share, base64. */
  readonly share: string;
  readonly rootToken: string;
  /** Of a token with one policy, which may read and list the secrets. */
  readonly token: string;
  readonly seconds: number;
  /** What the file takes on the disk. */
  readonly bytes: number;
}

/** Transactions that are asked for at once: they share a flush. */
const AT_ONCE = 1_000;
const VALUE_BYTES = 200;
/** Far beyond the end of any run. */
const TOKEN_TTL = 30 * 86_400;
const PER_FOLDER = 1_000;
const NOTE = 'filled.json';

const POLICY = 'path "secret/*" { capabilities = ["read", "list"] }';

/** Where a secret lies below `secret/data/`: 1,000 in a folder. Filled in key order, which takes half the time. */
export const secretPath = (at: number): string =>
  `app-${String(Math.floor(at / PER_FOLDER)).padStart(6, '0')}/secret-${String(at % PER_FOLDER).padStart(3, '0')}`;

/** A token of the many; its number is in it, so that it can be asked for. */
export const tokenId = (at: number): string => `hvs.growth${String(at).padStart(18, '0')}`;

const KV: MountSpec = {
  ...{ table: 'secret', path: 'secret/', type: 'kv', description: '', local: false },
  ...{ sealWrap: false, externalEntropyAccess: false, options: { version: '2' }, config: NO_CONFIG },
};

async function inGroups(count: number, one: (at: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const size = Math.min(AT_ONCE, count - from);
    await Promise.all(Array.from({ length: size }, (_, index) => one(from + index)));
  }
}

async function fillSecrets(store: Store, count: number): Promise<void> {
  const { uuid } = await new MountChanges(store).enable(ROOT, KV);
  const mount = keys.mount('s', ROOT_NAMESPACE, uuid);
  using kept = new KeptRecords(store);
  const shared = compartment({ store, kept, prefix: keys.data('s', ROOT_NAMESPACE, uuid), writable: true, mount });
  const data = { value: 'x'.repeat(VALUE_BYTES) };
  await inGroups(count, (at) => {
    const createdTime = new Date().toISOString();
    const added = { data, created: { createdTime }, limit: 10, change: 'data-write' } as const;
    return shared.transact((tx) => appendVersion(tx, secretPath(at), newMetadata(createdTime), added));
  });
}

async function fillTokens(store: Store, count: number): Promise<string> {
  const now = Date.now();
  using namespaces = new NamespaceTable(store);
  using identities = new IdentityStore(store);
  using policies = new PolicyStore({ store, namespaces, identities, now: Date.now });
  await policies.put(ROOT.id, 'bench', { text: POLICY });
  const hmac = nodeKeys(store)(TOKEN_KEYS);
  const spec = { ...ROOT_TOKEN, path: 'auth/token/create', displayName: 'token', policies: ['default', 'bench'] };
  // A millisecond apart, so that no two end at once.
  const make = (id: string, at: number) =>
    store.transact((tx) => insertToken(tx, hmac, { ...spec, id, ttl: TOKEN_TTL, renewable: true }, now - count + at));
  // In the order of their keys: in any other each of a million touches a page of its own.
  const inOrder = Array.from({ length: count }, (_, at) => ({ id: tokenId(at), key: tokenKey(hmac, tokenId(at)) }));
  inOrder.sort((a, b) => (a.key < b.key ? -1 : 1));
  await inGroups(count, (at) => make(inOrder[at]?.id ?? '', at));
  const { value } = await make('hvs.growthreader000000000000', count);
  return value.id;
}

/** As `fill`, or what an earlier call left there; with `anew` that is thrown away. */
export async function filled(folder: string, filling: Filling, anew: boolean): Promise<Filled> {
  const place = join(folder, `${STORE_FORMAT.replace('/', '-')}-${String(filling.secrets)}-${String(filling.tokens)}`);
  const note = join(place, NOTE);
  if (!anew && existsSync(note)) return JSON.parse(readFileSync(note, 'utf8')) as Filled;
  rmSync(place, { recursive: true, force: true });
  const made = await fill(place, filling);
  // Last, so that a fill that was cut off is done again. It holds keys, of this data alone.
  writeFileSync(note, JSON.stringify(made), { mode: 0o600 });
  return made;
}

export async function fill(folder: string, filling: Filling): Promise<Filled> {
  const started = performance.now();
  const path = join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  await using raw = await openLmdbStore({ path });
  const about = { version: '', buildDate: '', storageType: 'lmdb' };
  const lifecycle = new SealLifecycle({ raw, seals: Seals.of(shamirSeal()), about });
  const made = await lifecycle.init({ secretShares: 1, secretThreshold: 1 }, (tx) => seed(tx, Date.now()));
  const share = made.unsealShares.expose().base64[0] ?? '';
  await lifecycle.unseal(Buffer.from(share, 'base64'));
  await fillSecrets(lifecycle.store, filling.secrets);
  const token = await fillTokens(lifecycle.store, filling.tokens);
  lifecycle.barrier.seal();
  const seconds = (performance.now() - started) / 1_000;
  return {
    ...filling,
    path,
    share,
    rootToken: made.seeded,
    token,
    seconds,
    bytes: statSync(join(path, DATA_FILE)).size,
  };
}
