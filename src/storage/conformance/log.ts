import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch, Store } from '../store.ts';
import { batchesSince, bytes, code, put, read, shown, start, subject, type Make } from './subject.ts';

const never = new AbortController().signal;

async function fill(store: Store, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, at) => put(store, `k${at}`, `v${at}`)));
}

const next = (store: Store, sequence: number): Promise<IteratorResult<Batch>> =>
  store.changes({ epoch: store.position.epoch, sequence }, never)[Symbol.asyncIterator]().next();

export function logCases(make: Make): void {
  chainCases(make);
  observerCases(make);
  changesCases(make);
  compactionCases(make);
}

function chainCases(make: Make): void {
  test('an empty store stands at 0 of a first epoch, with a hash of zeros', async (t) => {
    const { store } = await subject(t, make);
    assert.match(store.log, /^[0-9a-f]{32}$/);
    assert.match(store.epoch.id, /^[0-9a-f]{32}$/);
    assert.equal(store.epoch.number, 1);
    assert.equal(store.epoch.parent, undefined);
    assert.equal(store.epoch.forkedAt, 0);
    assert.deepEqual(store.position, { epoch: `1.${store.epoch.id}`, sequence: 0 });
    assert.deepEqual(store.oldest, store.position);
    assert.deepEqual(
      [...store.hash],
      Array.from({ length: 32 }, () => 0),
    );
    assert.deepEqual(store.hashAt(store.position), store.hash);
  });

  test('batches are gapless, in order, and each has a hash of its own that `hashAt` knows', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 20);
    const batches = await batchesSince(store, start(store));
    assert.equal(batches.length, 20);
    let previous = start(store);
    for (const [at, batch] of batches.entries()) {
      assert.deepEqual(batch.previous, previous);
      assert.equal(batch.position.sequence, at + 1);
      assert.deepEqual(shown(batch.writes), [[`k${at}`, `v${at}`]]);
      assert.ok(Math.abs(batch.time - Date.now()) < 60_000);
      assert.deepEqual(Buffer.from(store.hashAt(batch.position) ?? ''), Buffer.from(batch.hash));
      previous = batch.position;
    }
    assert.deepEqual(store.position, previous);
    assert.deepEqual(Buffer.from(store.hash), Buffer.from(batches.at(-1)?.hash ?? ''));
    assert.equal(new Set(batches.map(({ hash }) => Buffer.from(hash).toString('hex'))).size, 20);
    assert.ok(batches.every(({ hash }) => hash.length === 32));
  });

  test('the same write has another hash behind another history', async (t) => {
    const { store } = await subject(t, make);
    const { store: other } = await subject(t, make);
    await put(store, 'k', 'v');
    await put(other, 'k', 'v');
    assert.notDeepEqual(store.hash, other.hash);
    assert.notEqual(store.log, other.log);
    assert.notEqual(store.epoch.id, other.epoch.id);
  });

  test('`hashAt` knows nothing of other epochs and of places ahead', async (t) => {
    const { store } = await subject(t, make);
    await put(store, 'k', 'v');
    const { epoch } = store.position;
    assert.equal(store.hashAt({ epoch: `2.${store.epoch.id}`, sequence: 1 }), undefined);
    for (const sequence of [2, -1, 0.5, Number.NaN]) assert.equal(store.hashAt({ epoch, sequence }), undefined);
  });
}

function observerCases(make: Make): void {
  test('observers see each batch once, in order, before any reader sees its position', async (t) => {
    const { store } = await subject(t, make);
    const seen: number[] = [];
    using _observer = store.observe((batch) => {
      assert.ok(store.position.sequence < batch.position.sequence, 'the position does not show it yet');
      const [write] = batch.writes;
      assert.equal(read(store, write?.key ?? ''), undefined, 'nor does a new snapshot');
      seen.push(batch.position.sequence);
    });
    const acknowledged = Array.from({ length: 50 }, async (_, at) => {
      const { position } = await put(store, `k${at}`, 'v');
      assert.ok(seen.includes(position.sequence), 'acknowledged only after the observers');
    });
    await Promise.all(acknowledged);
    assert.deepEqual(seen, Array.from({ length: 50 }, (_, at) => at + 1)); // prettier-ignore
  });

  test('a disposed observer is told nothing more; the same function can observe twice', async (t) => {
    const { store } = await subject(t, make);
    let calls = 0;
    const count = (): void => void (calls += 1);
    const first = store.observe(count);
    const second = store.observe(count);
    await put(store, 'a', '1');
    assert.equal(calls, 2);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await put(store, 'a', '2');
    assert.equal(calls, 3);
    second[Symbol.dispose]();
    await put(store, 'a', '3');
    assert.equal(calls, 3);
  });

  test('an observer cannot write', async (t) => {
    const { store } = await subject(t, make);
    let refused: Promise<unknown> = Promise.resolve();
    using _observer = store.observe(() => void (refused = assert.rejects(put(store, 'x', '1'), code('internal'))));
    await put(store, 'a', '1');
    await refused;
    assert.equal(store.position.sequence, 1);
  });

  test('an observer that throws ends the store: what a cache holds is then unknown, and nobody is answered', async (t) => {
    const deaths: unknown[] = [];
    const { store } = await subject(t, make, { die: (error) => void deaths.push(error) });
    await put(store, 'k', 'old');
    const wrong = new Error('cache');
    using _observer = store.observe(() => {
      throw wrong;
    });
    const { position } = store;
    const waiting = store.changes(position, new AbortController().signal)[Symbol.asyncIterator]().next();
    const refused = code('storeClosed');
    await Promise.all([
      assert.rejects(put(store, 'k', 'new'), refused),
      assert.rejects(put(store, 'k', 'newer'), refused),
      assert.rejects(waiting, refused),
    ]);
    assert.deepEqual(deaths, [wrong]);
    await assert.rejects(put(store, 'k', 'later'), refused);
    assert.throws(() => store.snapshot(), refused);
    assert.deepEqual(store.position, position, 'nor does a reader see what the caches do not');
  });
}

function changesCases(make: Make): void {
  test('changes resume from any position', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 10);
    for (let sequence = 0; sequence <= 10; sequence++) {
      const found = await batchesSince(store, { epoch: store.position.epoch, sequence });
      assert.deepEqual(found.map(({ position }) => position.sequence), Array.from({ length: 10 - sequence }, (_, at) => sequence + at + 1)); // prettier-ignore
    }
  });

  test('changes go on with new batches until aborted, then end without a throw', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 2);
    const stop = new AbortController();
    const seen: number[] = [];
    const following = (async () => {
      for await (const { position } of store.changes(start(store), stop.signal)) {
        seen.push(position.sequence);
        if (position.sequence < 6) void put(store, 'more', String(position.sequence));
        if (position.sequence === 6) stop.abort();
      }
    })();
    await following;
    assert.deepEqual(seen, [1, 2, 3, 4, 5, 6]);
  });

  test('an abort ends changes that wait', async (t) => {
    const { store } = await subject(t, make);
    const stop = new AbortController();
    const waiting = store.changes(store.position, stop.signal)[Symbol.asyncIterator]().next();
    stop.abort();
    assert.equal((await waiting).done, true);
    const after = await store.changes(store.position, stop.signal)[Symbol.asyncIterator]().next();
    assert.equal(after.done, true, 'a signal that is aborted already');
  });

  test('changes refuse a position that is not of this history', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 2);
    for (const sequence of [3, -1, 0.5, Number.NaN, Number.MAX_VALUE]) {
      await assert.rejects(next(store, sequence), code('unknownPosition'));
    }
    const foreign = { epoch: `1.${'0'.repeat(32)}`, sequence: 1 };
    await assert.rejects(store.changes(foreign, never)[Symbol.asyncIterator]().next(), code('unknownPosition'));
  });

  test('a reader that stops early leaves nothing behind', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 3);
    for await (const batch of store.changes(start(store), never)) {
      if (batch.position.sequence === 2) break;
    }
    await put(store, 'k', 'v');
    assert.equal(store.position.sequence, 4);
  });
}

function compactionCases(make: Make): void {
  test('compaction drops records, keeps data, and changes say so', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 10);
    const { epoch } = store.position;
    const hashes = Array.from({ length: 11 }, (_, sequence) => store.hashAt({ epoch, sequence }));
    await store.compact({ epoch, sequence: 4 });
    assert.deepEqual(store.oldest, { epoch, sequence: 4 });
    await assert.rejects(next(store, 3), code('compacted'));
    await assert.rejects(next(store, 0), code('compacted'));
    assert.equal((await next(store, 4)).value?.position.sequence, 5);
    assert.equal(store.hashAt({ epoch, sequence: 3 }), undefined);
    for (let sequence = 4; sequence <= 10; sequence++) assert.deepEqual(store.hashAt({ epoch, sequence }), hashes[sequence]); // prettier-ignore
    assert.equal(read(store, 'k0'), 'v0');
    await store.compact({ epoch, sequence: 2 });
    assert.deepEqual(store.oldest, { epoch, sequence: 4 }, 'never backwards');
  });

  test('the whole log can be compacted, and goes on behind it', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 5);
    const { position, hash } = store;
    await store.compact(position);
    assert.deepEqual(store.oldest, position);
    assert.deepEqual(store.hash, hash);
    assert.deepEqual(store.hashAt(position), hash);
    await put(store, 'more', 'v');
    const [batch] = await batchesSince(store, position);
    assert.deepEqual(batch?.previous, position);
  });

  test('compaction never goes beyond the log', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 2);
    const { epoch } = store.position;
    await assert.rejects(store.compact({ epoch, sequence: 3 }), code('unknownPosition'));
    await assert.rejects(store.compact({ epoch: 'other', sequence: 1 }), code('unknownPosition'));
    assert.deepEqual(store.oldest, start(store));
  });

  test('changes that stand behind a compaction are told', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 5);
    const reader = store.changes(start(store), never)[Symbol.asyncIterator]();
    assert.equal((await reader.next()).value?.position.sequence, 1);
    await store.compact({ epoch: store.position.epoch, sequence: 3 });
    await assert.rejects(reader.next(), code('compacted'));
  });

  test('many records are compacted while transactions go on', async (t) => {
    const { store } = await subject(t, make);
    await fill(store, 2_500);
    const { position } = store;
    const compacted = store.compact(position);
    const writes = Array.from({ length: 20 }, () => store.transact((tx) => tx.put('n', bytes('x'))));
    await Promise.all([compacted, ...writes]);
    assert.deepEqual(store.oldest, position);
    assert.equal((await batchesSince(store, position)).length, 20);
  });
}
