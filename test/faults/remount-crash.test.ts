/**
 * A node is killed while it moves a mount to another namespace: after the restart all of it is at the one place or at the
 * other, and no key of a copy that was cut off, or of what was left, stays on disk.
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

/** More than two pages of a copy, and of a removal. */
const SECRETS = 520;

class World implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-remount-'));
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

const unfinished = (found: readonly string[]): boolean =>
  found.some((key) => key.startsWith(keys.mountMoves) || key.includes('/removals/'));

const dataKeys = (found: readonly string[]): readonly string[] =>
  found.filter((key) => /^s\/[^/]+\/data\/[^/]{36}\//.test(key));

for (const [failpoint, there] of [
  ['remount.ordered=kill', false],
  ['remount.copying=kill', false],
  ['remount.copying=kill@2', false],
  ['remount.copying=kill@4', false],
  ['remount.switched=kill', true],
  ['remount.removing=kill', true],
  ['remount.copying=kill@2 then remount.returned=kill', false],
] as const) {
  test(`a move that is killed at ${failpoint} has happened wholly or not at all`, async () => {
    using world = new World();
    const [first, second] = failpoint.split(' then ');
    {
      await using server = await world.start();
      const token = world.root;
      await must(server, 'sys/namespaces/team', { token, body: {} });
      await must(server, 'sys/mounts/kv', { token, body: { type: 'kv' } });
      const writes = Array.from({ length: SECRETS }, (_, at) =>
        must(server, `kv/${String(at)}`, { token, body: { k: String(at) } }),
      );
      await Promise.all(writes);
    }
    const before = dataKeys(await world.onDisk());
    {
      await using server = await world.start(first);
      // It is answered or not, as the kill comes after the answer or before.
      const body = { from: 'kv', to: 'team/kv' };
      await server.ask('POST', '/v1/sys/remount', { token: world.root, body }).catch(() => undefined);
      assert.equal(await server.exit, null);
    }
    assert.ok(unfinished(await world.onDisk()), 'the order is on disk');
    if (second !== undefined) {
      await using server = await world.start(second);
      assert.equal(await server.exit, null);
    }
    for (let left = await world.onDisk(); unfinished(left); left = await world.onDisk()) {
      await using server = await world.start();
      const token = world.root;
      for (const at of ['0', '250', String(SECRETS - 1)]) {
        const [here, gone] = there ? ['team/kv', 'kv'] : ['kv', 'team/kv'];
        const read = await server.ask('GET', `/v1/${here}/${at}`, { token });
        assert.deepEqual((read.json as { data?: object }).data, { k: at });
        assert.equal((await server.ask('GET', `/v1/${gone}/${at}`, { token })).status, 404);
      }
      server.signal('SIGTERM');
      await server.exit;
    }
    const after = dataKeys(await world.onDisk());
    assert.equal(after.length, before.length);
    {
      await using server = await world.start();
      const token = world.root;
      const at = there ? 'team/kv' : 'kv';
      await must(server, `${at}/0`, { token, body: { k: 'again' } });
    }
  });
}

for (const [failpoint, there] of [
  ['remount.ordered=kill', false],
  ['remount.copying=kill', false],
  ['remount.switched=kill', true],
  ['remount.removing=kill', true],
] as const) {
  test(`logins of an auth mount whose move is killed at ${failpoint} hold where it is, or not at all`, async () => {
    using world = new World();
    const login = (server: ServerProcess, path: string) =>
      server.ask('POST', `/v1/${path}/login/u`, { body: { password: 'p' } });
    const tokenIn = ({ json }: { readonly json: unknown }): string =>
      (json as { auth?: { client_token: string } }).auth?.client_token ?? '';
    const made: string[] = [];
    {
      await using server = await world.start(failpoint);
      const token = world.root;
      await must(server, 'sys/namespaces/team', { token, body: {} });
      await must(server, 'sys/auth/up', { token, body: { type: 'userpass' } });
      const policy = 'path "auth/token/create" { capabilities = ["update"] }';
      await must(server, 'sys/policies/acl/parent', { token, body: { policy } });
      await must(server, 'auth/up/users/u', { token, body: { password: 'p', token_policies: ['parent'] } });
      const own = tokenIn(await login(server, 'auth/up'));
      const child = tokenIn(await server.ask('POST', '/v1/auth/token/create', { token: own, body: {} }));
      made.push(own, child);
      const body = { from: 'auth/up', to: 'team/auth/up' };
      await server.ask('POST', '/v1/sys/remount', { token, body }).catch(() => undefined);
      assert.equal(await server.exit, null);
    }
    {
      await using server = await world.start();
      for (const token of made) {
        const { status } = await server.ask('GET', '/v1/auth/token/lookup-self', { token });
        assert.equal(status, there ? 403 : 200);
      }
      const [here, gone] = there ? ['team/auth/up', 'auth/up'] : ['auth/up', 'team/auth/up'];
      assert.equal((await login(server, here)).status, 200);
      assert.ok((await login(server, gone)).status >= 400);
    }
  });
}
