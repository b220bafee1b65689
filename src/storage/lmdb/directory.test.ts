import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isLockstepError } from '../../errors.ts';
import { put, read } from '../conformance/subject.ts';
import { directory, opened } from './fixture.ts';
import { openLmdbStore } from './open.ts';

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('the directory and all in it belong to this user alone', async (t) => {
  const path = join(directory(t), 'deep', 'data');
  const store = await opened(t, { path });
  await put(store, 'k', 'v');
  assert.equal(mode(path), '700');
  const files = readdirSync(path);
  const closed = ['data.mdb', 'holder.mdb', 'holder.mdb-lock', 'lock.mdb'];
  assert.deepEqual(files.toSorted(), [...closed, 'checkpoint', 'holder.json', 'journal-a', 'journal-b'].toSorted());
  for (const file of files) assert.equal(mode(join(path, file)), '600', file);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(path).toSorted(), closed, 'closed, all of the store is in one file');
});

test('a directory and files that others could read are narrowed', async (t) => {
  const path = join(directory(t), 'data');
  await using first = await openLmdbStore({ path });
  await first[Symbol.asyncDispose]();
  chmodSync(path, 0o777);
  chmodSync(join(path, 'data.mdb'), 0o666);
  await opened(t, { path });
  assert.equal(mode(path), '700');
  assert.equal(mode(join(path, 'data.mdb')), '600');
});

test('a path that is no directory is refused by name', async (t) => {
  const path = join(directory(t), 'file');
  writeFileSync(path, '');
  await assert.rejects(openLmdbStore({ path }), (error) => {
    assert.ok(isLockstepError(error, 'invalidConfig'));
    assert.match(error.message, new RegExp(path));
    return true;
  });
});

test('a directory has one store of a process at a time', async (t) => {
  const path = join(directory(t), 'data');
  mkdirSync(path);
  const store = await openLmdbStore({ path });
  await assert.rejects(openLmdbStore({ path }), (error) => isLockstepError(error, 'storeInUse'));
  await assert.rejects(openLmdbStore({ path: `${path}/.` }), (error) => isLockstepError(error, 'storeInUse'));
  await put(store, 'k', 'v');
  await store[Symbol.asyncDispose]();
  assert.equal(existsSync(join(path, 'holder.json')), false);
  assert.equal(read(await opened(t, { path }), 'k'), 'v');
});

test('another process is refused with the name of the holder, until that one is gone', async (t) => {
  const path = directory(t);
  const program = `
    const { openLmdbStore } = await import(${JSON.stringify(new URL('./open.ts', import.meta.url).href)});
    const store = await openLmdbStore({ path: ${JSON.stringify(path)} });
    await store.transact((tx) => tx.put('k', Buffer.from('from the child')));
    console.log('open');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await assert.rejects(openLmdbStore({ path }), (error) => {
    assert.ok(isLockstepError(error, 'storeInUse'));
    assert.match(error.message, new RegExp(`process ${child.pid} on .+, since 2`));
    return true;
  });
  await assert.rejects(openLmdbStore({ path }), (error) => isLockstepError(error, 'storeInUse'), 'and again');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const store = await opened(t, { path });
  assert.equal(read(store, 'k'), 'from the child');
});
