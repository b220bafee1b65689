/**
 * A restore for practice: a snapshot is put into a store of its own in a folder that goes afterwards, opened with the keys
 * that are given, and read to its last record. Nothing listens, and nothing of the live node is touched.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerConfig } from '../config/server.ts';
import { MountTable, type Mounted } from '../core/mounts/mount-table.ts';
import { SealableStore } from '../core/namespaces/sealable-store.ts';
import { API_VERSION } from '../core/settings.ts';
import { fillStore } from '../core/snapshots/fill.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import type { JsonObject } from '../framework/field.ts';
import { coerce } from '../framework/values.ts';
import { contentDigest } from '../lib/crypto/content-digest.ts';
import { randomIndexes, uuid } from '../lib/crypto/random.ts';
import { silent } from '../lib/log.ts';
import { nextTurn } from '../lib/next-turn.ts';
import { registry } from '../registry.ts';
import { parseKeyText } from '../seal/key-text.ts';
import { SealLifecycle } from '../seal/lifecycle.ts';
import { proveSeal } from '../seal/snapshot-proof.ts';
import { openLmdbStore } from '../storage/lmdb/open.ts';
import { everyKey } from '../storage/every-key.ts';
import type { Store } from '../storage/store.ts';
import { openSeals } from './open-seal.ts';

export interface Drill {
  readonly path: string;
  /** Hex or base64, as people keep them; none where the seal opens by itself. */
  readonly keys: readonly string[];
  /** Whose seal it is; undefined: Shamir shares. */
  readonly config: Pick<ServerConfig, 'seal' | 'storage'> | undefined;
  /** How many secrets are read as a client would read them. */
  readonly sample: number;
  readonly signal: AbortSignal;
  /** Where its folder is made; by default the system's for temporary files. */
  readonly below?: string;
}

export interface Sampled {
  /** The request path. */
  readonly path: string;
  /** The path of the namespace, with its closing slash. */
  readonly namespace: string;
  /** Of KV version 2: such a version never changes. */
  readonly version: number | undefined;
  /** Of its data, keyed by the report's nonce. */
  readonly digest: string;
}

export interface DrillReport {
  readonly index: number;
  readonly taken: string;
  readonly bytes: number;
  /** Seconds: until the content was there, until it was unsealed, until all of it was read. */
  readonly seconds: {
    readonly restore: number;
    readonly unseal: number;
    readonly read: number;
    readonly total: number;
  };
  readonly counts: Readonly<Record<'records' | 'namespaces' | 'mounts' | 'policies' | 'tokens' | 'secrets', number>>;
  readonly nonce: string;
  readonly sampled: readonly Sampled[];
}

/** Throws an error of the catalogue that names what is wrong. Whatever happens, its folder is gone afterwards. */
export async function drill(options: Drill): Promise<DrillReport> {
  const folder = mkdtempSync(join(options.below ?? tmpdir(), 'lockstep-drill-'));
  try {
    return await drillIn(folder, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const SHARES = { type: 'shamir', name: 'shamir', priority: 1, disabled: false } as const;

async function drillIn(folder: string, options: Drill): Promise<DrillReport> {
  const { path, signal, config } = options;
  const start = performance.now();
  const store = await openLmdbStore({ path: join(folder, 'data') });
  await using _store = store;
  const found = await fillStore(store, path, { check: () => undefined, signal });
  const restored = performance.now();
  const seals = await openSeals(config?.seal ?? [SHARES], config?.storage ?? { type: 'inmem' }, silent);
  const lifecycle = new SealLifecycle({
    ...{ raw: store, seals },
    about: { version: API_VERSION, buildDate: '', storageType: 'lmdb' },
  });
  try {
    await unseal(lifecycle, options);
    proveSeal(lifecycle.barrier.rootKey, found);
    const unsealed = performance.now();
    const nonce = uuid();
    await using sealable = new SealableStore(lifecycle.store, { now: Date.now });
    const read = await readAll(lifecycle.store, sealable, { nonce, sample: options.sample, signal });
    const end = performance.now();
    const seconds = (from: number, to: number): number => Math.round(to - from) / 1_000;
    return {
      index: found.meta.sequence,
      taken: new Date(found.meta.time).toISOString(),
      bytes: found.meta.bytes,
      seconds: {
        restore: seconds(start, restored),
        unseal: seconds(restored, unsealed),
        read: seconds(unsealed, end),
        total: seconds(start, end),
      },
      nonce,
      ...read,
    };
  } finally {
    lifecycle.seal();
    lifecycle[Symbol.dispose]();
    seals[Symbol.dispose]();
  }
}

async function unseal(lifecycle: SealLifecycle, { keys, signal }: Drill): Promise<void> {
  if ((await lifecycle.open(signal)).sealed) {
    for (const text of keys) {
      const share = parseKeyText(text);
      if (share === undefined) throw fail('invalidShares', 'one of the keys is neither hex nor base64');
      if (!(await lifecycle.unseal(share)).sealed) return;
    }
    const { t, progress } = lifecycle.status();
    throw fail(
      'invalidShares',
      `the snapshot stays sealed: ${String(progress)} of ${String(t)} keys were given: give them with -keys`,
    );
  }
}

interface Secret {
  readonly mounted: Mounted;
  /** As its engine's filters name it. */
  readonly path: string;
}

type Read = Pick<DrillReport, 'counts' | 'sampled'>;
interface Reading {
  readonly nonce: string;
  readonly sample: number;
  readonly signal: AbortSignal;
}

/** Records that are read without a break: then whoever wants it ended is heard. */
const TURN = 1_000;
const PLACE = /^[hsl]\/[^/]+\/([^/]+)\//;
const COUNTED: Readonly<Record<string, keyof DrillReport['counts']>> = {
  namespaces: 'namespaces',
  mounts: 'mounts',
  policies: 'policies',
  tokens: 'tokens',
};

/**
 * Every record is decrypted: one that is damaged, or under a key that is not there, throws `corrupt` with its key. What lies
 * in namespaces with a seal of their own is opened by the node's keys alone, and their secrets are not sampled: `below` has
 * it as it lies there.
 */
async function readAll(below: Store, store: Store, { nonce, sample, signal }: Reading): Promise<Read> {
  const counts = { records: 0, namespaces: 0, mounts: 0, policies: 0, tokens: 0, secrets: 0 };
  using mounts = new MountTable({
    ...{ store, registry, region: 'hub', hub: false },
    ttl: () => ({ default: 0, max: 0 }),
    warn: () => undefined,
  });
  using snapshot = below.snapshot();
  for (const key of everyKey(snapshot, '')) {
    snapshot.get(key);
    counts.records += 1;
    if (counts.records % TURN === 0) {
      await nextTurn();
      signal.throwIfAborted();
    }
    const area = COUNTED[PLACE.exec(key)?.[1] ?? ''];
    if (area !== undefined) counts[area] += 1;
  }
  const secrets: Secret[] = [];
  for (const mounted of mounts.everywhere()) {
    for (const path of secretsOf(mounted, store)) secrets.push({ mounted, path });
  }
  counts.secrets = secrets.length;
  const chosen = secrets.length <= sample ? secrets : pick(secrets, sample);
  return { counts, sampled: chosen.flatMap((secret) => sampled(secret, nonce) ?? []) };
}

function pick(all: readonly Secret[], count: number): readonly Secret[] {
  const chosen = new Set<number>();
  while (chosen.size < count) for (const at of randomIndexes(all.length, count - chosen.size)) chosen.add(at);
  return [...chosen].flatMap((at) => all[at] ?? []);
}

function secretsOf({ record, namespace, plugin }: Mounted, store: Store): ReadonlySet<string> {
  const paths = new Set<string>();
  if (record.type !== 'kv' || plugin.logicalPath === undefined) return paths;
  const prefix = `s/${namespace}/data/${record.uuid}/`;
  using snapshot = store.snapshot();
  for (const key of everyKey(snapshot, prefix)) {
    const path = plugin.logicalPath(key.slice(prefix.length));
    if (path !== undefined) paths.add(path);
  }
  return paths;
}

/** As a client reads it. undefined: it is deleted, and its data is not to be had. */
function sampled({ mounted, path }: Secret, nonce: string): Sampled | undefined {
  const versioned = mounted.record.options?.['version'] === '2';
  const rest = versioned ? `data/${path}` : path;
  const match = mounted.router.match(rest);
  const operation = match?.path.operations.read;
  if (match === undefined || operation === undefined) throw fail('internal', `${mounted.path}${rest} has no reader`);
  const call = { path: rest, now: Date.now(), query: {}, body: {} } as unknown as Call;
  const reply = operation.run(mounted.instance, coerce(match, {}, {}).values as never, call);
  if (reply instanceof Promise || reply.status !== 200) return undefined;
  const found = reply.data as JsonObject;
  const version = (found['metadata'] as { readonly version?: number } | undefined)?.version;
  return {
    path: mounted.path + rest,
    namespace: mounted.record.namespace ?? '',
    version: versioned ? version : undefined,
    digest: contentDigest(nonce, versioned ? found['data'] : found),
  };
}
