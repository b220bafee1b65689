/** What one request costs in cryptography, counted: a second look at the same thing shows here, where no clock would tell. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import { ask, runningNode } from '../support/node.ts';

/** Each makes an object with a native half, which costs more than what it computes. */
const COUNTED = ['createDecipheriv', 'createCipheriv', 'createHmac'] as const;

type Counts = Readonly<Record<(typeof COUNTED)[number], number>>;

async function counted(work: () => Promise<unknown>): Promise<Counts> {
  const mocks = COUNTED.map((name) => mock.method(crypto, name));
  syncBuiltinESMExports();
  try {
    await work();
    const [decrypted, encrypted, hashed] = mocks.map((each) => each.mock.callCount());
    return { createDecipheriv: decrypted ?? 0, createCipheriv: encrypted ?? 0, createHmac: hashed ?? 0 };
  } finally {
    mock.restoreAll();
    syncBuiltinESMExports();
  }
}

test('a read of a secret that is read often decrypts its data alone', async () => {
  const { node, root: token } = await runningNode();
  await using _node = node;
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  await ask(node, 'POST', 'secret/data/app', { token, body: { data: { a: 'b' } } });
  const read = (): Promise<unknown> => ask(node, 'GET', 'secret/data/app', { token });
  await read();
  assert.deepEqual(await counted(read), { createDecipheriv: 1, createCipheriv: 0, createHmac: 0 });
});

test('a write of a secret that is written often decrypts nothing, encrypts two records, and nobody who is told of it decrypts them', async () => {
  const { node, root: token } = await runningNode();
  await using _node = node;
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  const write = (): Promise<unknown> => ask(node, 'POST', 'secret/data/app', { token, body: { data: { a: 'b' } } });
  await write();
  assert.deepEqual(await counted(write), { createDecipheriv: 1, createCipheriv: 2, createHmac: 0 });
  assert.deepEqual(await counted(write), { createDecipheriv: 0, createCipheriv: 2, createHmac: 0 });
  const atOnce = (): Promise<unknown> => Promise.all([write(), write(), write()]);
  assert.deepEqual(await counted(atOnce), { createDecipheriv: 0, createCipheriv: 6, createHmac: 0 });
});

test('a login decrypts nothing, and looks for its role, its secret-id and its entity once', async () => {
  const store = openMemoryStore();
  const { node, root: token } = await runningNode({ store });
  await using _node = node;
  await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
  await ask(node, 'POST', 'auth/approle/role/app', { token, body: { token_ttl: '1h' } });
  const role = await ask(node, 'GET', 'auth/approle/role/app/role-id', { token });
  const secret = await ask(node, 'POST', 'auth/approle/role/app/secret-id', { token });
  const body = { role_id: role.reply?.data?.['role_id'], secret_id: secret.reply?.data?.['secret_id'] };
  const login = async (): Promise<void> => {
    assert.equal((await ask(node, 'POST', 'auth/approle/login', { body })).status, 200);
  };
  // The first makes the entity, the second learns who it is.
  await login();
  await login();
  // Encrypted: the token, its accessor, its expiry, the count. Hashed: role-id and secret-id, the new token and its accessor.
  assert.deepEqual(await counted(login), { createDecipheriv: 0, createCipheriv: 4, createHmac: 4 });
  // Those that come at once are one transaction, with one count.
  const atOnce = (): Promise<unknown> => Promise.all([login(), login(), login()]);
  const { sequence } = store.position;
  assert.deepEqual(await counted(atOnce), { createDecipheriv: 0, createCipheriv: 10, createHmac: 12 });
  assert.equal(store.position.sequence, sequence + 1);
});

test('a login costs the same whether there is a role of its role-id, also the first one after a start and after a role is gone', async () => {
  const { node, root: token, share } = await runningNode();
  await using _node = node;
  await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
  for (const role of ['app', 'other']) {
    await ask(node, 'POST', `auth/approle/role/${role}`, { token });
    await ask(node, 'POST', `auth/approle/role/${role}/role-id`, { token, body: { role_id: role } });
  }
  const refused = (role_id: string) => () =>
    ask(node, 'POST', 'auth/approle/login', { body: { role_id, secret_id: 'x' } });
  const restarted = async (): Promise<void> => {
    await node.seal();
    await node.unseal(Buffer.from(share, 'hex'));
  };
  const costs: Counts[] = [];
  for (const id of ['app', 'nobody']) {
    await restarted();
    costs.push(await counted(refused(id)));
  }
  assert.deepEqual(costs[1], costs[0]);
  await restarted();
  await refused('app')();
  await ask(node, 'DELETE', 'auth/approle/role/app', { token });
  // The other one is read for the first time.
  const decrypted = async (id: string) => (await counted(refused(id))).createDecipheriv;
  assert.deepEqual([await decrypted('nobody'), await decrypted('nobody'), await decrypted('other')], [1, 0, 0]);
});

test('names of a list are hashed for the audit once, however often they are listed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-request-cost-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { node, root: token } = await runningNode();
  await using _node = node;
  const options = { file_path: join(folder, 'audit.log') };
  assert.equal((await ask(node, 'POST', 'sys/audit/file', { token, body: { type: 'file', options } })).status, 204);
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  for (let at = 0; at < 20; at += 1) {
    await ask(node, 'POST', `secret/data/app-${at}`, { token, body: { data: { a: 'b' } } });
  }
  const list = (): Promise<unknown> => ask(node, 'LIST', 'secret/metadata', { token });
  assert.equal((await counted(list)).createHmac, 20);
  assert.equal((await counted(list)).createHmac, 0);
});
