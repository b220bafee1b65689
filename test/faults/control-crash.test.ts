/**
 * Killed between the moment that an approved request is taken and that it is answered, a node never does it a second time,
 * and says that it is not known whether it was done.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { controlled } from '../support/control-world.ts';
import { ServerProcess } from '../support/server-process.ts';

interface Stage {
  readonly config: string;
  readonly key: string;
  readonly root: string;
  /** The token that the approved request waits under. */
  readonly wrapping: string;
  readonly accessor: string;
}

type Json = Readonly<Record<string, unknown>>;

/** A write that was asked for and approved, on a node that was then ended. */
async function stage(t: TestContext): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-control-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'server.hcl');
  writeFileSync(
    file,
    `storage "lmdb" { path = "${join(folder, 'data')}" }
     listener "tcp" { address = "127.0.0.1:0", tls_disable = true }
     workers = 0`,
  );
  const config = `-config=${file}`;
  await using server = new ServerProcess([config]);
  const { json } = await server.ask('PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  const { keys, root_token: root } = json as { keys: string[]; root_token: string };
  await server.ask('PUT', '/v1/sys/unseal', { body: { key: keys[0] } });
  const write = async (path: string, body: object, token = root): Promise<Json> => {
    const { status, json: made, text } = await server.ask('POST', `/v1/${path}`, { token, body });
    assert.ok(status < 300, `${path}: ${text}`);
    return (made['wrap_info'] ?? made['auth'] ?? made['data'] ?? {}) as Json;
  };
  await write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  const factor = 'group_names = ["managers"] approvals = 1';
  await write('sys/policies/acl/asks', { policy: controlled('secret/data/a', factor, '', '["create", "update"]') });
  await write('sys/policies/acl/approver', { policy: 'path "sys/control-group/*" { capabilities = ["update"] }' });
  await write('auth/token/roles/people', { allowed_entity_aliases: '*', allowed_policies: 'default,asks,approver' });
  const alice = await write('auth/token/create/people', { entity_alias: 'alice', policies: ['asks'] });
  const bob = await write('auth/token/create/people', { entity_alias: 'bob', policies: ['approver'] });
  await write('identity/group', { name: 'managers', member_entity_ids: [bob['entity_id']] });
  const asked = await write('secret/data/a', { data: { k: 'v' } }, String(alice['client_token']));
  const [wrapping, accessor] = [String(asked['token']), String(asked['accessor'])];
  const approval = await write('sys/control-group/authorize', { accessor }, String(bob['client_token']));
  assert.equal(approval['approved'], true);
  return { config, key: keys[0] ?? '', root, wrapping, accessor };
}

for (const [failpoint, done] of [
  ['control.taken', false],
  ['control.done', true],
] as const) {
  test(`killed at ${failpoint}, what was approved is ${done ? '' : 'not '}done, and never again`, async (t) => {
    const { config, key, root: token, wrapping, accessor } = await stage(t);
    {
      await using server = new ServerProcess([config], { failpoints: `${failpoint}=kill` });
      await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
      await assert.rejects(server.ask('POST', '/v1/sys/wrapping/unwrap', { token: wrapping }));
      assert.equal(await server.exit, null);
    }
    await using server = new ServerProcess([config]);
    await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
    for (let i = 0; i < 2; i += 1) {
      const again = await server.ask('POST', '/v1/sys/wrapping/unwrap', { token, body: { token: wrapping } });
      assert.equal(again.status, 400);
      assert.match(again.text, /released at .* and this node stopped before it answered.*not done again/);
    }
    const standing = await server.ask('POST', '/v1/sys/control-group/request', { token, body: { accessor } });
    assert.equal((standing.json['data'] as Json)['request_path'], 'secret/data/a');
    const { status, json } = await server.ask('GET', '/v1/secret/metadata/a', { token });
    assert.equal(status, done ? 200 : 404);
    if (done) assert.equal((json['data'] as Json)['current_version'], 1);
  });
}
