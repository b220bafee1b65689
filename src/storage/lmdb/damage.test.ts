import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isLockstepError, type ErrorCode } from '../../errors.ts';
import { put, read, start } from '../conformance/subject.ts';
import type { Store } from '../store.ts';
import { directory, tamper } from './fixture.ts';
import { encodeMeta, STORE_FORMAT } from './meta.ts';
import { openLmdbStore } from './open.ts';
import { logKey } from './view.ts';

/** A closed store with some batches; the hash of each stands at its sequence. */
async function written(t: TestContext, batches: number): Promise<{ path: string; hashes: Buffer[] }> {
  const path = directory(t);
  await using store = await openLmdbStore({ path });
  const hashes = [Buffer.from(store.hash)];
  for (let at = 1; at <= batches; at++) {
    await put(store, `key-${at}`, `value-${at}`);
    hashes.push(Buffer.from(store.hash));
  }
  return { path, hashes };
}

async function refused(path: string, code: ErrorCode, text: RegExp): Promise<void> {
  await assert.rejects(openLmdbStore({ path }), (error) => {
    assert.ok(isLockstepError(error, code), String(error));
    assert.match(error.message, text);
    return true;
  });
}

/** Flips one bit at each place where `bytes` stand in the file; says how many there were. */
function flip(path: string, bytes: Uint8Array): number {
  const file = join(path, 'data.mdb');
  const content = readFileSync(file);
  let count = 0;
  for (let at = content.indexOf(bytes); at !== -1; at = content.indexOf(bytes, at + 1)) {
    content.writeUInt8(content.readUInt8(at) ^ 1, at);
    count += 1;
  }
  writeFileSync(file, content);
  return count;
}

async function readAll(store: Store): Promise<number> {
  let seen = 0;
  const stop = new AbortController();
  for await (const { position } of store.changes(start(store), stop.signal)) {
    seen = position.sequence;
    if (seen === store.position.sequence) stop.abort();
  }
  return seen;
}

test('a flipped bit in the newest record is found at opening', async (t) => {
  const { path, hashes } = await written(t, 5);
  assert.ok(flip(path, hashes[5] ?? Buffer.alloc(0)) > 0);
  await refused(path, 'corrupt', /log record 5 is damaged/);
});

test('a flipped bit in an old record is found when it is read: nothing behind it is served', async (t) => {
  const { path, hashes } = await written(t, 100);
  assert.ok(flip(path, hashes[10] ?? Buffer.alloc(0)) > 0);
  await using store = await openLmdbStore({ path });
  await assert.rejects(readAll(store), (error) => isLockstepError(error, 'corrupt'));
  assert.throws(
    () => store.hashAt({ epoch: store.epoch.number + '.' + store.epoch.id, sequence: 10 }),
    (error) => isLockstepError(error, 'corrupt'),
  );
});

test('a flipped bit in the value of a record is found', async (t) => {
  const { path } = await written(t, 5);
  assert.ok(flip(path, Buffer.from('value-4')) >= 2, 'in data and log');
  await refused(path, 'corrupt', /log record 4 is damaged/);
});

test('records that were exchanged, lost or cut are found', async (t) => {
  const cases: [string, RegExp, (log: { get: (n: number) => Buffer; put: (n: number, v: Buffer) => void; remove: (n: number) => void }) => void][] = [
    ['exchanged', /log record [34] is damaged: it says that it is [34]/, ({ get, put: set }) => { const three = Buffer.from(get(3)); set(3, get(4)); set(4, three); }],
    ['lost at the end', /records 1 to 5, and holds 1 to 4/, ({ remove }) => remove(5)],
    ['lost at the start', /records 1 to 5, and holds 2 to 5/, ({ remove }) => remove(1)],
    ['lost in between', /log record 3 is missing/, ({ remove }) => remove(3)],
    ['one too many', /records 1 to 5, and holds 1 to 6/, ({ get, put: set }) => set(6, get(5))],
    ['cut', /log record 5 is damaged/, ({ get, put: set }) => set(5, Buffer.from(get(5).subarray(0, 40)))],
    ['emptied', /log record 5 is damaged/, ({ put: set }) => set(5, Buffer.alloc(0))],
  ]; // prettier-ignore
  for (const [name, message, change] of cases) {
    await t.test(name, async (inner) => {
      const { path } = await written(inner, 5);
      await tamper(path, ({ log }) =>
        change({
          get: (n) => log.getBinary(logKey(n)) ?? Buffer.alloc(0),
          put: (n, value) => void log.put(logKey(n), value),
          remove: (n) => void log.remove(logKey(n)),
        }),
      );
      await refused(path, 'corrupt', message);
    });
  }
});

test('a flipped bit in the head, the oldest place or the identity is found', async (t) => {
  for (const name of ['head', 'oldest', 'identity', 'format']) {
    const { path } = await written(t, 3);
    await tamper(path, ({ meta }) => {
      const bytes = Buffer.from(meta.getBinary(name) ?? '');
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
      void meta.put(name, bytes);
    });
    await refused(path, 'corrupt', new RegExp(`${name} record is damaged`));
    await tamper(path, ({ meta }) => void meta.remove(name));
    await refused(path, 'corrupt', new RegExp(`${name} record is missing`));
  }
});

test('a store of another format version is refused by name, and left as it is', async (t) => {
  const { path } = await written(t, 1);
  await tamper(path, ({ meta }) => void meta.put('format', encodeMeta('lockstep-lmdb/999')));
  await refused(path, 'formatVersion', /"lockstep-lmdb\/999": this program reads lockstep-lmdb\/\d+$/);
  await tamper(path, ({ meta }) => void meta.put('format', encodeMeta(STORE_FORMAT)));
  await using store = await openLmdbStore({ path });
  assert.equal(read(store, 'key-1'), 'value-1');
});

test('a large value with a lost part is not served', async (t) => {
  const { path } = await written(t, 1);
  {
    await using store = await openLmdbStore({ path });
    await store.transact((tx) => tx.put('large', new Uint8Array(1_000_000).fill(1)));
    await store.compact(store.position);
  }
  await tamper(path, ({ parts: table }) => {
    const [, second] = table.getKeys({ start: Buffer.alloc(1), limit: 2 });
    if (second !== undefined) void table.remove(second);
  });
  await using store = await openLmdbStore({ path });
  assert.throws(() => read(store, 'large'), (error) => isLockstepError(error, 'corrupt')); // prettier-ignore
  assert.equal(read(store, 'key-1'), 'value-1');
});

test('a cut file is refused before a page beyond its end is read', async (t) => {
  const { path } = await written(t, 200);
  truncateSync(join(path, 'data.mdb'), 5 * 4_096);
  await refused(path, 'corrupt', /is cut: it holds 20480 of \d+ bytes/);
});

test('a file that LMDB did not write, or another LMDB, is refused', async (t) => {
  const { path } = await written(t, 1);
  const file = join(path, 'data.mdb');
  const whole = readFileSync(file);
  const changed = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(value, at);
    return bytes;
  };
  const cases: readonly (readonly [Buffer, ErrorCode, RegExp])[] = [
    [Buffer.alloc(65_536, 'not a database '), 'corrupt', /is no LMDB file/],
    [Buffer.alloc(65_536), 'corrupt', /is no LMDB file/],
    [Buffer.from('short'), 'corrupt', /is no LMDB file/],
    [whole.subarray(0, 4_096), 'corrupt', /is cut or damaged/],
    [whole.subarray(0, 3 * 4_096), 'corrupt', /is cut: it holds/],
    [changed(24, 0), 'corrupt', /is no LMDB file/],
    [changed(28, 9), 'formatVersion', /data version 9/],
    [changed(49, 0x11), 'corrupt', /is cut or damaged/],
  ];
  for (const [content, code, message] of cases) {
    writeFileSync(file, content);
    await refused(path, code, message);
  }
  writeFileSync(file, whole);
  await using store = await openLmdbStore({ path });
  assert.equal(read(store, 'key-1'), 'value-1', 'and nothing was changed');
});

test('an empty file, as a crash leaves it before the first flush, is a new store', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'data.mdb'), '');
  await using store = await openLmdbStore({ path });
  await put(store, 'k', 'v');
  assert.equal(store.position.sequence, 1);
});
