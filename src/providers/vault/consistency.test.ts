/** What `readYourWrites` and `forwardInconsistent` send, to a server that writes it down. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { givenCredentials } from '../credentials.testing.ts';
import { vault, type VaultConfig } from './provider.ts';

const { signal } = new AbortController();

/** The headers of three reads, the server's answers being of the indexes `i1`, `i2` … */
async function readThrice(t: TestContext, config: Partial<VaultConfig>): Promise<readonly IncomingHttpHeaders[]> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, reply) => {
    seen.push(request.headers);
    reply.writeHead(200, { 'content-type': 'application/json', 'x-vault-index': `i${String(seen.length)}` });
    reply.end(JSON.stringify({ data: { data: { k: 'v' }, metadata: { version: 1 } } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const client = vault.connect(
    { server: address, path: 'kv', auth: { tokenSecretRef: { name: 'login', key: 'token' } }, ...config },
    givenCredentials({ secrets: { login: { token: 'given' } } }),
  );
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  for (const key of ['a', 'b', 'c']) assert.ok((await client.read({ key, property: 'k' }, signal)).found);
  return seen;
}

const sent = (seen: readonly IncomingHttpHeaders[], name: string) => seen.map((headers) => headers[name]);

test('with readYourWrites each request carries what was seen before, and without it none', async (t) => {
  assert.deepEqual(sent(await readThrice(t, { readYourWrites: true }), 'x-vault-index'), [undefined, 'i1', 'i2']);
  assert.deepEqual(sent(await readThrice(t, {}), 'x-vault-index'), Array(3).fill(undefined));
});

test('a server that is behind is told to ask the active node, where both fields are set', async (t) => {
  const name = 'x-vault-inconsistent';
  const both = { readYourWrites: true, forwardInconsistent: true };
  assert.deepEqual(sent(await readThrice(t, both), name), Array(3).fill('forward-active-node'));
  assert.deepEqual(sent(await readThrice(t, { forwardInconsistent: true }), name), Array(3).fill(undefined));
  assert.deepEqual(sent(await readThrice(t, { readYourWrites: true }), name), Array(3).fill(undefined));
  const headers = { 'X-Own': 'mine' };
  assert.deepEqual(sent(await readThrice(t, { ...both, headers }), 'x-own'), Array(3).fill('mine'));
});
