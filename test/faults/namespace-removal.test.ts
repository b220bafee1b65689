/**
 * A node is killed while it removes a namespace: after each restart nothing of it answers, the removal goes on, and in the
 * end no key of it is left on disk, and every key beside it is.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keys } from '../../src/core/keys.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { openLmdbStore } from '../../src/storage/lmdb/open.ts';
import { ServerProcess } from '../support/server-process.ts';

/** More than two pages of a removal. */
const SECRETS = 450;

class World implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-namespace-'));
  readonly #data = join(this.#folder, 'data');
  #key = '';
  root = '';

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async start(failpoints?: string): Promise<ServerProcess> {
    const config = join(this.#folder, 'server.hcl');
    const listener = 'listener "tcp" { address = "127.0.0.1:0", tls_disable = true }';
    writeFileSync(config, `storage "lmdb" { path = "${this.#data}" }\n${listener}\nworkers = 0`);
    const server = new ServerProcess([`-config=${config}`], failpoints === undefined ? {} : { failpoints });
    if (this.#key === '') {
      const made = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
      const { keys: shares, root_token: root } = made.json as { keys: string[]; root_token: string };
      this.#key = shares[0] ?? '';
      this.root = root;
    }
    await server.ask('PUT', '/v1/sys/unseal', { body: { key: this.#key } });
    return server;
  }

  /** Names of all keys below the barrier; they lie on disk in clear. */
  async onDisk(): Promise<readonly string[]> {
    await using store = await openLmdbStore({ path: this.#data });
    using snapshot = store.snapshot();
    return [...everyKey(snapshot, '')];
  }
}

async function must(server: ServerProcess, path: string, asked: { token: string; body: object }) {
  const answer = await server.ask('POST', `/v1/${path}`, asked);
  assert.ok(answer.status < 300, `${path}: ${answer.text}`);
  return answer.json;
}

async function fill(server: ServerProcess, token: string, name: string): Promise<string> {
  const made = await must(server, `sys/namespaces/${name}`, { token, body: {} });
  await must(server, `${name}/sys/mounts/kv`, { token, body: { type: 'kv' } });
  const writes = Array.from({ length: SECRETS }, (_, at) =>
    must(server, `${name}/kv/${String(at)}`, { token, body: { k: 'v' } }),
  );
  await Promise.all(writes);
  const tokens = Array.from({ length: 3 }, () =>
    must(server, `${name}/auth/token/create`, { token, body: { ttl: '1h' } }),
  );
  await Promise.all(tokens);
  return String((made['data'] as Readonly<Record<string, unknown>>)['id']);
}

for (const failpoint of [
  'namespace.deleted=kill',
  ...[1, 2, 3, 5].map((at) => `namespace.removing=kill@${String(at)}`),
]) {
  test(`a removal that is killed at ${failpoint} is finished, and takes nothing else`, async () => {
    using world = new World();
    const ids: Record<string, string> = {};
    {
      await using server = await world.start();
      for (const name of ['keep', 'gone']) ids[name] = await fill(server, world.root, name);
    }
    const before = await world.onDisk();
    {
      await using server = await world.start(failpoint);
      // It is answered or not, as the kill comes after the answer or before.
      await server.ask('DELETE', '/v1/sys/namespaces/gone', { token: world.root }).catch(() => undefined);
      assert.equal(await server.exit, null);
    }
    const cut = await world.onDisk();
    assert.ok(cut.includes(keys.namespaceRemovals + ids['gone']), 'the order is on disk');
    for (let left = cut; left.includes(keys.namespaceRemovals + ids['gone']); left = await world.onDisk()) {
      await using server = await world.start();
      const read = await server.ask('GET', '/v1/gone/kv/1', { token: world.root });
      assert.equal(read.status, 404);
      const kept = await server.ask('GET', '/v1/keep/kv/1', { token: world.root });
      assert.equal(kept.status, 200);
      server.signal('SIGTERM');
      await server.exit;
    }
    const after = new Set(await world.onDisk());
    assert.deepEqual(
      [...after].filter((key) => key.includes(ids['gone'] ?? '')),
      [],
    );
    const others = before.filter((key) => !key.includes(ids['gone'] ?? '') && !key.endsWith('/names/gone'));
    assert.deepEqual(
      others.filter((key) => !after.has(key)),
      [],
    );
  });
}
