import assert from 'node:assert/strict';
import fs, { statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inUse, killed, opened } from '../fixture.ts';
import { openLmdbStore } from '../open.ts';

/** So many bytes are free, whatever the file system says. */
function withRoom(t: TestContext, bytes: number): void {
  t.mock.method(fs, 'statfsSync', () => ({ bavail: bytes, bsize: 1 }));
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
}

test('a long journal is replayed where there is little room: what it takes again is in the file already', async (t) => {
  const { path, store } = await inUse(t, 500);
  const left = killed(t, path);
  const before = statSync(join(left, 'data.mdb')).size;
  withRoom(t, 512 * 1024);
  const again = await opened(t, { path: left });
  assert.deepEqual(again.position, store.position);
  assert.ok(statSync(join(left, 'data.mdb')).size <= before);
});

test('where there is no room for a group, that is said, and nothing is lost', async (t) => {
  const { path, store } = await inUse(t, 5);
  const left = killed(t, path);
  withRoom(t, 1_000);
  await assert.rejects(openLmdbStore({ path: left }), /no room in .* [0-9]+ bytes have to be free, 1000 are/);
  withRoom(t, 2 ** 20);
  assert.deepEqual((await opened(t, { path: left })).position, store.position);
});
