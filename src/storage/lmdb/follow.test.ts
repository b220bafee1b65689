import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Board } from '../../lib/threads/board.ts';
import { bytes, code, put, read } from '../conformance/subject.ts';
import type { FollowingStore } from '../local/following-store.ts';
import type { LocalStore } from '../local/local-store.ts';
import type { Batch } from '../store.ts';
import { directory, opened } from './fixture.ts';
import { followLmdbStore } from './follow.ts';

interface Followed {
  readonly store: LocalStore;
  readonly board: Board;
  readonly follower: FollowingStore;
}

/** Both in one thread: what is shown when does not depend on who runs. */
async function followed(t: TestContext): Promise<Followed> {
  const path = directory(t);
  const store = await opened(t, { path });
  const board = new Board();
  await put(store, 'a', 'first');
  board.publish(store.position.sequence);
  const follower = followLmdbStore(path, board);
  t.after(() => follower[Symbol.asyncDispose]());
  return { store, board, follower };
}

test('a follower shows what is published, after it caught up, and tells its observers of each batch once', async (t) => {
  const { store, board, follower } = await followed(t);
  assert.equal(follower.log, store.log);
  assert.deepEqual(follower.epoch, store.epoch);
  const seen: Batch[] = [];
  follower.observe((batch) => void seen.push(batch));
  await put(store, 'a', 'second');
  await put(store, 'b', 'third');
  board.publish(store.position.sequence);
  assert.equal(read(follower, 'a'), 'first');
  assert.equal(follower.catchUp(), undefined);
  assert.equal(read(follower, 'a'), 'second');
  assert.equal(read(follower, 'b'), 'third');
  assert.deepEqual(follower.position, store.position);
  assert.deepEqual(follower.hash, store.hash);
  await follower.catchUp();
  const sequences = seen.map(({ position }) => position.sequence);
  assert.deepEqual(sequences, [store.position.sequence - 1, store.position.sequence]);
});

test('a commit that is on disk but not published is not shown before it is', async (t) => {
  const { store, board, follower } = await followed(t);
  const before = store.position.sequence;
  await put(store, 'a', 'second');
  const published = store.position.sequence;
  await put(store, 'a', 'third');
  board.publish(published);
  const told: number[] = [];
  follower.observe(({ position }) => void told.push(position.sequence));
  const caught = follower.catchUp();
  assert.ok(caught instanceof Promise, 'the newest state is ahead of what was published');
  let waited = true;
  const done = caught.then(() => (waited = false));
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(waited);
  assert.ok(follower.catchUp() instanceof Promise, 'who asks later waits too');
  assert.deepEqual([read(follower, 'a'), follower.position.sequence, told], ['first', before, []]);
  board.publish(store.position.sequence);
  await done;
  assert.equal(read(follower, 'a'), 'third');
  assert.equal(before + 2, follower.position.sequence);
  assert.deepEqual(told, [before + 1, before + 2]);
  assert.equal(follower.catchUp(), undefined);
});

test('while writes never end, a follower shows one state after the other, and waits for none that came later', async (t) => {
  const { store, board, follower } = await followed(t);
  const before = store.position.sequence;
  await put(store, 'a', '1');
  board.publish(before + 1);
  await put(store, 'a', '2');
  const first = follower.catchUp();
  await put(store, 'a', '3');
  board.publish(before + 2);
  await first;
  assert.equal(read(follower, 'a'), '2');
  const second = follower.catchUp();
  assert.equal(second, undefined, 'all that was published is shown');
  board.publish(before + 3);
  assert.equal(follower.catchUp(), undefined);
  assert.equal(read(follower, 'a'), '3');
});

test('a follower that is closed while it waits holds no state open, and lets go who waits', async (t) => {
  const { store, board, follower } = await followed(t);
  await put(store, 'a', 'second');
  const published = store.position.sequence;
  await put(store, 'a', 'third');
  board.publish(published);
  const caught = follower.catchUp();
  await follower[Symbol.asyncDispose]();
  board.publish(store.position.sequence);
  await caught;
  assert.throws(() => read(follower, 'a'), code('storeClosed'));
});

test('a snapshot of a follower stays of its moment', async (t) => {
  const { store, board, follower } = await followed(t);
  using snapshot = follower.snapshot();
  await put(store, 'a', 'second');
  board.publish(store.position.sequence);
  await follower.catchUp();
  assert.equal(Buffer.from(snapshot.get('a') ?? []).toString(), 'first');
  assert.equal(read(follower, 'a'), 'second');
});

test('a follower that the log has left behind says so, and keeps what it showed', async (t) => {
  const { store, board, follower } = await followed(t);
  await put(store, 'a', 'second');
  await put(store, 'a', 'third');
  await store.compact(store.position);
  board.publish(store.position.sequence);
  assert.throws(() => follower.catchUp(), code('compacted'));
  assert.equal(read(follower, 'a'), 'first');
});

test('a follower reads the log from any position that is left, and goes on with what comes', async (t) => {
  const { store, board, follower } = await followed(t);
  await put(store, 'b', 'second');
  board.publish(store.position.sequence);
  await follower.catchUp();
  const stop = new AbortController();
  const found: string[] = [];
  const from = { epoch: store.position.epoch, sequence: 0 };
  assert.deepEqual(follower.hashAt(store.position), store.hash);
  for await (const { writes } of follower.changes(from, stop.signal)) {
    found.push(...writes.map(({ key }) => key));
    if (found.length === 2) {
      await put(store, 'c', 'third');
      board.publish(store.position.sequence);
      await follower.catchUp();
    }
    if (found.length === 3) stop.abort();
  }
  assert.deepEqual(found, ['a', 'b', 'c']);
});

test('a follower that rests has, at the first read, what is published by then', async (t) => {
  const { store, board, follower } = await followed(t);
  const told: [number, string | undefined][] = [];
  follower.observe(({ position }) => void told.push([position.sequence, read(follower, 'a')]));
  follower.rest();
  follower.rest();
  await put(store, 'a', 'second');
  await put(store, 'a', 'third');
  const { sequence } = store.position;
  board.publish(sequence);
  assert.deepEqual([told, follower.position.sequence], [[], sequence - 2], 'nothing is followed meanwhile');
  assert.equal(read(follower, 'a'), 'third');
  assert.deepEqual(follower.position, store.position);
  // What was shown before is gone: its observers find this state.
  assert.deepEqual(told, [[sequence - 1, 'third'], [sequence, 'third']]); // prettier-ignore
  follower.rest();
  assert.equal(follower.catchUp(), undefined, 'nothing has come');
  assert.deepEqual([follower.has('a'), told.length], [true, 2]);
});

test('a follower follows, in place of resting, while a snapshot of it is held: that must end at its limit', async (t) => {
  const { store, board, follower } = await followed(t);
  const snapshot = follower.snapshot();
  for (const value of ['second', 'third']) {
    await put(store, 'a', value);
    board.publish(store.position.sequence);
    follower.rest();
    assert.deepEqual(follower.position, store.position);
  }
  assert.equal(Buffer.from(snapshot.get('a') ?? []).toString(), 'first');
  snapshot[Symbol.dispose]();
  follower.rest();
  await put(store, 'a', 'fourth');
  board.publish(store.position.sequence);
  follower.rest();
  assert.notDeepEqual(follower.position, store.position);
  assert.equal(read(follower, 'a'), 'fourth');
});

test('a follower that rests shows nothing that is not published: who asks waits, who reads at once is told to try again', async (t) => {
  const { store, board, follower } = await followed(t);
  follower.rest();
  await put(store, 'a', 'second');
  assert.throws(() => read(follower, 'a'), code('snapshotExpired'));
  assert.throws(() => follower.snapshot(), code('snapshotExpired'));
  const caught = follower.catchUp();
  assert.ok(caught instanceof Promise);
  follower.rest();
  board.publish(store.position.sequence);
  await caught;
  assert.equal(read(follower, 'a'), 'second');
});

test('a follower that rested says that it is too far behind, rather than to follow all of it; one that is awake follows', async (t) => {
  const { store, board, follower } = await followed(t);
  const first = store.position.sequence;
  const writeMuch = async (): Promise<void> => {
    await Promise.all(Array.from({ length: 1_025 }, () => put(store, 'a', 'next')));
    board.publish(store.position.sequence);
  };
  await writeMuch();
  assert.equal(store.position.sequence - first, 1_025);
  assert.equal(follower.catchUp(), undefined);
  assert.equal(read(follower, 'a'), 'next');
  follower.rest();
  await writeMuch();
  assert.throws(() => follower.catchUp(), code('compacted'));
  assert.throws(() => read(follower, 'a'), code('compacted'));
});

test('a follower does not rest before who waits for what is published has it', async (t) => {
  const { store, board, follower } = await followed(t);
  await put(store, 'a', 'second');
  const published = store.position.sequence;
  await put(store, 'a', 'third');
  board.publish(published);
  const caught = follower.catchUp();
  assert.ok(caught instanceof Promise);
  board.publish(store.position.sequence);
  assert.equal(follower.catchUp(), undefined);
  follower.rest();
  await caught;
  assert.equal(read(follower, 'a'), 'third');
});

test('a follower that rests can be closed, and then says so', async (t) => {
  const { follower } = await followed(t);
  follower.rest();
  await follower[Symbol.asyncDispose]();
  follower.rest();
  assert.throws(() => read(follower, 'a'), code('storeClosed'));
});

test('nothing is written or compacted through a follower', async (t) => {
  const { follower } = await followed(t);
  await assert.rejects(follower.transact(), code('internal'));
  await assert.rejects(follower.compact(), code('internal'));
});

test('threads follow a writer that is under way, while its file grows, and none reads less than was published', async (t) => {
  const path = directory(t);
  const store = await opened(t, { path });
  const board = new Board();
  await put(store, 'n', '0');
  board.publish(store.position.sequence);
  store.observe(({ position }) => {
    board.publish(position.sequence);
  });
  const entry = new URL('./following-thread.fixture.ts', import.meta.url);
  const workers = [1, 2].map(() => new Worker(entry, { workerData: { path, memory: board.memory } }));
  t.after(() => Promise.all(workers.map((worker) => worker.terminate())));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const value = bytes('x'.repeat(4_000));
  for (let at = 0; at < 2_000; at += 50) {
    const group = Array.from({ length: 50 }, (_, i) =>
      store.transact((tx) => {
        tx.put(`k/${String(at + i)}`, value);
        tx.put('n', bytes(String(tx.get('n') === undefined ? 0 : at + i)));
      }),
    );
    await Promise.all(group);
  }
  const ended = workers.map(async (worker) => {
    const found = once(worker, 'message');
    worker.postMessage('end');
    return (await found)[0] as unknown;
  });
  for (const result of await Promise.all(ended)) {
    const { looks, problems, last } = result as { looks: number; problems: string[]; last: string };
    assert.deepEqual(problems, []);
    assert.ok(looks > 0);
    assert.equal(last, '1999');
  }
});
