import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { givenCredentials } from '../credentials.testing.ts';
import { nameOf, vault } from './provider.ts';

test('a server whose folders have no end is not asked for ever', async (t) => {
  let asked = 0;
  const keys = Array.from({ length: 1_000 }, (_, at) => `f${String(at)}/`);
  const server = createServer((_request, reply) => {
    asked += 1;
    reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data: { keys } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const auth = { tokenSecretRef: { name: 'login', key: 'token' } };
  const client = vault.connect(
    { server: address, path: 'kv', auth },
    givenCredentials({ secrets: { login: { token: 'given' } } }),
  );
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  await assert.rejects(client.find?.({ name: '.' }, new AbortController().signal) ?? Promise.resolve(), {
    name: 'ProviderProblem',
    message: /find by a path or a narrower name/,
  });
  assert.ok(asked < 20, String(asked));
});

test('keys with and without the mount and data/ are of one secret', () => {
  const of = (key: string) => nameOf(key, { server: 'https://vault.test', path: 'kv' });
  assert.deepEqual(['app', 'kv/app', 'kv/data/app', 'other'].map(of), [
    of('app'),
    of('app'),
    of('app'),
    'kv/data/other',
  ]);
});
