/** Leased secrets by the command lines of OpenBao and our own, and by hvac, over HTTP, of an engine whose users are files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveOn } from '../../src/server/server.testing.ts';
import { LeaseWorld } from '../support/lease-world.ts';
import { baoAt, type Bao } from './support/bao.ts';
import { pythonWith, withoutPython } from './support/cache.ts';
import { openbao } from './support/openbao.ts';
import { run } from './support/run.ts';
import { executable } from './support/server.ts';

const binary = await openbao();

interface Leased {
  readonly lease_id: string;
  readonly lease_duration: number;
  readonly renewable: boolean;
  readonly data: { readonly user: string; readonly ttl?: number; readonly path?: string };
}

const hours = (count: number): number => count * 3_600;

/** What is the same on both. */
async function useLeases(world: LeaseWorld, cli: Bao): Promise<void> {
  const grant = (): Promise<Leased> => cli.json<Leased>('read', 'db/creds/app');
  const [first, second] = [await grant(), await grant()];
  assert.match(first.lease_id, /^db\/creds\/app\/\w{24}$/);
  assert.deepEqual([first.lease_duration, first.renewable], [hours(768), true]);
  assert.deepEqual(world.users(), [first.data.user, second.data.user].sort());
  const looked = await cli.json<Leased>('lease', 'lookup', first.lease_id);
  assert.deepEqual([looked.data.path, looked.data.ttl], ['db/creds/app', hours(768)]);
  const renewed = await cli.json<Leased>('lease', 'renew', '-increment=2h', first.lease_id);
  assert.deepEqual([renewed.lease_id, renewed.lease_duration], [first.lease_id, hours(2)]);
  const names = await cli.json<readonly string[]>('list', 'sys/leases/lookup/db/creds/app');
  assert.equal(names.length, 2);
  assert.match(await cli.ok('lease', 'revoke', '-sync', first.lease_id), /Success! Revoked/);
  assert.deepEqual(world.users(), [second.data.user]);
  assert.match(await cli.fails('lease', 'lookup', first.lease_id), /invalid lease/);
  assert.match(await cli.fails('lease', 'renew', first.lease_id), /lease not found/);
  assert.match(await cli.ok('lease', 'revoke', '-prefix', 'db/creds'), /queued successfully/);
  await world.settle();
  assert.deepEqual(world.users(), []);
  await useForce(world, cli);
}

async function useForce(world: LeaseWorld, cli: Bao): Promise<void> {
  const wrapped = await cli.json<{ readonly wrap_info: { readonly token: string } }>(
    'read',
    '-wrap-ttl=5m',
    'db/creds/app',
  );
  const opened = await cli.json<Leased>('unwrap', wrapped.wrap_info.token);
  assert.match(opened.lease_id, /^db\/creds\/app\//);
  world.behave('.refuse', true);
  assert.match(await cli.fails('lease', 'revoke', '-sync', opened.lease_id), /failed to revoke/);
  assert.match(await cli.ok('lease', 'revoke', '-force', '-prefix', 'db'), /Success! /);
  world.behave('.refuse', false);
  assert.match(await cli.fails('lease', 'lookup', opened.lease_id), /invalid lease/);
  assert.deepEqual(world.users(), [opened.data.user]);
}

for (const [name, program] of [
  ['bao', binary],
  ['lockstep', executable],
] as const) {
  const skip = program === undefined ? 'bao is neither in the cache nor to be had' : false;
  test(`${name} reads, renews and revokes leased secrets`, { skip }, async (t) => {
    const world = await LeaseWorld.open(t);
    const serving = await serveOn({}, world.node);
    const address = serving.addresses[0] ?? '';
    using cli = baoAt(program ?? '', address, world.root);
    try {
      await useLeases(world, cli);
    } finally {
      await serving.close();
    }
  });
}

/** hvac's own tests of leases make theirs with an engine that is not offered: what they ask, of ours. */
const HVAC = `
import sys, hvac
from hvac.exceptions import InvalidRequest, InvalidPath
client = hvac.Client(url=sys.argv[1], token=sys.argv[2])
def refused(kind, call, *args, **named):
    try: call(*args, **named)
    except kind: return
    raise AssertionError(call)
def keys():
    try: return client.sys.list_leases(prefix="db/creds/app")["data"]["keys"]
    except InvalidPath: return []
made = [client.read("db/creds/app")["lease_id"] for _ in range(4)]
read = client.sys.read_lease(lease_id=made[0])["data"]
assert read["id"] == made[0] and read["renewable"] and read["issue_time"] and read["expire_time"], read
assert sorted(keys()) == sorted(each.rsplit("/", 1)[1] for each in made), keys()
assert client.sys.renew_lease(lease_id=made[0], increment=1800)["lease_duration"] == 1800
assert client.sys.revoke_lease(lease_id=made[0]).status_code in (200, 204)
refused(InvalidRequest, client.sys.read_lease, lease_id=made[0])
refused(InvalidRequest, client.sys.renew_lease, lease_id=made[0])
assert client.sys.revoke_prefix(prefix="db/creds").status_code in (200, 204)
for each in made: refused(InvalidRequest, client.sys.renew_lease, lease_id=each)
last = client.read("db/creds/app")["lease_id"]
assert client.sys.revoke_force(prefix="db/creds").status_code in (200, 204)
refused(InvalidRequest, client.sys.read_lease, lease_id=last)
`;

test('hvac reads, lists, renews and revokes leases', { skip: (await withoutPython()) ?? false }, async (t) => {
  const world = await LeaseWorld.open(t);
  const serving = await serveOn({}, world.node);
  try {
    const python = await pythonWith('hvac-2.4.0-client-python', ['hvac==2.4.0']);
    const { code, stderr } = await run(python, ['-c', HVAC, serving.addresses[0] ?? '', world.root]);
    assert.equal(code, 0, stderr);
    await world.settle();
    assert.deepEqual(world.users(), []);
  } finally {
    await serving.close();
  }
});
