import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { keys } from '../../src/core/keys.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import { ask } from '../support/node.ts';
import { dataOf, withVault } from '../support/sealable-world.ts';

async function withSnapshots(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-sealed-snapshots-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const store = openMemoryStore();
  const beside = { open: () => Promise.resolve(openMemoryStore()), drop: () => undefined };
  const found = await withVault({ store, snapshots: { store, folder: join(folder, 'spool'), beside } });
  const { node, root } = found;
  let files = 0;
  const saved = async (): Promise<string> => {
    const { reply } = await ask(node, 'GET', 'sys/storage/raft/snapshot', { token: root });
    const path = join(folder, `${String((files += 1))}.snap`);
    writeFileSync(path, gzipSync(readFileSync(reply?.file?.path ?? assert.fail())));
    return path;
  };
  return { ...found, saved };
}

test('in a snapshot that is loaded beside it stays sealed, also while it is open in the live data', async (t) => {
  const { node, root, world, saved } = await withSnapshots(t);
  await using _ = node;
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' });
  await world.must('POST', 'kv/x', { word: 'then' });
  const { id } = await node.unsealedSnapshots.loaded.load(await saved());
  const read = (namespace: string) =>
    ask(node, 'GET', 'kv/x', { token: root, namespace, query: { read_snapshot_id: id } });
  assert.deepEqual(dataOf(await read('')), { word: 'then' });
  const closed = await read('vault');
  assert.equal(closed.status, 503);
  assert.match(closed.errors?.[0] ?? '', /in a snapshot/);
  await world.seal('vault');
  assert.equal((await read('vault')).status, 503);
});

test('restored it is sealed, its shares of then open it, and what it had issued is over', async (t) => {
  const { node, world, shares, saved } = await withSnapshots(t);
  await using _ = node;
  await world.must('POST', 'sys/auth/approle', { type: 'approle' }, 'vault');
  await world.must('POST', 'auth/approle/role/r', { token_policies: ['default'] }, 'vault');
  const { role_id: role } = dataOf(await world.must('GET', 'auth/approle/role/r/role-id', undefined, 'vault'));
  const { secret_id: secret } = dataOf(await world.must('POST', 'auth/approle/role/r/secret-id', {}, 'vault'));
  const login = async () =>
    ask(node, 'POST', 'auth/approle/login', { namespace: 'vault', body: { role_id: role, secret_id: secret } });
  const logged = await login();
  assert.equal(logged.status, 200);
  const term = async () => dataOf(await world.must('GET', 'sys/key-status', undefined, 'vault'))['term'];
  assert.equal(await term(), 1);
  const snapshot = await saved();
  await world.must('POST', 'kv/x', { word: 'since' }, 'vault');
  await node.snapshots.restore(snapshot, { force: false, keepCredentials: false });
  // The restore ended all tokens, that of the first day too.
  const root = 'hvs.restored-root-token-for-tests';
  await node.developmentToken(root);
  Object.assign(world, { root });
  assert.equal(await world.status('kv/x', 'vault'), 503);
  await world.unseal('vault', shares);
  assert.deepEqual(dataOf(await world.must('GET', 'kv/x', undefined, 'vault')), { word: 'hush' });
  assert.equal((await login()).status, 400, 'its secret-ids are over');
  const token = String(logged.auth?.['client_token']);
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token, namespace: 'vault' })).status, 403);
  assert.equal(await term(), 2, 'how often the first key was used since is not known');
  const id = String(dataOf(await world.must('GET', 'sys/namespaces/vault'))['id']);
  assert.ok(
    !node.services.store.has(keys.waitingCredentials(id)) && !node.services.store.has(keys.waitingRotation(id)),
  );
});
