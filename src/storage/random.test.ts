/**
 * Random operations on every implementation, compared with each other after each step. A failure prints its seed and its
 * shrunk operations; `node src/storage/random.test.ts --seed=<seed> [--runs=<n>]` plays it again.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { isLockstepError } from '../errors.ts';
import { batchesSince } from './conformance/subject.ts';
import { openLmdbStore } from './lmdb/open.ts';
import { openMemoryStore } from './memory/open.ts';
import { MAX_KEY_BYTES, type Snapshot, type Store, type Transaction } from './store.ts';

const { values: flags } = parseArgs({
  options: { seed: { type: 'string' }, runs: { type: 'string' } },
  strict: false,
});
const seed = Number(flags.seed ?? (Math.random() * 2 ** 31) | 0);
const runs = Number(flags.runs ?? 40);

type Put = { readonly key: string; readonly value: Uint8Array | undefined };
type Step =
  | { readonly do: 'transact'; readonly group: readonly { readonly puts: readonly Put[]; readonly throws: boolean }[] }
  | { readonly do: 'read'; readonly prefix: string; readonly after: string | undefined; readonly limit: number }
  | { readonly do: 'compact'; readonly share: number }
  | { readonly do: 'hold' }
  | { readonly do: 'reopen' };

/** Few segments, so that keys meet: prefixes of each other, empty segments, the borders of UTF-8's lengths. */
const segment = fc.constantFrom('', 'a', 'b', 'a-', 'ab', '0', '.', 'é', '\uffff', '😀', '\u{10ffff}', '\0', '\ue000');
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
const oddKey = fc.constantFrom('', 'k'.repeat(1_900), 'k'.repeat(1_901), 'a\ud800', '/', '//');
const key = fc.oneof({ weight: 20, arbitrary: path }, { weight: 1, arbitrary: oddKey });
const value = fc.oneof(
  { weight: 20, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.nat(300_000).map((size) => new Uint8Array(size).fill(size)) },
);
const put: fc.Arbitrary<Put> = fc.record({ key, value: fc.option(value, { nil: undefined }) });
const group = fc.array(
  fc.record({
    puts: fc.array(put, { maxLength: 6 }),
    throws: fc.constantFrom(false, false, false, true),
  }),
  { minLength: 1, maxLength: 5 },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('transact' as const), group }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      prefix: fc.oneof(fc.constant(''), path, path.map((text) => `${text}/`)), // prettier-ignore
      after: fc.option(fc.oneof(path, oddKey), { nil: undefined }),
      limit: fc.constantFrom(0, 1, 2, 3, 100),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }) }, // prettier-ignore
  { weight: 1, arbitrary: fc.constant({ do: 'hold' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
);

type Reads = Pick<Transaction, 'get' | 'list' | 'children'>;

const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');

function everything(reads: Reads): readonly (readonly [string, string | undefined])[] {
  return reads.list('', { limit: Number.POSITIVE_INFINITY }).map((name) => [name, hex(reads.get(name))] as const);
}

/** What each transaction of a group came to, with what it read at its end. */
async function transact(store: Store, step: Step & { do: 'transact' }): Promise<unknown[]> {
  const results = step.group.map(async ({ puts, throws }) => {
    try {
      const { value: seen, position } = await store.transact((tx) => {
        for (const { key: name, value: bytes } of puts) {
          if (bytes === undefined) tx.delete(name);
          else tx.put(name, bytes);
        }
        if (throws) throw new Error('thrown by the work');
        return [everything(tx), tx.children('', { limit: 3 }), puts.map(({ key: name }) => hex(tx.get(name)))];
      });
      return { seen, sequence: position.sequence };
    } catch (error) {
      return isLockstepError(error) ? error.code : String(error);
    }
  });
  return Promise.all(results);
}

function read(store: Store, { prefix, after, limit }: Step & { do: 'read' }): unknown {
  using snapshot = store.snapshot();
  const page = { limit, ...(after !== undefined && { after }) };
  return [snapshot.list(prefix, page), snapshot.children(prefix, page), hex(snapshot.get(prefix)), hex(snapshot.get(after ?? ''))]; // prettier-ignore
}

async function compact(store: Store, share: number): Promise<unknown> {
  const sequence = Math.round(store.position.sequence * share);
  await store.compact({ epoch: store.position.epoch, sequence });
  return store.oldest.sequence;
}

/** State and log, without what is random in them: epochs, times and hashes. */
async function shown(store: Store): Promise<unknown> {
  using snapshot = store.snapshot();
  const batches = await batchesSince(store, store.oldest);
  const log = batches.map(({ position, previous, writes }) => ({
    sequence: position.sequence,
    previous: previous.sequence,
    writes: writes.map((write) => [write.key, hex(write.value)]),
  }));
  return { data: everything(snapshot), log, sequence: store.position.sequence, oldest: store.oldest.sequence };
}

/** The plainest store: a map, sorted whenever it is read. */
type Model = Map<string, Uint8Array>;

const bytewise = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right));
const isKey = (name: string): boolean => name !== '' && name.isWellFormed() && Buffer.byteLength(name) <= MAX_KEY_BYTES;

function applyTo(model: Model, { group: transactions }: Step & { do: 'transact' }): void {
  for (const { puts, throws } of transactions) {
    if (throws || !puts.every(({ key: name }) => isKey(name))) continue;
    for (const { key: name, value: bytes } of puts) {
      if (bytes === undefined) model.delete(name);
      else model.set(name, bytes);
    }
  }
}

function expected(model: Model, { prefix, after, limit }: Step & { do: 'read' }): unknown {
  const below = [...model.keys()].filter((name) => name.startsWith(prefix)).toSorted(bytewise);
  const children = new Set(below.map((name) => /^[^/]*\/?/.exec(name.slice(prefix.length))?.[0] ?? ''));
  children.delete('');
  const page = (names: readonly string[], from: string | undefined): string[] =>
    names.filter((name) => from === undefined || bytewise(name, from) > 0).slice(0, limit);
  const whole = after?.toWellFormed();
  return [page(below, whole), page([...children].toSorted(bytewise), whole), hex(model.get(prefix)), hex(model.get(after ?? ''))]; // prettier-ignore
}

interface Pair {
  readonly model: Model;
  readonly memory: Store;
  lmdb: Store;
  readonly path: string;
  readonly held: { readonly state: unknown; readonly snapshots: readonly Snapshot[] }[];
}

function checkHeld({ held }: Pair): void {
  for (const { state, snapshots } of held) {
    for (const snapshot of snapshots) assert.deepEqual(everything(snapshot), state, 'a held snapshot has moved');
  }
}

function release(pair: Pair): void {
  for (const { snapshots } of pair.held.splice(0)) for (const snapshot of snapshots) snapshot[Symbol.dispose]();
}

async function play(pair: Pair, next: Step): Promise<void> {
  const { memory } = pair;
  switch (next.do) {
    case 'transact':
      assert.deepEqual(await transact(pair.lmdb, next), await transact(memory, next));
      applyTo(pair.model, next);
      return;
    case 'read':
      assert.deepEqual(read(memory, next), expected(pair.model, next));
      assert.deepEqual(read(pair.lmdb, next), read(memory, next));
      return;
    case 'compact':
      assert.deepEqual(await compact(pair.lmdb, next.share), await compact(memory, next.share));
      return;
    case 'hold': {
      const snapshot = memory.snapshot();
      pair.held.push({ state: everything(snapshot), snapshots: [pair.lmdb.snapshot(), snapshot] });
      return;
    }
    case 'reopen':
      release(pair);
      await pair.lmdb[Symbol.asyncDispose]();
      pair.lmdb = await openLmdbStore({ path: pair.path });
  }
}

test('all stores agree on random operations', async (t) => {
  t.diagnostic(`seed ${seed}, ${runs} runs`);
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
    const directory = mkdtempSync(join(tmpdir(), 'lockstep-random-'));
    const pair: Pair = { model: new Map(), memory: openMemoryStore(), lmdb: await openLmdbStore({ path: directory }), path: directory, held: [] }; // prettier-ignore
    try {
      for (const next of steps) {
        await play(pair, next);
        checkHeld(pair);
        assert.deepEqual(await shown(pair.lmdb), await shown(pair.memory));
      }
      using last = pair.memory.snapshot();
      assert.deepEqual(last.list('', { limit: Number.POSITIVE_INFINITY }), [...pair.model.keys()].toSorted(bytewise));
    } finally {
      release(pair);
      await pair.lmdb[Symbol.asyncDispose]();
      await pair.memory[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    }
  });
  await fc.assert(property, { seed, numRuns: runs });
});
