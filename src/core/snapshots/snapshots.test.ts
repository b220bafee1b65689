import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ask, runningNode, type TestNodeOptions } from '../../../test/support/node.ts';
import { fail } from '../../errors.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';

async function withSpool(t: TestContext, options: TestNodeOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-spool-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const store = openMemoryStore();
  const snapshots = { store, folder: join(folder, 'spool') };
  return { folder, store, ...(await runningNode({ ...options, store, snapshots })) };
}

test('snapshots that nobody fetches do not fill the disk: so many, and no wrapped ones', async (t) => {
  const { node, root: token, folder } = await withSpool(t);
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

test('a rekey in the midst of a restore waits for the next time: what is restored opens with the shares that hold', async (t) => {
  const { node, root: token, share, folder } = await withSpool(t);
  await using _ = node;
  const { reply } = await ask(node, 'GET', 'sys/storage/raft/snapshot', { token });
  const path = join(folder, 'snapshot.gz');
  writeFileSync(path, gzipSync(readFileSync(reply?.file?.path ?? assert.fail())));
  const restoring = node.snapshots.restore(path, { force: false, keepCredentials: true });
  const rekey = node.keyHolders.rekey.root;
  const { nonce } = await rekey.start({ shares: 1, threshold: 1, backup: false, verify: false });
  const given = rekey.give(Buffer.from(share, 'hex'), nonce);
  await assert.rejects(given, { code: 'conflict' });
  await restoring;
  await node.seal();
  await node.unseal(Buffer.from(share, 'hex'));
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token })).status, 200);
  // Afterwards the keys can be changed again, also where the restore failed.
  await assert.rejects(node.snapshots.restore(join(folder, 'none'), { force: false, keepCredentials: true }));
  const again = await rekey.start({ shares: 1, threshold: 1, backup: false, verify: false });
  assert.ok('shares' in (await rekey.give(Buffer.from(share, 'hex'), again.nonce)));
});

test('a snapshot whose reply cannot be put on record is not kept', async (t) => {
  let full = false;
  const recorded = async (): Promise<void> => {
    if (full) throw fail('auditFailed');
  };
  const trail = { request: () => undefined, response: recorded, both: recorded };
  const { node, root: token, folder } = await withSpool(t, { trail });
  await using _ = node;
  full = true;
  const { status, reply } = await ask(node, 'GET', 'sys/storage/raft/snapshot', { token });
  assert.deepEqual([status, reply?.file, readdirSync(join(folder, 'spool'))], [500, undefined, []]);
});

test('what nobody with the keys has written is refused before any of it is loaded', async (t) => {
  const { node, root: token, folder, store } = await withSpool(t);
  await using _ = node;
  const { reply } = await ask(node, 'GET', 'sys/storage/raft/snapshot', { token });
  const tar = readFileSync(reply?.file?.path ?? assert.fail());
  const at = tar.lastIndexOf('hmac-sha256 ') + 20;
  tar.write(tar.toString('latin1', at, at + 1) === '0' ? '1' : '0', at);
  const path = join(folder, 'forged.gz');
  writeFileSync(path, gzipSync(tar));
  const replacement = t.mock.method(store, 'replacement');
  await assert.rejects(node.snapshots.restore(path, { force: false, keepCredentials: true }), /SHA256SUMS\.sealed/);
  assert.equal(replacement.mock.callCount(), 0);
});
