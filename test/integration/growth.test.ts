/** What does not grow with the number of secrets and tokens; and that the benchmark fills as the server writes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fill, secretPath, tokenId } from '../../bench/growth/fill.ts';
import { loadServerConfig } from '../../src/config/server.ts';
import { keys, ROOT_NAMESPACE } from '../../src/core/keys.ts';
import type { Node } from '../../src/core/node.ts';
import { decodeFound } from '../../src/lib/record.ts';
import { silent } from '../../src/lib/log.ts';
import { LogSource } from '../../src/lib/log-source.ts';
import { compose } from '../../src/server/compose.ts';
import { countingStore } from '../support/counting-store.ts';
import { ask, runningNode, testNode } from '../support/node.ts';

/** Values read and keys listed, by what they were read for. */
async function readsWith(count: number): Promise<Readonly<Record<string, number>>> {
  const { store, read } = countingStore();
  const { node, root: token, share } = await runningNode({ store });
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
  await ask(node, 'POST', 'auth/approle/role/app', { token, body: {} });
  for (let at = 0; at < count; at += 1) {
    await ask(node, 'POST', `secret/data/app/${String(at)}`, { token, body: { data: { at } } });
    await ask(node, 'POST', 'auth/token/create', { token, body: { ttl: `${String(at + 1)}h` } });
    await ask(node, 'POST', 'auth/approle/role/app/secret-id', { token, body: {} });
  }
  await node[Symbol.asyncDispose]();

  await using again = testNode({ store });
  const counts: Record<string, number> = {};
  const counted = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    read();
    await work();
    counts[what] = read();
  };
  await counted('unseal', () => again.unseal(Buffer.from(share, 'hex')));
  await counted('tick', () => again.tick());
  await counted('read', () => ask(again, 'GET', 'secret/data/app/1', { token }));
  await counted('page', () => ask(again, 'LIST', 'secret/metadata/app', { token, query: { after: '1', limit: '3' } }));
  await counted('accessors', () => ask(again, 'LIST', 'auth/token/accessors', { token, query: { limit: '3' } }));
  const ids = 'auth/approle/role/app/secret-id';
  await counted('secret-ids', () => ask(again, 'LIST', ids, { token, query: { limit: '3' } }));
  await counted('login', () => ask(again, 'POST', 'auth/token/create', { token, body: { ttl: '1h' } }));
  return counts;
}

test('unsealing, time, reads, pages and new tokens read as much with ten times the secrets and tokens', async () => {
  const [few, many] = [await readsWith(20), await readsWith(200)];
  assert.deepEqual(many, few);
  assert.ok(Object.values(few).every((reads) => reads > 0));
});

async function onDisk(path: string, work: (node: Node) => Promise<void>): Promise<void> {
  const config = join(path, 'server.hcl');
  writeFileSync(
    config,
    `listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
storage "lmdb" { path = "${join(path, 'data')}" }
workers = 0
`,
  );
  const output = { write: () => undefined, reopen: () => undefined, close: () => Promise.resolve() };
  const logs = new LogSource({ level: 'error', format: 'json', write: output.write, now: Date.now });
  await using composed = await compose(loadServerConfig({ files: [config], flags: {} }), { log: silent, logs, output });
  await work(composed.node);
}

test('the benchmark fills a store as the server does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-filled-'));
  try {
    const made = await fill(folder, { secrets: 3, tokens: 2 });
    await onDisk(folder, async (node) => {
      await node.unseal(Buffer.from(made.share, 'base64'));
      const { token } = made;
      const read = await ask(node, 'GET', `secret/data/${secretPath(2)}`, { token });
      assert.deepEqual(read.reply?.data?.['data'], { value: 'x'.repeat(200) });
      const self = await ask(node, 'GET', 'auth/token/lookup-self', { token: tokenId(1) });
      assert.deepEqual(self.reply?.data?.['policies'], ['default', 'bench']);
      const root = made.rootToken;
      const body = { data: { value: 'x'.repeat(200) } };
      assert.equal((await ask(node, 'POST', 'secret/data/app-000000/written', { token: root, body })).status, 200);
      const listed = await ask(node, 'LIST', 'secret/metadata/app-000000', { token });
      assert.deepEqual(listed.reply?.data, { keys: ['secret-000', 'secret-001', 'secret-002', 'written'] });
      assert.deepEqual(shapeOf(node, secretPath(0)), shapeOf(node, 'app-000000/written'));
      const created = await ask(node, 'POST', 'auth/token/create', {
        token: root,
        body: { policies: ['bench'], ttl: '720h', no_parent: true },
      });
      const fresh = await ask(node, 'GET', 'auth/token/lookup-self', { token: String(created.auth?.['client_token']) });
      assert.deepEqual(Object.keys(self.reply?.data ?? {}), Object.keys(fresh.reply?.data ?? {}));
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The records of a secret, with every time and number replaced by its kind. */
function shapeOf(node: Node, path: string): unknown {
  const { store, mounts } = node.services;
  const below = keys.data('s', ROOT_NAMESPACE, mounts.at(ROOT_NAMESPACE, 'secret/')?.record.uuid ?? '');
  using snapshot = store.snapshot();
  const shapes = [`${below}metadata/${path}`, `${below}data/1/${path}`].map((key) => decodeFound(snapshot.get(key)));
  return JSON.parse(JSON.stringify(shapes), (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith('20') ? 'a time' : value,
  );
}
