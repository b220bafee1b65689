import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';

test('snapshots that nobody fetches do not fill the disk: so many, and no wrapped ones', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-spool-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const store = openMemoryStore();
  const { node, root: token } = await runningNode({ store, snapshots: { store, folder: join(folder, 'spool') } });
  await using _ = node;
  const take = (wrapTtl = 0) => ask(node, 'GET', 'sys/storage/raft/snapshot', { token, wrapTtl });
  const taken = [await take(60), await take(), await take(), await take()];
  // A wrapping would have held an empty reply, and left the file.
  for (const { reply, wrapInfo } of taken) assert.deepEqual([typeof reply?.file?.path, wrapInfo], ['string', null]);
  assert.equal((await take()).status, 429);
  assert.equal(readdirSync(join(folder, 'spool')).length, 4);
  rmSync(taken[0]?.reply?.file?.path ?? assert.fail());
  assert.equal((await take()).status, 200);
});
