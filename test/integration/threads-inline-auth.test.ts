/** Threads that read hand a request which brings its login along to the one that writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadedServer } from '../support/threaded-server.ts';

const READ = 'secret/data/a';

test('a request that brings its login along is served on every connection', async (t) => {
  const { server, connections, token } = await threadedServer(t);
  const policy = 'path "secret/*" { capabilities = ["read"] }';
  await server.ask('PUT', '/v1/sys/policies/acl/p', { token, body: { policy } });
  await server.ask('POST', '/v1/sys/auth/userpass', { token, body: { type: 'userpass' } });
  const user = { password: 'right-pass', token_policies: 'p' };
  await server.ask('POST', '/v1/auth/userpass/users/ann', { token, body: user });
  const parameter = (value: string): string =>
    Buffer.from(JSON.stringify({ key: 'password', value })).toString('base64url');
  const read = (password: string) => ({
    headers: {
      'X-Vault-Inline-Auth-Path': 'auth/userpass/login/ann',
      'X-Vault-Inline-Auth-Parameter-password': parameter(password),
    },
  });
  for (const connection of connections) {
    const { status, text } = await connection.ask('GET', READ, read('right-pass'));
    assert.equal(status, 200, text);
    assert.equal((await connection.ask('GET', READ, read('wrong-pass'))).status, 400);
    assert.equal((await connection.ask('GET', READ)).status, 403);
  }
});
