/** What servers left on disk, opened without them: nothing half applied, and each region's log a retelling of the hub's. */
import assert from 'node:assert/strict';
import { keys } from '../../src/core/keys.ts';
import { decodeMetadata } from '../../src/engines/kv/v2/records.ts';
import { decodeFound, decodeRecord } from '../../src/lib/record.ts';
import { ClusterAuthority } from '../../src/regions/authority.ts';
import { SealLifecycle } from '../../src/seal/lifecycle.ts';
import { Seals } from '../../src/seal/seals.ts';
import { openStaticSeal } from '../../src/seal/static/seal.ts';
import { openLmdbStore } from '../../src/storage/lmdb/open.ts';
import type { Batch, Position, Store } from '../../src/storage/store.ts';

interface Opened extends AsyncDisposable {
  readonly store: Store;
}

/** The plaintext view of a data directory whose server has ended. */
export async function openOffline(path: string, keyFile: string): Promise<Opened> {
  const raw = await openLmdbStore({ path });
  const seal = await openStaticSeal(
    { current_key_id: '1', current_key: `file://${keyFile}` },
    { env: () => undefined, dataDirectory: path },
  );
  const about = { version: '0', buildDate: '', storageType: 'lmdb' };
  const lifecycle = new SealLifecycle({ raw, seals: Seals.of(seal), about });
  await lifecycle.open(AbortSignal.timeout(10_000));
  const { store } = lifecycle;
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      lifecycle.seal();
      await raw[Symbol.asyncDispose]();
    },
  };
}

/** A KV version 2 record: `…/data/<mount>/metadata/<path>` or `…/data/<mount>/data/<version>/<path>`. */
const RECORD = /^s\/root\/data\/[^/]+\/(?:metadata|data\/(\d+))\/(.+)$/;

/** The secret that a storage key belongs to, and the version whose data it is. */
function partOf(key: string): { readonly path: string; readonly version: number | undefined } | undefined {
  const [, version, path] = RECORD.exec(key) ?? [];
  return path === undefined ? undefined : { path, version: version === undefined ? undefined : Number(version) };
}

type Records = Map<string, string>;

/** Every record of secrets below `folder`, by storage key. */
function recordsOf(store: Store, folder: string): Records {
  const found: Records = new Map();
  using snapshot = store.snapshot();
  for (let after: string | undefined; ;) {
    const page = snapshot.list('s/root/data/', { limit: 1_000, ...(after === undefined ? {} : { after }) });
    for (const key of page) {
      if (partOf(key)?.path.startsWith(folder) !== true) continue;
      found.set(key, Buffer.from(snapshot.get(key) ?? '').toString());
    }
    if (page.length < 1_000) return found;
    after = page.at(-1);
  }
}

/** Every version that metadata names has its data, and no data is there that no metadata names. */
export function checkWhole(store: Store, name: string): number {
  const named = new Set<string>();
  const held = new Set<string>();
  for (const [key, value] of recordsOf(store, '')) {
    const part = partOf(key);
    if (part?.version !== undefined) held.add(`${part.path} ${String(part.version)}`);
    else if (part !== undefined) {
      for (const { version, destroyed } of decodeMetadata(Buffer.from(value)).versions) {
        if (destroyed !== true) named.add(`${part.path} ${String(version)}`);
      }
    }
  }
  assert.deepEqual([...held].sort(), [...named].sort(), `half applied at ${name}`);
  return named.size;
}

interface StoredCopy {
  readonly cursor: { readonly log: string; readonly position: Position; readonly hash: string } | null;
}

function apply(records: Records, { writes }: Batch, folder: string, touched: Set<string>): void {
  for (const { key, value } of writes) {
    if (partOf(key)?.path.startsWith(folder) !== true) continue;
    touched.add(key);
    if (value === undefined) records.delete(key);
    else records.set(key, Buffer.from(value).toString());
  }
}

async function* batchesOf(store: Store): AsyncGenerator<Batch, void> {
  const stop = new AbortController();
  const last = store.position.sequence;
  if (store.oldest.sequence === last) return;
  for await (const batch of store.changes(store.oldest, stop.signal)) {
    yield batch;
    if (batch.position.sequence === last) return;
  }
}

async function allOf<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The hub's log, told batch by batch. Needs a log that was never compacted. */
class Telling {
  readonly records: Records = new Map();
  readonly #batches: readonly Batch[];
  #at = 0;

  constructor(batches: readonly Batch[]) {
    this.#batches = batches;
  }

  to(sequence: number, folder: string, touched: Set<string>): void {
    for (let next = this.#batches[this.#at]; next !== undefined; next = this.#batches[this.#at]) {
      if (next.position.sequence > sequence) return;
      apply(this.records, next, folder, touched);
      this.#at += 1;
    }
  }
}

export interface Retold {
  /** Batches of the region's own log that moved its cursor. */
  readonly steps: number;
  readonly cursor: number;
}

/**
 * Reads a region's own log from its beginning. Each batch that moves the copy's cursor from A to B must bring what the
 * hub's log holds between A and B below `folder` (which the region may hold at all times), no less and no more, so a
 * gap, a repeat or a cursor that is not in the transaction of its data cannot pass.
 */
export async function checkRetold(hub: Store, region: Store, folder: string): Promise<Retold> {
  assert.equal(hub.oldest.sequence, 0, 'the hub’s log was compacted');
  const authority = await ClusterAuthority.open(hub, Date.now);
  const told = new Telling(await allOf(batchesOf(hub)));
  const records: Records = new Map();
  let [at, steps] = [0, 0];
  for await (const batch of batchesOf(region)) {
    const touched = new Set<string>();
    apply(records, batch, folder, touched);
    const copy = batch.writes.find(({ key }) => key === keys.hubCopy);
    const { cursor } = copy === undefined ? { cursor: null } : decodeRecord<StoredCopy>(copy.value ?? Buffer.alloc(0));
    if (cursor === null) {
      assert.deepEqual([...touched], [], 'secrets changed without a cursor');
      continue;
    }
    const { sequence } = cursor.position;
    const own = `batch ${String(batch.position.sequence)}, cursor ${String(at)} → ${String(sequence)}`;
    assert.ok(sequence >= at, `the cursor went back: ${own}`);
    const hash = authority.blind(hub.hashAt(cursor.position) ?? Buffer.alloc(0));
    assert.equal(cursor.hash, Buffer.from(hash).toString('hex'), own);
    told.to(sequence, folder, touched);
    for (const key of touched) assert.equal(records.get(key), told.records.get(key), `${key}, ${own}`);
    steps += sequence > at ? 1 : 0;
    at = sequence;
  }
  return { steps, cursor: at };
}

/** The region holds below `folder` what the hub holds, no more and no less. */
export function checkSame(hub: Store, region: Store, folder: string): void {
  assert.deepEqual(
    new Map([...recordsOf(region, folder)].sort()),
    new Map([...recordsOf(hub, folder)].sort()),
    `below ${folder}`,
  );
}

/** Where the region's copy stands in the hub's log. */
export function cursorOf(region: Store): number | undefined {
  using snapshot = region.snapshot();
  return decodeFound<StoredCopy>(snapshot.get(keys.hubCopy))?.cursor?.position.sequence;
}
