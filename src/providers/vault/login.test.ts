/** What each login of `spec.provider.vault.auth` sends, to a server that writes it down. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { givenCredentials } from '../credentials.testing.ts';
import type { VaultAuthConfig } from './login.ts';
import { vault } from './provider.ts';

const { signal } = new AbortController();

async function serving(t: TestContext) {
  const logins: unknown[] = [];
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const isLogin = request.url?.includes('/login') === true;
      if (isLogin) logins.push([request.url, request.headers['x-vault-namespace'], JSON.parse(body)]);
      const auth = { client_token: 'made', accessor: 'a', lease_duration: 60, policies: [], renewable: false };
      const data = { data: { k: 'v' }, metadata: { version: 1 } };
      const allowed = isLogin || request.headers['x-vault-token'] === 'made';
      reply.writeHead(allowed ? 200 : 403, { 'content-type': 'application/json' });
      reply.end(JSON.stringify(isLogin ? { auth } : { data }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, logins };
}

const secretRef = { name: 'login', key: 'secret' };
const account = { name: 'pod', audiences: ['further'] };

const cases: Readonly<Record<string, readonly [auth: VaultAuthConfig, path: string, body: object]>> = {
  'an AppRole, its id in the store': [
    { appRole: { path: 'approle', roleId: 'id', secretRef } },
    '/v1/auth/approle/login',
    { role_id: 'id', secret_id: 'sesam' },
  ],
  'an AppRole, its id in a Secret': [
    { appRole: { path: 'own', roleRef: { name: 'login', key: 'id' }, secretRef } },
    '/v1/auth/own/login',
    { role_id: 'by-secret', secret_id: 'sesam' },
  ],
  'a service account': [
    { kubernetes: { mountPath: 'eu', role: 'shop', serviceAccountRef: account } },
    '/v1/auth/eu/login',
    { role: 'shop', jwt: 'token of pod for further' },
  ],
  'a token of an account in a Secret': [
    { kubernetes: { mountPath: 'eu', role: 'shop', secretRef } },
    '/v1/auth/eu/login',
    { role: 'shop', jwt: 'sesam' },
  ],
  'a JWT of a service account': [
    {
      jwt: {
        ...{ path: 'jwt', role: 'shop' },
        kubernetesServiceAccountToken: { serviceAccountRef: account, audiences: ['first'], expirationSeconds: 700 },
      },
    },
    '/v1/auth/jwt/login',
    { role: 'shop', jwt: 'token of pod for first,further' },
  ],
  'a JWT in a Secret': [{ jwt: { path: 'jwt', secretRef } }, '/v1/auth/jwt/login', { role: '', jwt: 'sesam' }],
  'a name of a directory': [
    { ldap: { path: 'ldap', username: 'ada', secretRef } },
    '/v1/auth/ldap/login/ada',
    { password: 'sesam' },
  ],
  'a name and a password': [
    { userPass: { path: 'userpass', username: 'ada', secretRef } },
    '/v1/auth/userpass/login/ada',
    { password: 'sesam' },
  ],
};

for (const [what, [auth, path, body]] of Object.entries(cases)) {
  test(`logs in by ${what}, once for several reads`, async (t) => {
    const { address, logins } = await serving(t);
    const credentials = givenCredentials({
      secrets: { login: { id: 'by-secret\n', secret: 'sesam\n' } },
      token: async ({ name }, audiences) => `token of ${name} for ${audiences.join()}`,
    });
    const client = vault.connect(
      { server: address, path: 'kv', readYourWrites: true, auth: { ...auth, namespace: 'team' } },
      credentials,
    );
    t.after(() => {
      client.close();
    });
    for (const key of ['a', 'b']) assert.ok((await client.read({ key, property: 'k' }, signal)).found);
    assert.deepEqual(logins, [[path, 'team', body]]);
  });
}
