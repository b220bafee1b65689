import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { SnapshotRecord } from '../lib/snapshot/records.ts';
import { isLockstepError } from '../errors.ts';
import { nextTurn } from '../lib/next-turn.ts';
import { Board } from '../lib/threads/board.ts';
import { read } from './conformance/subject.ts';
import { followLmdbStore } from './lmdb/follow.ts';
import { tamper } from './lmdb/fixture.ts';
import { openLmdbStore } from './lmdb/open.ts';
import type { LocalStore } from './local/local-store.ts';
import type { NewHistory } from './local/replacement.ts';
import { openMemoryStore } from './memory/open.ts';
import { copyStore } from './snapshot-copy.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const HASH = Buffer.alloc(32, 7);

function history(store: LocalStore): NewHistory {
  const epoch = { number: 2, id: 'e'.repeat(32), parent: store.position.epoch, forkedAt: store.position.sequence };
  const position = { epoch: `2.${epoch.id}`, sequence: store.position.sequence + 1 };
  return { log: store.log, epoch, head: { position, hash: HASH } };
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-replace-'));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

const put = (store: LocalStore, key: string, value: string) =>
  store.transact((tx) => {
    tx.put(key, bytes(value));
  });

const kinds: readonly [string, (t: TestContext) => Promise<LocalStore>][] = [
  ['memory', async () => openMemoryStore()],
  ['lmdb', async (t) => openLmdbStore({ path: folder(t) })],
];

for (const [kind, open] of kinds) {
  test(`${kind}: a replaced content is read from then on, and written to; what read the old one ends`, async (t) => {
    await using store = await open(t);
    await put(store, 'old', 'x');
    const held = store.snapshot();
    const stream = store.changes(store.position, new AbortController().signal);
    const waiting = stream.next();
    const replacement = await store.replacement();
    const large = 'l'.repeat(300_000);
    await replacement.write([
      { key: 'new', value: bytes('first') },
      { key: 'large', value: bytes(large) },
    ]);
    await replacement.write([
      { key: 'new', value: bytes('second') },
      { key: 'gone', value: bytes('x') },
      { key: 'gone', value: undefined },
    ]);
    await put(store, 'old', 'still served and written');
    const next = history(store);
    await replacement.complete(next);
    await store.replace(replacement);
    assert.deepEqual([read(store, 'old'), read(store, 'new'), read(store, 'gone')], [undefined, 'second', undefined]);
    assert.equal(read(store, 'large'), large);
    assert.deepEqual([store.epoch, store.position, store.oldest], [next.epoch, next.head.position, next.head.position]);
    assert.throws(() => held.get('old'), { code: 'storeClosed' });
    assert.equal((await waiting).value?.writes[0]?.key ?? 'none', 'old');
    await assert.rejects(stream.next(), { code: 'unknownPosition' });
    const { position } = await put(store, 'large', 'small now');
    assert.deepEqual(position, { ...next.head.position, sequence: next.head.position.sequence + 1 });
    assert.equal(read(store, 'large'), 'small now');
  });

  test(`${kind}: a discarded content leaves nothing`, async (t) => {
    await using store = await open(t);
    await put(store, 'old', 'x');
    const replacement = await store.replacement();
    await replacement.write([{ key: 'new', value: bytes('x') }]);
    assert.equal(Buffer.from(replacement.get('new') ?? []).toString(), 'x');
    await replacement.discard();
    assert.deepEqual([read(store, 'old'), read(store, 'new')], ['x', undefined]);
  });

  test(`${kind}: a copy is of exactly one moment while writes go on`, async (t) => {
    await using store = await open(t);
    // Two keys at both ends of the walk that are equal in each transaction, and keys that come and go between them.
    for (let at = 0; at < 3_000; at += 1) await put(store, `m/${String(at).padStart(5, '0')}`, 'x'.repeat(500));
    const over = new AbortController();
    let count = 0;
    let written = Promise.withResolvers<void>();
    const writer = (async () => {
      while (!over.signal.aborted) {
        count += 1;
        const value = bytes(String(count));
        await store.transact((tx) => {
          tx.put('a', value);
          tx.put('z', value);
          tx.put(`m/${String(count % 3_000).padStart(5, '0')}`, value);
          tx.delete(`m/${String((count * 7) % 3_000).padStart(5, '0')}`);
        });
        written.resolve();
        written = Promise.withResolvers<void>();
        await nextTurn();
      }
    })();
    const found = new Map<string, string>();
    let pages = 0;
    const origin = await copyStore(
      store,
      {
        add: ({ key, value }: SnapshotRecord) => {
          if (value === undefined) found.delete(key);
          else found.set(key, Buffer.from(value).toString());
        },
        drain: async () => {
          pages += 1;
          await written.promise;
        },
      },
      new AbortController().signal,
    );
    over.abort();
    await writer;
    assert.ok(pages > 3);
    assert.ok(count > 3, 'nothing was written meanwhile');
    // The sequence is the number of transactions, so it says which moment this is.
    assert.equal(found.get('a'), String(origin.sequence - 3_000));
    assert.equal(found.get('z'), found.get('a'));
    const expected = new Map<string, string>();
    for (let at = 0; at < 3_000; at += 1) expected.set(`m/${String(at).padStart(5, '0')}`, 'x'.repeat(500));
    for (let at = 1; at <= origin.sequence - 3_000; at += 1) {
      expected.set(`m/${String(at % 3_000).padStart(5, '0')}`, String(at));
      expected.delete(`m/${String((at * 7) % 3_000).padStart(5, '0')}`);
    }
    found.delete('a');
    found.delete('z');
    assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()));
    assert.equal(origin.hash, Buffer.from(store.hashAt(origin) ?? []).toString('hex'));
  });
}

test('lmdb: what was put in place is there after a new start, and nothing else', async (t) => {
  const path = folder(t);
  for (const round of [1, 2]) {
    await using store = await openLmdbStore({ path });
    const replacement = await store.replacement();
    await replacement.write([{ key: 'round', value: bytes(String(round)) }]);
    await replacement.complete(history(store));
    await store.replace(replacement);
    await assert.rejects(openLmdbStore({ path }), { code: 'storeInUse' });
  }
  await using store = await openLmdbStore({ path });
  assert.equal(read(store, 'round'), '2');
  assert.deepEqual(readdirSync(path).sort(), [
    'current',
    'generation-2',
    'holder.json',
    'holder.mdb',
    'holder.mdb-lock',
  ]);
});

test('lmdb: a follower that opens anew reads the new content', async (t) => {
  const path = folder(t);
  await using store = await openLmdbStore({ path });
  const board = new Board();
  await put(store, 'k', 'old');
  board.publish(store.position.sequence);
  const before = followLmdbStore(path, board);
  assert.equal(read(before, 'k'), 'old');
  await before[Symbol.asyncDispose]();
  const replacement = await store.replacement();
  await replacement.write([{ key: 'k', value: bytes('new') }]);
  await replacement.complete(history(store));
  await store.replace(replacement);
  board.publish(store.position.sequence);
  const after = followLmdbStore(path, board);
  assert.equal(read(after, 'k'), 'new');
  await put(store, 'k', 'newer');
  board.publish(store.position.sequence);
  await after.catchUp();
  assert.equal(read(after, 'k'), 'newer');
  await after[Symbol.asyncDispose]();
  assert.ok(!existsSync(join(path, 'data.mdb')));
});

for (const [kind, open] of kinds) {
  test(`${kind}: a key that no store takes is refused, and the store that is there goes on`, async (t) => {
    await using store = await open(t);
    await put(store, 'k', 'old');
    for (const key of ['', 'k'.repeat(2_000), 'a\ud800']) {
      const replacement = await store.replacement();
      const refused = (error: unknown) => isLockstepError(error, 'keyTooLong') || isLockstepError(error, 'badRequest');
      await assert.rejects(replacement.write([{ key, value: bytes('x') }]), refused);
      await replacement.discard();
    }
    await put(store, 'k', 'new');
    assert.equal(read(store, 'k'), 'new');
  });
}

test('no part of a large value that came with the new content is left when it is replaced', async (t) => {
  const path = folder(t);
  const store = await openLmdbStore({ path });
  const replacement = await store.replacement();
  await replacement.write([{ key: 'large', value: new Uint8Array(300_000) }]);
  await replacement.complete(history(store));
  await store.replace(replacement);
  await put(store, 'large', 'small');
  await store[Symbol.asyncDispose]();
  let parts = -1;
  await tamper(path, ({ parts: table }) => void (parts = table.getKeysCount({ start: Buffer.alloc(1) })));
  assert.equal(parts, 0);
});

test('lmdb: a switch that fails ends the process: which content is the store is not known then', async (t) => {
  const path = folder(t);
  const died: unknown[] = [];
  const store = await openLmdbStore({ path, die: (error) => void died.push(error) });
  await put(store, 'old', 'x');
  const replacement = await store.replacement();
  await replacement.write([{ key: 'new', value: bytes('y') }]);
  await replacement.complete(history(store));
  mkdirSync(join(path, 'current.new'));
  await assert.rejects(store.replace(replacement));
  assert.equal(died.length, 1);
  await replacement.discard();
  await store[Symbol.asyncDispose]();
});
