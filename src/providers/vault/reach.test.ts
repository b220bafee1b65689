/** Where the server of a SecretStore may be: its owner chooses the address, the headers and what is sent there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Subscription } from '../../client/subscription.ts';
import { vaultDynamicSecret } from '../../generators/vault-dynamic-secret/generator.ts';
import { ProviderProblem, type StoreIdentity } from '../contract.ts';
import { givenCredentials, type Given } from '../credentials.testing.ts';
import { reachOf } from '../reachable.ts';
import { vault } from './provider.ts';

const { signal } = new AbortController();
const auth = { tokenSecretRef: { name: 'login', key: 'token' } };
const secrets = { login: { token: 'canary' } };
const clusterWide: StoreIdentity = { kind: 'ClusterSecretStore', name: 'store', namespace: 'team' };

const closed = (error: unknown): boolean => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.deepEqual([error.kind, /no address that a SecretStore may ask/.test(error.message)], ['invalid', true]);
  return true;
};

async function read(server: string, given: Given): Promise<void> {
  const headers = { 'Metadata-Flavor': 'Google' };
  const client = vault.connect({ server, path: 'kv', headers, auth }, givenCredentials({ secrets, ...given }));
  try {
    await client.read({ key: 'a' }, signal);
  } finally {
    client.close();
  }
}

/** A server that counts, and answers as `redirect` says. */
async function serving(t: TestContext, redirect?: string) {
  const state = { asked: 0, port: 0 };
  const server = createServer((_request, reply) => {
    state.asked += 1;
    reply.writeHead(redirect === undefined ? 404 : 307, redirect === undefined ? {} : { location: redirect });
    reply.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  state.port = (server.address() as AddressInfo).port;
  return state;
}

test('a SecretStore asks no server on this machine, by address or by name, unless that is allowed', async (t) => {
  const server = await serving(t);
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '127.1']) {
    await assert.rejects(read(`http://${host}:${String(server.port)}`, { localServers: false }), closed, host);
  }
  assert.equal(server.asked, 0);
  await read(`http://localhost:${String(server.port)}`, { localServers: true });
  await read(`http://127.0.0.1:${String(server.port)}`, { localServers: false, store: clusterWide });
  assert.equal(server.asked, 2);
});

test('a SecretStore never asks where clouds hand out credentials, by a redirect either', async (t) => {
  for (const host of ['169.254.169.254', '[fd00:ec2::254]', '[::ffff:169.254.169.254]', '168.63.129.16']) {
    for (const localServers of [false, true]) {
      await assert.rejects(read(`http://${host}`, { localServers }), closed, host);
    }
  }
  const server = await serving(t, 'http://169.254.169.254/latest');
  await assert.rejects(read(`http://127.0.0.1:${String(server.port)}`, { localServers: true }), closed);
});

test('nor are changes followed there', async (t) => {
  const server = await serving(t);
  const reach = reachOf(givenCredentials({ localServers: false }));
  for (const host of ['127.0.0.1', 'localhost']) {
    const address = `http://${host}:${String(server.port)}`;
    await assert.rejects(Subscription.open({ address, reach }, { paths: ['a'] }, signal), (error: Error) =>
      closed(error.cause),
    );
  }
  assert.equal(server.asked, 0);
});

test('a path with .. in it is sent nowhere', async (t) => {
  const server = await serving(t);
  const provider = { server: `http://127.0.0.1:${String(server.port)}`, path: 'kv', auth };
  const credentials = givenCredentials({ secrets });
  for (const path of ['db/../sys/raw', '..', 'a/./b']) {
    const no = { name: 'ProviderProblem', message: /a segment of it is \. or \.\./ };
    await assert.rejects(vaultDynamicSecret.generate({ provider, path }, credentials, signal), no, path);
    const client = vault.connect(provider, credentials);
    await assert.rejects(client.read({ key: path }, signal), no, path);
    client.close();
  }
  assert.equal(server.asked, 0);
});
