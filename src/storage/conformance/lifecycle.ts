import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchesSince, code, put, read, shown, start, subject, type Make } from './subject.ts';

export function lifecycleCases(make: Make): void {
  closingCases(make);
  reopeningCases(make);
}

function closingCases(make: Make): void {
  test('transactions that wait when the store is closed are brought to their end', async (t) => {
    const { store } = await subject(t, make);
    const pending = Array.from({ length: 50 }, (_, at) => put(store, `k${at}`, 'v'));
    const closed = store[Symbol.asyncDispose]();
    await assert.rejects(put(store, 'late', 'v'), code('storeClosed'));
    const positions = (await Promise.all(pending)).map(({ position }) => position.sequence);
    assert.deepEqual(positions, Array.from({ length: 50 }, (_, at) => at + 1)); // prettier-ignore
    await closed;
  });

  test('a closed store refuses all, and can be closed again', async (t) => {
    const { store } = await subject(t, make);
    await put(store, 'k', 'v');
    const snapshot = store.snapshot();
    const { position } = store;
    await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
    assert.throws(() => store.snapshot(), code('storeClosed'));
    assert.throws(() => store.get('k'), code('storeClosed'));
    assert.throws(() => store.has('k'), code('storeClosed'));
    assert.throws(() => snapshot.get('k'), code('storeClosed'));
    assert.throws(() => snapshot.list('', { limit: 1 }), code('storeClosed'));
    snapshot[Symbol.dispose]();
    await assert.rejects(put(store, 'k', 'v'), code('storeClosed'));
    await assert.rejects(store.compact(position), code('storeClosed'));
    const changes = store.changes(position, new AbortController().signal)[Symbol.asyncIterator]();
    await assert.rejects(changes.next(), code('storeClosed'));
  });

  test('closing tells changes that wait', async (t) => {
    const { store } = await subject(t, make);
    const waiting = store.changes(store.position, new AbortController().signal)[Symbol.asyncIterator]().next();
    const told = assert.rejects(waiting, code('storeClosed'));
    await store[Symbol.asyncDispose]();
    await told;
  });

  test('a disposed snapshot is read no more, and disposes once', async (t) => {
    const { store } = await subject(t, make);
    await put(store, 'k', 'v');
    const snapshot = store.snapshot();
    const other = store.snapshot();
    snapshot[Symbol.dispose]();
    snapshot[Symbol.dispose]();
    assert.throws(() => snapshot.get('k'), code('internal'));
    await put(store, 'k', 'w');
    assert.ok(other.get('k'), 'a second disposal does not end the snapshots of others');
    other[Symbol.dispose]();
  });

  test('a snapshot that is held too long over writes ends, and says so; without writes it stays', async (t) => {
    const { store } = await subject(t, make, { snapshotLimit: { commits: 3, milliseconds: 0 } });
    await put(store, 'k', '0');
    using snapshot = store.snapshot();
    for (const round of ['1', '2', '3']) {
      assert.ok(snapshot.get('k'));
      await put(store, 'k', round);
    }
    assert.ok(snapshot.get('k'), 'superseded by three commits');
    await put(store, 'k', '4');
    assert.throws(() => snapshot.get('k'), code('snapshotExpired'));
    assert.throws(() => snapshot.children('', { limit: 1 }), code('snapshotExpired'));
    assert.equal(read(store, 'k'), '4');
  });
}

function reopeningCases(make: Make): void {
  test('what was acknowledged is there after the store is opened again', async (t) => {
    const { store, reopen } = await subject(t, make);
    if (reopen === undefined) return t.skip('this store lives in memory alone');
    for (const [key, value] of [['a', '1'], ['b', '2'], ['a', '3']] as const) await put(store, key, value); // prettier-ignore
    await store.transact((tx) => tx.delete('b'));
    const { log, epoch, position, hash } = store;
    const batches = await batchesSince(store, start(store));
    await store[Symbol.asyncDispose]();
    const again = await reopen();
    t.after(() => again[Symbol.asyncDispose]());
    assert.deepEqual({ log: again.log, epoch: again.epoch, position: again.position }, { log, epoch, position });
    assert.deepEqual(Buffer.from(again.hash), Buffer.from(hash));
    assert.equal(read(again, 'a'), '3');
    assert.equal(read(again, 'b'), undefined);
    const found = await batchesSince(again, start(again));
    assert.deepEqual(found.map(({ writes }) => shown(writes)), batches.map(({ writes }) => shown(writes))); // prettier-ignore
    await put(again, 'c', '4');
    assert.equal(again.position.sequence, 5);
  });

  test('compaction holds after the store is opened again', async (t) => {
    const { store, reopen } = await subject(t, make);
    if (reopen === undefined) return t.skip('this store lives in memory alone');
    for (let at = 0; at < 6; at++) await put(store, 'k', String(at));
    const { epoch } = store.position;
    await store.compact({ epoch, sequence: 4 });
    const hash = store.hashAt({ epoch, sequence: 4 });
    await store[Symbol.asyncDispose]();
    const again = await reopen();
    t.after(() => again[Symbol.asyncDispose]());
    assert.deepEqual(again.oldest, { epoch, sequence: 4 });
    assert.deepEqual(Buffer.from(again.hashAt({ epoch, sequence: 4 }) ?? ''), Buffer.from(hash ?? ''));
    assert.equal((await batchesSince(again, again.oldest)).length, 2);
    await again.compact(again.position);
  });
}
