/** Generators that ask a web server, against servers of the same shape. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { jwtVerify } from 'jose';
import { ProviderProblem, type StoreIdentity } from '../providers/contract.ts';
import { givenCredentials, type Given } from '../providers/credentials.testing.ts';
import { githubAccessToken } from './github-access-token/generator.ts';
import { webhook } from './webhook/generator.ts';

const { signal } = new AbortController();
/** The loopback is closed to namespaces. */
const store: StoreIdentity = { kind: 'ClusterSecretStore', name: 'x', namespace: 'team' };
const credentials = (given: Given) => givenCredentials({ store, ...given });

type Answer = (request: IncomingMessage, body: string, reply: ServerResponse) => Promise<void> | void;

async function serving(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void answer(request, Buffer.concat(chunks).toString(), reply));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

const json = (reply: ServerResponse, status: number, body: unknown): void => {
  reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const textsOf = (values: ReadonlyMap<string, Uint8Array>) =>
  Object.fromEntries([...values].map(([name, value]) => [name, Buffer.from(value).toString()]));
const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.deepEqual([error.kind, said.test(error.message) ? '' : error.message], [kind, '']);
  return true;
};

test('a webhook makes of the object that it answers a value for each member', async (t) => {
  const url = await serving(t, (request, body, reply) => {
    assert.equal(request.headers.authorization, 'Basic dGVzdDpzZXNhbQ==');
    json(reply, 200, { args: { asked: request.url, by: request.method, body, n: 1, o: { a: true } }, other: 1 });
  });
  const config = {
    ...{ url: `${url}/get?p={{ .auth.user }}`, method: 'POST', body: '{{ .auth.user | quote }}', timeout: '5s' },
    headers: { Authorization: 'Basic {{ print .auth.user ":" .auth.password | b64enc }}' },
    result: { jsonPath: '$.args' },
    secrets: [{ name: 'auth', secretRef: { name: 'login' } }],
  };
  const secrets = { login: { user: 'test', password: 'sesam' } };
  const labels = { login: { 'external-secrets.io/type': 'webhook' } };
  const { values } = await webhook.generate(config, credentials({ secrets, labels }), signal);
  assert.deepEqual(textsOf(values), { asked: '/get?p=test', by: 'POST', body: '"test"', n: '1', o: '{"a":true}' });
  await assert.rejects(
    webhook.generate(config, credentials({ secrets }), signal),
    problem('invalid', /lacks the label/),
  );
});

test('a webhook that answers no object, or nothing, or is closed to a namespace, is told', async (t) => {
  const url = await serving(t, (request, _body, reply) => {
    json(reply, request.url === '/gone' ? 404 : 200, ['a']);
  });
  await assert.rejects(
    webhook.generate({ url: `${url}/list` }, credentials({}), signal),
    problem('unsuitable', /no JSON object/),
  );
  await assert.rejects(webhook.generate({ url: `${url}/gone` }, credentials({}), signal), problem('unsuitable', /404/));
  await assert.rejects(
    webhook.generate({ url }, givenCredentials(), signal),
    problem('invalid', /no address that a SecretStore may ask/),
  );
});

test('a GitHub app gets a token of its installation, and proves itself by its key', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const seen: unknown[] = [];
  const url = await serving(t, async (request, body, reply) => {
    const proof = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const verified = await jwtVerify(proof, publicKey, { algorithms: ['RS256'], issuer: '12' }).catch(() => undefined);
    if (verified === undefined) return json(reply, 401, { message: 'A JSON web token could not be decoded' });
    const { iat = 0, exp = 0 } = verified.payload;
    // GitHub takes ten minutes at most.
    if (exp - iat > 600 || iat * 1_000 > Date.now()) return json(reply, 401, { message: 'expiration is too far' });
    seen.push([request.method, request.url, JSON.parse(body)]);
    if (request.url !== '/api/app/installations/34/access_tokens') return json(reply, 404, { message: 'Not Found' });
    return json(reply, 201, { token: 'ghs_x', expires_at: '2026-11-29T13:00:00Z', permissions: { contents: 'read' } });
  });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' });
  const given = credentials({ secrets: { app: { key: pem, ec: ecKey(), none: 'x' } } });
  const auth = { privateKey: { secretRef: { name: 'app', key: 'key' } } };
  const config = { url: `${url}/api/`, appID: '12', installID: '34', auth };
  const narrow = { repositories: ['shop'], permissions: { contents: 'read' } };
  assert.deepEqual(textsOf((await githubAccessToken.generate({ ...config, ...narrow }, given, signal)).values), {
    token: 'ghs_x',
  });
  await githubAccessToken.generate(config, given, signal);
  const path = '/api/app/installations/34/access_tokens';
  assert.deepEqual(seen, [
    ['POST', path, narrow],
    ['POST', path, {}],
  ]);
  const make = (more: object) => githubAccessToken.generate({ ...config, ...more }, given, signal);
  await assert.rejects(make({ appID: '13' }), problem('denied', /401/));
  await assert.rejects(make({ installID: '35' }), problem('unsuitable', /installation 35/));
  await assert.rejects(make({ installID: '34/../../user' }), problem('invalid', /installID/));
  await assert.rejects(make({ url: 'file:///etc' }), problem('invalid', /url/));
  for (const key of ['ec', 'none'])
    await assert.rejects(
      make({ auth: { privateKey: { secretRef: { name: 'app', key } } } }),
      problem('invalid', /no private key in PEM/),
    );
  await assert.rejects(
    githubAccessToken.generate(config, givenCredentials({ secrets: { app: { key: pem } } }), signal),
    problem('invalid', /no address/),
  );
});

const ecKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
