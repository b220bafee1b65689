import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPrivateKey } from '../lib/crypto/certificates.ts';
import { silent } from '../lib/log.ts';
import { openMemoryStore } from '../storage/memory/open.ts';
import { ClusterAuthority } from './authority.ts';
import { enrol, HubConnection } from './cluster-client.ts';
import { ClusterServer } from './cluster-server.ts';
import { RegionRegistry } from './registry.ts';

async function hub() {
  let now = Date.now();
  const store = openMemoryStore();
  const registry = new RegionRegistry(store, () => now);
  const authority = await ClusterAuthority.open(store, () => now);
  const alarms: string[] = [];
  const server = await ClusterServer.open({
    listen: { host: '127.0.0.1', port: 0 },
    ...{ authority, registry, log: silent },
    stream: (_peer, stream) => stream.end(),
    forward: (peer, body) => Promise.resolve({ region: peer.region.name, got: Buffer.from(body).toString() }),
    alarm: ({ region, what, detail }) => alarms.push(`${region} ${what} ${detail}`),
  });
  const [host = '', port = ''] = server.address.split(':');
  const at = { host, port: Number(port) };
  const token = async (name: string) => {
    const secret = await registry.add(name, { paths: [`secret/${name}/`] });
    return { region: name, hub: server.address, pin: authority.pin, secret };
  };
  return {
    ...{ registry, server, at, token, alarms },
    later: (ms: number) => {
      now += ms;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const ask = async (connection: HubConnection) => connection.forward('x', AbortSignal.timeout(5_000));

test('a region joins with its token and is known by its certificate', async () => {
  await using cluster = await hub();
  const identity = await enrol(cluster.at, await cluster.token('eu'), newPrivateKey());
  using connection = await HubConnection.open(cluster.at, identity);
  assert.deepEqual(await ask(connection), { region: 'eu', got: 'x' });
});

test('a join token is good for one key: again for that one, never for another', async () => {
  await using cluster = await hub();
  const token = await cluster.token('eu');
  const key = newPrivateKey();
  await enrol(cluster.at, token, key);
  await enrol(cluster.at, token, key);
  await assert.rejects(enrol(cluster.at, token, newPrivateKey()), /join token is not valid/);
  assert.deepEqual(cluster.alarms, ['eu enrolment join token refused']);
});

test('a token ends after an hour, is bound to its name, and a wrong secret tells nothing', async () => {
  await using cluster = await hub();
  const token = await cluster.token('eu');
  await cluster.token('us');
  await assert.rejects(enrol(cluster.at, { ...token, region: 'us' }, newPrivateKey()), /not valid/);
  await assert.rejects(enrol(cluster.at, { ...token, region: 'nowhere' }, newPrivateKey()), /not valid/);
  cluster.later(3_600_001);
  await assert.rejects(enrol(cluster.at, token, newPrivateKey()), /not valid/);
});

test('a hub with another authority is not spoken to', async () => {
  await using cluster = await hub();
  await using other = await hub();
  const token = await cluster.token('eu');
  await assert.rejects(enrol(other.at, token, newPrivateKey()), /is not the hub/);
  const identity = await enrol(cluster.at, token, newPrivateKey());
  await assert.rejects(HubConnection.open(other.at, identity), /cannot be reached/);
});

test('a new certificate ends the old one, a removed or blocked region is cut off', async () => {
  await using cluster = await hub();
  const identity = await enrol(cluster.at, await cluster.token('eu'), newPrivateKey());
  using first = await HubConnection.open(cluster.at, identity);
  const renewed = await first.renew();
  using second = await HubConnection.open(cluster.at, renewed);
  assert.deepEqual(await ask(second), { region: 'eu', got: 'x' });
  using stale = await HubConnection.open(cluster.at, identity);
  await assert.rejects(ask(stale), /otherCertificate/);
  await cluster.registry.block('eu', 'two nodes showed one certificate');
  await assert.rejects(ask(second), /blocked/);
  await cluster.registry.remove('eu');
  await assert.rejects(ask(second), /unknownRegion/);
});

test('what two operators add to a region at the same moment is all there, each once', async () => {
  await using cluster = await hub();
  await cluster.token('eu');
  const added = ['auth/one/', 'auth/two/', 'secret/eu/'];
  await Promise.all(added.map((path) => cluster.registry.setRules('eu', { addPaths: [path, 'kv/'] })));
  const { filter = [], version } = cluster.registry.get('eu') ?? {};
  assert.deepEqual([...filter].sort(), ['auth/one/', 'auth/two/', 'kv/', 'secret/eu/']);
  await cluster.registry.setRules('eu', { addPaths: added });
  assert.equal(cluster.registry.get('eu')?.version, version, 'nothing new is no change of the filter');
});
