/**
 * A node is killed while it makes, unseals, seals, rekeys or deletes a namespace with a seal of its own. After each restart it is
 * there with its keys or not at all, it is sealed, and what was acknowledged in it is there once its shares are given.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServerProcess } from '../support/server-process.ts';

const seal = 'seal "shamir" { shares = 1 threshold = 1 }';

class World implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-sealable-'));
  #key = '';
  root = '';

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async start(failpoints?: string): Promise<ServerProcess> {
    const config = join(this.#folder, 'server.hcl');
    const listener = 'listener "tcp" { address = "127.0.0.1:0", tls_disable = true }';
    writeFileSync(config, `storage "lmdb" { path = "${join(this.#folder, 'data')}" }\n${listener}\nworkers = 1`);
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

  async must(server: ServerProcess, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await server.ask(method, `/v1/${path}`, { token: this.root, ...(body && { body }) });
    assert.ok(answer.status < 300, `${path}: ${answer.text}`);
    return (answer.json['data'] ?? {}) as Record<string, unknown>;
  }

  async status(server: ServerProcess, path: string): Promise<number> {
    return (await server.ask('GET', `/v1/${path}`, { token: this.root })).status;
  }
}

test('killed in the middle of making one: it is there with its keys, sealed, and can be deleted without them', async () => {
  using world = new World();
  {
    await using server = await world.start('namespace.made=kill');
    const asked = { token: world.root, body: { seal } };
    // Nobody has its shares: the reply was lost.
    await assert.rejects(server.ask('POST', '/v1/sys/namespaces/vault', asked));
    assert.equal(await server.exit, null);
  }
  await using server = await world.start();
  assert.equal((await world.must(server, 'GET', 'sys/namespaces/vault/seal-status'))['sealed'], true);
  assert.equal(await world.status(server, 'vault/sys/mounts'), 503);
  await world.must(server, 'DELETE', 'sys/namespaces/vault/delete-sealed');
  await world.must(server, 'POST', 'sys/namespaces/vault', { seal });
});

for (const [failpoint, path] of [
  ['namespace.opening', 'unseal'],
  ['namespace.sealing', 'seal'],
] as const) {
  test(`killed at ${failpoint}: it comes up sealed, and its shares give back what was in it`, async () => {
    using world = new World();
    let key = '';
    {
      await using server = await world.start();
      [key = ''] = (await world.must(server, 'POST', 'sys/namespaces/vault', { seal }))['key_shares'] as string[];
      await world.must(server, 'PUT', 'sys/namespaces/vault/unseal', { key });
      await world.must(server, 'POST', 'vault/sys/mounts/kv', { type: 'kv' });
      await world.must(server, 'POST', 'vault/kv/x', { word: 'hush' });
    }
    {
      await using server = await world.start(`${failpoint}=kill`);
      assert.equal(await world.status(server, 'vault/kv/x'), 503, 'sealed after a restart');
      if (path === 'seal') await world.must(server, 'PUT', 'sys/namespaces/vault/unseal', { key });
      const asked = { token: world.root, body: { key } };
      await assert.rejects(server.ask('PUT', `/v1/sys/namespaces/vault/${path}`, asked));
      assert.equal(await server.exit, null);
    }
    await using server = await world.start();
    assert.equal(await world.status(server, 'vault/kv/x'), 503);
    await world.must(server, 'PUT', 'sys/namespaces/vault/unseal', { key });
    assert.deepEqual(await world.must(server, 'GET', 'vault/kv/x'), { word: 'hush' });
  });
}

for (const [failpoint, expected] of [
  ['own-keys.before-replace', 'old'],
  ['own-keys.in-replace', 'old'],
  ['own-keys.after-replace', 'new'],
] as const) {
  test(`killed at ${failpoint}: its ${expected} shares open it, the others do not, and nothing is lost`, async () => {
    using world = new World();
    const shares = { old: '', new: '' };
    {
      await using server = await world.start(`${failpoint}=kill`);
      const made = await world.must(server, 'POST', 'sys/namespaces/vault', { seal });
      [shares.old = ''] = made['key_shares'] as string[];
      await world.must(server, 'PUT', 'sys/namespaces/vault/unseal', { key: shares.old });
      await world.must(server, 'POST', 'vault/sys/mounts/kv', { type: 'kv' });
      await world.must(server, 'POST', 'vault/kv/x', { word: 'hush' });
      const split = { secret_shares: 1, secret_threshold: 1, require_verification: true };
      const { nonce } = await world.must(server, 'PUT', 'vault/sys/rotate/root/init', split);
      const fresh = await world.must(server, 'PUT', 'vault/sys/rotate/root/update', { key: shares.old, nonce });
      [shares.new = ''] = fresh['keys'] as string[];
      const proof = { token: world.root, body: { key: shares.new, nonce: fresh['verification_nonce'] } };
      await assert.rejects(server.ask('PUT', '/v1/vault/sys/rotate/root/verify', proof));
      assert.equal(await server.exit, null);
    }
    await using server = await world.start();
    const other = expected === 'old' ? shares.new : shares.old;
    const asked = { token: world.root, body: { key: other } };
    assert.equal((await server.ask('PUT', '/v1/sys/namespaces/vault/unseal', asked)).status, 400);
    await world.must(server, 'PUT', 'sys/namespaces/vault/unseal', { key: shares[expected] });
    assert.deepEqual(await world.must(server, 'GET', 'vault/kv/x'), { word: 'hush' });
  });
}

for (const failpoint of ['namespace.deleted=kill', 'namespace.removing=kill', 'namespace.removing=kill@2']) {
  test(`killed at ${failpoint} of one that is deleted sealed: nothing of it comes back, and its name is free`, async () => {
    using world = new World();
    {
      await using server = await world.start();
      const [key] = (await world.must(server, 'POST', 'sys/namespaces/vault', { seal }))['key_shares'] as string[];
      await world.must(server, 'PUT', 'sys/namespaces/vault/unseal', { key });
      await world.must(server, 'POST', 'vault/sys/mounts/kv', { type: 'kv' });
      await world.must(server, 'POST', 'vault/kv/x', { word: 'hush' });
      await world.must(server, 'POST', 'vault/auth/token/create', { ttl: '1h' });
    }
    {
      await using server = await world.start(failpoint);
      const asked = { token: world.root };
      // It is answered or not, as the kill comes after the answer or before.
      await server.ask('DELETE', '/v1/sys/namespaces/vault/delete-sealed', asked).catch(() => undefined);
      assert.equal(await server.exit, null);
    }
    await using server = await world.start();
    assert.equal(await world.status(server, 'sys/namespaces/vault'), 404);
    await world.must(server, 'POST', 'sys/namespaces/vault', {});
    assert.equal(await world.status(server, 'vault/kv/x'), 404);
  });
}
