import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { bytes, put, read } from '../storage/conformance/subject.ts';
import { directory } from '../storage/lmdb/fixture.ts';
import { openLmdbStore } from '../storage/lmdb/open.ts';
import { lifecycleOn, unseal } from './lifecycle.fixture.ts';

/** Every byte below a directory. */
function contents(path: string): Buffer {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name));
  return Buffer.concat(files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file)));
}

test('over LMDB and a restart: data comes back, and no file holds a value, old, deleted or new, nor a share', async (t) => {
  const path = directory(t);
  const first = await openLmdbStore({ path });
  const node = lifecycleOn(first);
  const { unsealShares } = await node.init({}, (tx) => {
    tx.put('l/root/seed', bytes('canary-seed'));
  });
  const shares = unsealShares.expose().hex.map((share) => Buffer.from(share, 'hex'));
  await unseal(node, shares.slice(0, 3));
  await put(node.store, 's/root/name-that-is-found', 'canary-old');
  await put(node.store, 's/root/name-that-is-found', 'canary-new');
  await put(node.store, 's/root/large', `canary-large ${'x'.repeat(600_000)} canary-large`);
  await put(node.store, 's/root/gone', 'canary-gone');
  await node.store.transact((tx) => {
    tx.delete('s/root/gone');
  });
  await node.rotate();
  await put(node.store, 's/root/second-term', 'canary-second');
  await first[Symbol.asyncDispose]();

  const found = contents(path);
  assert.notEqual(found.indexOf('name-that-is-found'), -1, 'the search sees what lies in clear');
  assert.equal(found.indexOf('canary'), -1);
  for (const share of shares) assert.equal(found.indexOf(share.subarray(0, 32)), -1);

  const second = await openLmdbStore({ path });
  t.after(() => second[Symbol.asyncDispose]());
  const again = lifecycleOn(second);
  await unseal(again, shares.slice(2));
  assert.equal(again.keyStatus().term, 2);
  assert.equal(read(again.store, 'l/root/seed'), 'canary-seed');
  assert.equal(read(again.store, 's/root/name-that-is-found'), 'canary-new');
  assert.equal(read(again.store, 's/root/large')?.length, 600_026);
  assert.equal(read(again.store, 's/root/gone'), undefined);
  assert.equal(read(again.store, 's/root/second-term'), 'canary-second');
});
