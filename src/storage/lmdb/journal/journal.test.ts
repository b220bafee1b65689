import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { isLockstepError } from '../../../errors.ts';
import { nextTurn } from '../../../lib/next-turn.ts';
import { Board } from '../../../lib/threads/board.ts';
import { put, read } from '../../conformance/subject.ts';
import { openEnvironment } from '../environment.ts';
import { directory, inUse, killed, NEVER, opened, tamper } from '../fixture.ts';
import { followLmdbStore } from '../follow.ts';
import { decodeMeta, encodeMeta, OLDER_FORMATS, STORE_FORMAT } from '../meta.ts';
import { openLmdbStore } from '../open.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import type { CheckpointLimits } from './checkpoints.ts';
import { realDisk, type Disk } from './disk.ts';
import { PAGE, readFrame } from './frame.ts';
import { goBack } from './recover.ts';

/** One after each write. */
const ALWAYS: CheckpointLimits = { ...NEVER, commits: 1 };

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
}

async function refused(path: string, message: RegExp): Promise<void> {
  await assert.rejects(openLmdbStore({ path }), (error) => {
    assert.ok(isLockstepError(error, 'corrupt'), String(error));
    assert.match(error.message, message);
    return true;
  });
}

test('what a killed process left is replayed, also when the replay itself is killed, and then lies in one file', async (t) => {
  const { path, store } = await inUse(t, 5);
  const left = killed(t, path);
  const again = await openLmdbStore({ path: left, checkpoint: NEVER });
  assert.deepEqual(again.position, store.position);
  assert.deepEqual(again.hash, store.hash);
  assert.equal(read(again, 'k5'), '5');
  await put(again, 'k6', '6');
  const twice = killed(t, left);
  await again[Symbol.asyncDispose]();
  assert.ok(!readdirSync(left).some((name) => /journal|checkpoint/.test(name)));
  for (const place of [left, twice]) assert.equal(read(await opened(t, { path: place }), 'k6'), '6');
});

test('nothing is written before the first commit, and little for it', async (t) => {
  const path = directory(t);
  const store = await opened(t, { path });
  assert.ok(!existsSync(join(path, 'checkpoint')));
  await put(store, 'k', 'v');
  const sizes = ['journal-a', 'journal-b', 'checkpoint'].map((name) => statSync(join(path, name)).size);
  assert.ok(sizes.reduce((sum, size) => sum + size) < 128 * 1024, String(sizes));
});

test('a last frame that was cut is the end: nobody was told of it', async (t) => {
  const { path } = await inUse(t, 3);
  for (const harm of [
    (file: string) => flip(file, 2 * PAGE + 40),
    (file: string) => flip(file, 2 * PAGE),
    (file: string) => truncateSync(file, 2 * PAGE + 30),
    (file: string) => truncateSync(file, 2 * PAGE),
  ]) {
    const left = killed(t, path);
    harm(join(left, 'journal-a'));
    const store = await opened(t, { path: left });
    assert.equal(store.position.sequence, 2);
    assert.equal(read(store, 'k3'), undefined);
  }
});

test('a damaged frame before a whole one was acknowledged: it is refused', async (t) => {
  const { path } = await inUse(t, 4);
  for (const at of [0, PAGE, 2 * PAGE, PAGE + 5, PAGE + 100]) {
    const left = killed(t, path);
    flip(join(left, 'journal-a'), at);
    await refused(left, /journal is damaged behind record \d: it holds record \d/);
    await refused(left, /journal is damaged/);
  }
});

test('what a segment held before is never replayed', async (t) => {
  const { path, store } = await inUse(t, 6, ALWAYS);
  await put(store, 'last', 'x');
  const stale = ['journal-a', 'journal-b'].map((name) => readFrame(readFileSync(join(path, name)), 0)?.records.length);
  assert.deepEqual(stale, [1, 1], 'both hold records of before');
  const again = await opened(t, { path: killed(t, path) });
  assert.deepEqual(again.position, store.position);
  assert.deepEqual(again.hash, store.hash);
});

test('records of a store that went another way from the same place are not replayed', async (t) => {
  const { path } = await inUse(t, 3);
  const left = killed(t, path);
  // The other way: the second and third record are others.
  const other = killed(t, path);
  for (const file of [left, other]) truncateSync(join(file, 'journal-a'), PAGE);
  const fork = await openLmdbStore({ path: other, checkpoint: NEVER });
  await put(fork, 'k2', 'another');
  await put(fork, 'k3', 'another');
  const forked = killed(t, other);
  await fork[Symbol.asyncDispose]();
  const frames = ['journal-a', 'journal-b'].map((name) => readFileSync(join(forked, name)));
  const taken = frames.find((bytes) => bytes.length > PAGE) ?? Buffer.alloc(0);
  writeFileSync(join(left, 'journal-b'), taken.subarray(PAGE, 2 * PAGE));
  await refused(left, /holds record 3, and not those between/);
});

test('a checkpoint of which one slot was cut is the one before; of which both are damaged, none', async (t) => {
  const path = directory(t);
  const cut = Promise.withResolvers<string>();
  const disk: Disk = {
    ...realDisk,
    async write(file, bytes, at) {
      // A second checkpoint, written by half.
      if (file.path.endsWith('checkpoint') && bytes.length > PAGE) {
        await realDisk.write(file, bytes.subarray(0, PAGE), at);
        cut.resolve(killed(t, path));
      }
      await realDisk.write(file, bytes, at);
    },
  };
  const store = await opened(t, { path, disk, checkpoint: { ...NEVER, commits: 3 } });
  for (const key of ['a', 'b', 'c']) await put(store, key, key);
  await put(store, 'd', 'd');
  const found = await cut.promise;
  const both = killed(t, path);
  const again = await opened(t, { path: found });
  assert.equal(read(again, 'c'), 'c');
  assert.ok(again.position.sequence >= 3);
  const { size } = statSync(join(both, 'checkpoint'));
  for (const at of [100, size / 2 + 100]) flip(join(both, 'checkpoint'), at);
  await refused(both, /checkpoint is damaged: restore a snapshot/);
});

test('a slot that is damaged once it counts does not bring back the one before', async (t) => {
  const { path } = await inUse(t, 1, { ...NEVER, commits: 1 });
  const file = join(path, 'checkpoint');
  const half = statSync(file).size / 2;
  const isVoid = (at: number): boolean => readFileSync(file).subarray(at, at + 32).equals(Buffer.alloc(32)); // prettier-ignore
  // The first slot is void once the checkpoint that follows the write has ended.
  while (!isVoid(0)) await nextTurn();
  const left = killed(t, path);
  flip(join(left, 'checkpoint'), half + 100);
  await refused(left, /checkpoint is damaged/);
});

test('a write that nothing follows is in a checkpoint too, after a time', async (t) => {
  const { path } = await inUse(t, 1, { ...NEVER, milliseconds: 1 });
  // The second slot: the first one is of before the write.
  const half = statSync(join(path, 'checkpoint')).size / 2;
  const isWritten = (): boolean => !readFileSync(join(path, 'checkpoint')).subarray(half, half + 32).equals(Buffer.alloc(32)); // prettier-ignore
  while (!isWritten()) await nextTurn();
  const left = killed(t, path);
  for (const name of ['journal-a', 'journal-b']) writeFileSync(join(left, name), '');
  assert.equal(read(await opened(t, { path: left }), 'k1'), '1');
});

test('a file that is missing is named', async (t) => {
  const { path } = await inUse(t, 3);
  const without = (name: string): string => {
    const left = killed(t, path);
    rmSync(join(left, name));
    return left;
  };
  await refused(
    without('checkpoint'),
    /journal in .* holds records, and the file `checkpoint` .* missing: put it back/,
  );
  await refused(without('journal-a'), /journal-a is missing, and the store was not closed/);
  await refused(without('journal-b'), /journal-b is missing/);
  await refused(without('data.mdb'), /data\.mdb is missing: restore a snapshot/);
});

async function formatOf(path: string): Promise<string> {
  let found = '';
  await tamper(path, ({ meta }) => void (found = decodeMeta('format', meta.getBinary('format'))));
  return found;
}

for (const older of OLDER_FORMATS) {
  test(`a store of ${older} is taken over, and no program that knows only that opens it any more`, async (t) => {
    const { path, store } = await inUse(t, 3, ALWAYS);
    await store[Symbol.asyncDispose]();
    // As such a program leaves it when it ends in order: all of it in LMDB's file, flushed.
    const environment = openEnvironment(path, { flushing: true });
    environment.root.transactionSync(() => void environment.meta.put('format', encodeMeta(older)));
    await environment.root.close();
    for (const name of ['holder.mdb', 'holder.mdb-lock']) rmSync(join(path, name));
    const again = await openLmdbStore({ path });
    assert.equal(read(again, 'k3'), '3');
    assert.equal(await formatOf(killed(t, path)), STORE_FORMAT, 'before anything is written');
    await put(again, 'k4', '4');
    assert.equal(read(await opened(t, { path: killed(t, path) }), 'k4'), '4');
    await again[Symbol.asyncDispose]();
    assert.equal(await formatOf(path), STORE_FORMAT, 'closed');
  });
}

test('a killed store of an older format is taken over with what its journal holds', async (t) => {
  const left = killed(t, (await inUse(t, 3)).path);
  // The state that its checkpoint names is one of that format.
  const file = await CheckpointFile.open(left, realDisk);
  goBack(left, file);
  const environment = openEnvironment(left, { flushing: true });
  environment.root.transactionSync(() => void environment.meta.put('format', encodeMeta(OLDER_FORMATS.at(-1) ?? '')));
  await environment.root.close();
  const headers = readFileSync(join(left, 'data.mdb')).subarray(0, file.newest.headers.length);
  await file.write({ ...file.newest, number: file.newest.number + 1, headers });
  await file.close();
  const again = await openLmdbStore({ path: left, checkpoint: NEVER });
  assert.equal(read(again, 'k3'), '3');
  const twice = killed(t, left);
  await again[Symbol.asyncDispose]();
  for (const path of [left, twice]) {
    const store = await openLmdbStore({ path });
    assert.equal(read(store, 'k3'), '3');
    await store[Symbol.asyncDispose]();
    assert.equal(await formatOf(path), STORE_FORMAT);
  }
});

test('a checkpoint that is found is made durable before anything rests on it: it may have been in memory alone', async (t) => {
  const { path } = await inUse(t, 3, ALWAYS);
  const left = killed(t, path);
  const data = readFileSync(join(left, 'data.mdb'));
  const refusing: Disk = { ...realDisk, write: async () => Promise.reject(new Error('EIO')) };
  await assert.rejects(openLmdbStore({ path: left, disk: refusing }), /could not be made durable: see to the disk/);
  assert.deepEqual(readFileSync(join(left, 'data.mdb')), data, 'not gone back yet');
  const writes: string[] = [];
  const disk: Disk = {
    ...realDisk,
    async write(file, bytes, at) {
      const there = readFileSync(join(left, 'checkpoint')).subarray(at, at + bytes.length);
      const kind = bytes.every((each) => each === 0) ? 'void' : there.equals(bytes) ? 'as it is' : 'new';
      writes.push(`${basename(file.path)}: ${kind}`);
      await realDisk.write(file, bytes, at);
    },
  };
  const again = await opened(t, { path: left, disk });
  // Its slot and the other one, and only then the checkpoint of what was replayed.
  assert.deepEqual(writes.slice(0, 3), ['checkpoint: as it is', 'checkpoint: void', 'checkpoint: new']);
  assert.equal(read(again, 'k3'), '3');
});

test('files that a crash left before the first checkpoint are no damage', async (t) => {
  const { path, store } = await inUse(t, 1);
  await store[Symbol.asyncDispose]();
  writeFileSync(join(path, 'journal-a'), Buffer.alloc(PAGE));
  writeFileSync(join(path, 'journal-b'), '');
  writeFileSync(join(path, 'checkpoint.new'), Buffer.alloc(10));
  assert.equal(read(await opened(t, { path }), 'k1'), '1');
  assert.ok(!existsSync(join(path, 'journal-a')));
});

test('a store that was closed, but for the removal of its journal, is taken as it is', async (t) => {
  const path = directory(t);
  let left = '';
  const disk: Disk = {
    ...realDisk,
    async write(file, bytes, at) {
      await realDisk.write(file, bytes, at);
      if (Buffer.from(bytes).includes('"closed":true')) left = killed(t, path);
    },
  };
  const store = await openLmdbStore({ path, disk });
  await put(store, 'k', 'v');
  await store[Symbol.asyncDispose]();
  rmSync(join(left, 'journal-a'));
  const again = await opened(t, { path: left });
  assert.equal(read(again, 'k'), 'v');
  assert.ok(!existsSync(join(left, 'journal-b')));
});

test('compaction that is lost by going back is done again', async (t) => {
  const { path, store } = await inUse(t, 5);
  await store.compact({ epoch: store.position.epoch, sequence: 3 });
  await put(store, 'k6', '6');
  const again = await opened(t, { path: killed(t, path) });
  assert.equal(again.oldest.sequence, 0);
  await again.compact({ epoch: again.position.epoch, sequence: 4 });
  assert.equal(again.oldest.sequence, 4);
  assert.equal(read(again, 'k6'), '6');
});

test('a journal write or a flush that fails ends the store, and leaves it for the next opening', async (t) => {
  for (const fault of ['journal', 'flush', 'slot'] as const) {
    const path = directory(t);
    let fails = false;
    const broken = async (): Promise<void> => {
      throw new Error('EIO');
    };
    const disk: Disk = {
      write: (file, bytes, at) => {
        const hit = file.path.includes(fault === 'slot' ? 'checkpoint' : 'journal-') && fault !== 'flush';
        return fails && hit ? broken() : realDisk.write(file, bytes, at);
      },
      flush: (file) => (fails && fault === 'flush' ? broken() : realDisk.flush(file)),
    };
    const died: unknown[] = [];
    const store = await openLmdbStore({ path, disk, die: (error) => void died.push(error), checkpoint: ALWAYS });
    await put(store, 'k', 'told');
    fails = true;
    const written = Array.from({ length: 3 }, async () => put(store, 'k', 'later'));
    const results = await Promise.allSettled(written);
    await put(store, 'k', 'last').catch(() => undefined);
    await store[Symbol.asyncDispose]();
    assert.ok(died.length > 0, fault);
    if (fault === 'journal') assert.ok(results.every(({ status }) => status === 'rejected'));
    assert.ok(existsSync(join(path, 'checkpoint')), 'it counts as not closed');
    const again = await opened(t, { path });
    const told = results.some(({ status }) => status === 'fulfilled') ? /later|last/ : /told|later|last/;
    assert.match(read(again, 'k') ?? '', told, fault);
  }
});

test('a write that a checkpoint is due for while another is being made is in one too, when nothing follows it', async (t) => {
  const path = directory(t);
  const held = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<void>();
  let flushes = 0;
  const disk: Disk = {
    async write(file, bytes, at) {
      await realDisk.write(file, bytes, at);
      if (file.path.endsWith('checkpoint') && Buffer.from(bytes).includes('"sequence":2')) seen.resolve();
    },
    async flush(file) {
      // The first one is for the checkpoint before the first write.
      if (++flushes > 1) await held.promise;
      await realDisk.flush(file);
    },
  };
  const store = await opened(t, { path, disk, checkpoint: { ...NEVER, commits: 1, milliseconds: 1 } });
  await put(store, 'a', '1');
  await put(store, 'b', '2');
  held.resolve();
  await seen.promise;
  const left = killed(t, path);
  for (const name of ['journal-a', 'journal-b']) writeFileSync(join(left, name), '');
  assert.equal(read(await opened(t, { path: left }), 'b'), '2');
});

test('an opening whose checkpoint fails says so, ends the process, and leaves all for the next one', async (t) => {
  const { path } = await inUse(t, 3);
  const left = killed(t, path);
  const died: unknown[] = [];
  const disk: Disk = { ...realDisk, flush: async () => Promise.reject(new Error('EIO')) };
  await assert.rejects(
    openLmdbStore({ path: left, disk, die: (error) => void died.push(error) }),
    /storage failed before/,
  );
  assert.match(String(died[0]), /could not be made durable/);
  assert.equal(read(await opened(t, { path: left }), 'k3'), '3');
});

test('commits wait for the disk rather than fill a segment whose checkpoint has not ended', async (t) => {
  const path = directory(t);
  let release = (): void => undefined;
  let slow = false;
  const disk: Disk = {
    ...realDisk,
    async flush(file) {
      if (slow) await new Promise<void>((resolve) => (release = resolve));
      await realDisk.flush(file);
    },
  };
  const store = await openLmdbStore({ path, disk, checkpoint: { ...NEVER, bytes: 2 * PAGE } });
  await put(store, 'a', '1');
  slow = true;
  for (const key of ['b', 'c', 'd']) await put(store, key, '1');
  let told = false;
  const waiting = put(store, 'e', '1').then(() => (told = true));
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(told, false);
  assert.equal(read(await opened(t, { path: killed(t, path) }), 'd'), '1');
  slow = false;
  release();
  await waiting;
  await store[Symbol.asyncDispose]();
});

test('a thread that reads changes nothing of what lies beside the store', async (t) => {
  const { path, store } = await inUse(t, 3);
  const board = new Board();
  board.publish(store.position.sequence);
  const before = ['checkpoint', 'journal-a', 'journal-b'].map((name) => readFileSync(join(path, name)));
  const follower = followLmdbStore(path, board);
  assert.equal(read(follower, 'k3'), '3');
  await follower[Symbol.asyncDispose]();
  const after = ['checkpoint', 'journal-a', 'journal-b'].map((name) => readFileSync(join(path, name)));
  assert.deepEqual(after, before);
});
