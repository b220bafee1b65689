import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import {
  documentOfKeys,
  issuerServer,
  publishing,
  signed,
  signingKey,
  unsigned,
} from '../../lib/jwt/issuer.testing.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import { AUDIENCE, claimsOf, enabledMethod, ISSUER, offlineMethod } from './mount.testing.ts';

test('a projected token logs in; its service account is the entity, whatever pod it is of', async () => {
  await using cluster = await offlineMethod();
  await cluster.role('app', { token_policies: 'web', token_ttl: '10m' });
  const { status, auth } = await cluster.by();
  assert.equal(status, 200);
  assert.deepEqual(auth?.['policies'], ['default', 'web']);
  assert.deepEqual(auth['metadata'], {
    role: 'app',
    service_account_name: 'app',
    service_account_namespace: 'shop',
    service_account_secret_name: '',
    service_account_uid: 'uid-1',
  });
  const other = await cluster.by({ jti: 'two' });
  assert.equal(other.auth?.['entity_id'], auth['entity_id']);
  const made = await cluster.by({}, { uid: 'uid-2' });
  assert.notEqual(made.auth?.['entity_id'], auth['entity_id'], 'an account made anew is somebody else');
  const token = String(auth['client_token']);
  assert.equal((await ask(cluster.node, 'POST', 'auth/token/renew-self', { token })).status, 200);
  await cluster.at('DELETE', 'role/app');
  const gone = await ask(cluster.node, 'POST', 'auth/token/renew-self', { token });
  assert.match(gone.errors?.[0] ?? '', /role of this token is gone/);
});

test('whatever is wrong with a token, the outside hears one answer and the audit which check failed', async () => {
  await using cluster = await offlineMethod({ api_audiences: 'https://api.corp' });
  assert.equal((await cluster.by()).status, 200);
  const now = cluster.now();
  const good = claimsOf(now);
  const own = { namespace: 'shop', serviceaccount: { name: 'app', uid: 'uid-1' } };
  const changes: readonly (readonly [object, string])[] = [
    [{ aud: ['vault'] }, 'audience'],
    [{ aud: undefined }, 'audience'],
    [{ aud: [] }, 'audience'],
    [{ aud: { [AUDIENCE]: AUDIENCE } }, 'malformed'],
    [{ aud: [AUDIENCE, ISSUER] }, 'audience'],
    [{ aud: [AUDIENCE, 'https://kubernetes.default.svc'] }, 'audience'],
    [{ aud: [AUDIENCE, 'https://kubernetes.default.svc.cluster.local'] }, 'audience'],
    [{ aud: [AUDIENCE, 'https://api.corp'] }, 'audience'],
    [{ iss: 'https://cluster-two.test' }, 'issuer'],
    [{ iss: undefined }, 'issuer'],
    [{ iss: [ISSUER] }, 'issuer'],
    [{ exp: now - 61 }, 'expired'],
    [{ exp: undefined }, 'no time'],
    [{ exp: String(now + 600) }, 'malformed'],
    [{ nbf: now + 61 }, 'not yet valid'],
    [{ iat: now + 61 }, 'issued in the future'],
    [{ iat: now - 3_601, nbf: now - 3_601, exp: now + 31_536_000 }, 'too old'],
    [{ iat: undefined }, 'too old'],
    [{ sub: 'system:serviceaccount:shop:admin' }, 'claim'],
    [{ sub: undefined }, 'claim'],
    [{ sub: ['system:serviceaccount:shop:app'] }, 'claim'],
    [{ 'kubernetes.io': undefined }, 'claim'],
    [{ 'kubernetes.io': 'shop' }, 'claim'],
    [{ 'kubernetes.io': [own] }, 'claim'],
    [{ 'kubernetes.io': { ...own, namespace: ['shop'] } }, 'claim'],
    [{ 'kubernetes.io': { ...own, namespace: 'other' } }, 'claim'],
    [{ 'kubernetes.io': { ...own, serviceaccount: 'app' } }, 'claim'],
    [{ 'kubernetes.io': { ...own, serviceaccount: { name: 'app' } } }, 'claim'],
    [{ 'kubernetes.io': { ...own, serviceaccount: { name: 'app', uid: 5 } } }, 'claim'],
    [{ 'kubernetes.io': { ...own, serviceaccount: { name: 'app', uid: '' } } }, 'claim'],
    [{ 'kubernetes.io': { ...own, serviceaccount: { name: 'admin', uid: 'uid-1' } } }, 'claim'],
  ];
  for (const [change, check] of changes) {
    const { status, errors, refusal } = await cluster.by(change);
    assert.deepEqual([status, errors], [400, [REFUSED]], JSON.stringify(change));
    assert.ok(refusal?.startsWith(`${check}:`), `${JSON.stringify(change)}: ${String(refusal)}`);
  }
  const hmac = (alg: string): string => {
    const text = unsigned({ alg, kid: 'one' }, good).replace(/\.$/, '');
    return `${text}.${createHmac('sha256', cluster.key.pem).update(text).digest('base64url')}`;
  };
  const otherKey = await signingKey('RS256', 'one');
  const tokens = [
    await signed(otherKey, good),
    await signed(await signingKey('ES256', 'one'), good),
    unsigned({ alg: 'none' }, good),
    unsigned({ alg: 'none' }, good, 'AAAA'),
    hmac('HS256'),
    hmac('RS256'),
    `${await signed(cluster.key, good)}A`,
    'a.b.c',
    'x',
    'a.b.c.d',
    `${'a'.repeat(70_000)}.b.c`,
  ];
  for (const [index, jwt] of tokens.entries()) {
    const { status, errors, refusal } = await cluster.login({ role: 'app', jwt });
    assert.deepEqual([status, errors], [400, [REFUSED]], `token ${String(index)}`);
    assert.notEqual(refusal, undefined);
  }
});

test('an hour after it was issued no token logs in, though it lives for a year', async () => {
  await using cluster = await offlineMethod();
  const jwt = await signed(cluster.key, { ...claimsOf(cluster.now()), exp: cluster.now() + 31_536_000 });
  cluster.later(3_600);
  assert.equal((await cluster.login({ role: 'app', jwt })).status, 200);
  cluster.later(1);
  const late = await cluster.login({ role: 'app', jwt });
  assert.deepEqual([late.status, late.errors], [400, [REFUSED]]);
  assert.match(late.refusal ?? '', /^too old/);
});

test('a token of one cluster is nothing at the mount of another, and the same uid there is another entity', async () => {
  await using one = await offlineMethod();
  const { node, token } = one;
  const key = await signingKey('RS256', 'one');
  await ask(node, 'POST', 'sys/auth/two', { token, body: { type: 'kubernetes' } });
  const issuer = 'https://cluster-two.test';
  await ask(node, 'POST', 'auth/two/config', { token, body: { pem_keys: [key.pem], issuer } });
  const role = { bound_service_account_names: 'app', bound_service_account_namespaces: 'shop', audience: AUDIENCE };
  await ask(node, 'POST', 'auth/two/role/app', { token, body: role });
  const ofOne = await signed(one.key, claimsOf(one.now()));
  const ofTwo = await signed(key, { ...claimsOf(one.now()), iss: issuer });
  const first = await one.login({ role: 'app', jwt: ofOne });
  const second = await one.login({ role: 'app', jwt: ofTwo }, 'two');
  assert.deepEqual([first.status, second.status], [200, 200]);
  assert.notEqual(first.auth?.['entity_id'], second.auth?.['entity_id']);
  assert.equal((await one.login({ role: 'app', jwt: ofOne }, 'two')).status, 400);
  assert.equal((await one.login({ role: 'app', jwt: ofTwo })).status, 400);
  // Keys alone do not tell clusters apart that share them.
  await one.must('config', { pem_keys: [one.key.pem, key.pem], issuer: ISSUER });
  assert.match((await one.login({ role: 'app', jwt: ofTwo })).refusal ?? '', /^issuer/);
});

test('names and namespaces are bound by globs that match whole names', async () => {
  await using cluster = await offlineMethod();
  await cluster.role('app', {
    bound_service_account_names: 'app-*,worker',
    bound_service_account_namespaces: 'team-*-prod,shop',
  });
  const as = async (namespace: string, name: string): Promise<number> =>
    (await cluster.by({}, { namespace, name })).status;
  assert.equal(await as('team-a-prod', 'app-1'), 200);
  assert.equal(await as('shop', 'worker'), 200);
  for (const [namespace, name] of [
    ['team-a-prod-x', 'app-1'],
    ['xteam-a-prod', 'app-1'],
    ['team-prod', 'app-1'],
    ['shops', 'worker'],
    ['shop', 'app'],
    ['shop', 'my-app-1'],
    ['shop', 'workers'],
    ['shop', 'app-*'],
    ['shop/other', 'worker'],
    ['team-*-prod', 'worker'],
  ] as const) {
    assert.equal(await as(namespace, name), 400, `${namespace} ${name}`);
  }
  await cluster.role('app', { bound_service_account_names: '*', bound_service_account_namespaces: 'shop' });
  assert.equal(await as('shop', 'anything'), 200);
  assert.equal(await as('elsewhere', 'anything'), 400);
});

test('keys come as a JWKS document, or from an address whose outage the known ones outlive', async () => {
  await using cluster = await offlineMethod();
  const next = await signingKey('ES256', 'two');
  const jwks = documentOfKeys(cluster.key);
  await cluster.must('config', { jwks, issuer: ISSUER });
  assert.equal((await cluster.by()).status, 200);
  const unknown = await signed(next, claimsOf(cluster.now()));
  const refused = await cluster.login({ role: 'app', jwt: unknown });
  assert.match(refused.refusal ?? '', /^key/, 'an unknown kid');
  await using server = await issuerServer();
  const down = { jwks_url: `${server.url}/keys`, jwks_ca_pem: server.ca, issuer: ISSUER };
  const written = await cluster.at('POST', 'config', down);
  assert.equal(written.status, 200);
  assert.match(JSON.stringify(written.reply), /cannot be had from here now/);
  const waiting = await cluster.by();
  assert.equal(waiting.status, 503, 'nothing is said of the token while there are no keys');
  const asked = server.asked.length;
  await Promise.all(Array.from({ length: 20 }, () => cluster.by()));
  assert.equal(server.asked.length, asked, 'no storm');
  server.answer(
    publishing(
      () => server,
      () => documentOfKeys(cluster.key, next),
    ),
  );
  await cluster.must('config', { ...down, api_audiences: 'new' });
  assert.equal((await cluster.login({ role: 'app', jwt: unknown })).status, 200);
  server.answer((_path, response) => response.writeHead(503).end());
  assert.equal((await cluster.by()).status, 200);
});

/** An offline mount whose keys come from an address, after it was asked once. */
async function fetchedMethod(context: TestContext) {
  let ahead = 0;
  const real = performance.now.bind(performance);
  context.mock.method(performance, 'now', () => real() + ahead);
  const cluster = await offlineMethod();
  const server = await issuerServer();
  server.answer(
    publishing(
      () => server,
      () => documentOfKeys(cluster.key),
    ),
  );
  await cluster.must('config', { jwks_url: `${server.url}/keys`, jwks_ca_pem: server.ca, issuer: ISSUER });
  assert.equal((await cluster.by()).status, 200);
  const unknown = await signed(await signingKey('RS256', 'unknown'), claimsOf(cluster.now()));
  return {
    ...{ ...cluster, server },
    /** Milliseconds for the keys alone. */
    pass: (ms: number) => {
      ahead += ms;
    },
    byUnknown: async (): Promise<number> => (await cluster.login({ role: 'app', jwt: unknown })).status,
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('after a restart the keys that were fetched last verify while their address is down', async (context) => {
  await using cluster = await fetchedMethod(context);
  cluster.server.answer((_path, response) => response.writeHead(503).end());
  await cluster.restart();
  assert.equal((await cluster.by()).status, 200);
  assert.equal(await cluster.byUnknown(), 503, 'whether there are newer ones nobody can tell');
  cluster.later(25 * 3_600);
  await cluster.restart();
  assert.equal((await cluster.by()).status, 503, 'for a day');
});

test('keys of another address serve nobody after a restart', async (context) => {
  await using cluster = await fetchedMethod(context);
  await using other = await issuerServer();
  await cluster.at('POST', 'config', { jwks_url: `${other.url}/keys`, jwks_ca_pem: other.ca, issuer: ISSUER });
  await cluster.restart();
  assert.equal((await cluster.by()).status, 503);
});

const FIFTY = Array.from({ length: 50 });
const outages: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'is down': (response) => {
    response.socket?.destroy();
  },
  'answers with an error': (response) => {
    response.writeHead(503).end();
  },
  'sends what is no key set': (response) => {
    response.end('<html>');
  },
  'sends a huge key set': (response) => {
    const jwk = { kty: 'RSA', n: 'A'.repeat(340), e: 'AQAB', alg: 'RS256' };
    response.end(JSON.stringify({ keys: Array.from({ length: 20_000 }, (_, kid) => ({ ...jwk, kid: String(kid) })) }));
  },
};
for (const [what, answer] of Object.entries(outages)) {
  test(`while the key set’s address ${what}, its keys work on, others are not judged, and it is asked once`, async (context) => {
    await using cluster = await fetchedMethod(context);
    const { server } = cluster;
    server.answer((_path, response) => {
      answer(response);
    });
    for (const later of [10_000, 300_000]) {
      cluster.pass(later);
      const asked = server.asked.length;
      const statuses = await Promise.all([...FIFTY.map(() => cluster.byUnknown()), cluster.by().then((o) => o.status)]);
      assert.deepEqual(statuses, [...FIFTY.map(() => 503), 200]);
      assert.equal(await cluster.byUnknown(), 503);
      assert.equal((await cluster.by()).status, 200);
      assert.equal(server.asked.length, asked + 1);
    }
  });
}

test('a slow address of keys holds up nobody whose key is held, and is asked once for all others', async (context) => {
  await using cluster = await fetchedMethod(context);
  const { server } = cluster;
  const held = Promise.withResolvers<ServerResponse>();
  server.answer((_path, response) => {
    held.resolve(response);
  });
  cluster.pass(10_000);
  const asked = server.asked.length;
  const waiting = Promise.all(FIFTY.map(() => cluster.byUnknown()));
  const response = await held.promise;
  for (const { status } of await Promise.all(FIFTY.map(() => cluster.by()))) assert.equal(status, 200);
  assert.equal(server.asked.length, asked + 1);
  response.socket?.destroy();
  assert.deepEqual(await waiting, [...FIFTY.map(() => 503)]);
  assert.equal(server.asked.length, asked + 1);
});

test('an offline configuration says whose tokens are taken', async () => {
  await using cluster = await enabledMethod();
  const { pem } = await signingKey();
  const told = async (body: object) => (await cluster.at('POST', 'config', { ...body })).errors?.[0];
  assert.match((await told({})) ?? '', /no host provided/);
  assert.match((await told({ issuer: ISSUER })) ?? '', /no host provided/);
  assert.match((await told({ pem_keys: [pem] })) ?? '', /issuer must be set/);
  assert.match((await told({ pem_keys: ['x'], issuer: ISSUER })) ?? '', /public key 1 is not usable/);
  assert.match((await told({ jwks: '{"keys":[]}', issuer: ISSUER })) ?? '', /no JWKS document/);
  assert.match((await told({ jwks: 'x', pem_keys: [pem], issuer: ISSUER })) ?? '', /at most one of/);
  assert.match((await told({ jwks_url: 'http://127.0.0.1:1', issuer: ISSUER })) ?? '', /https/);
  const off = { pem_keys: [pem], issuer: ISSUER, disable_iss_validation: true };
  assert.match((await told(off)) ?? '', /checks the issuer/);
  assert.equal((await cluster.at('GET', 'config')).status, 404, 'nothing was kept of what was refused');
  assert.match((await cluster.login({ role: 'r', jwt: 'a.b.c' })).errors?.[0] ?? '', /invalid role name "r"/);
  await cluster.role('r');
  assert.equal(
    (await cluster.login({ role: 'r', jwt: 'a.b.c' })).errors?.[0],
    'could not load backend configuration: write config first',
  );
});

test('a role of an offline mount has an audience of its own, and binds what can be known', async () => {
  await using cluster = await offlineMethod();
  const bound = { bound_service_account_names: 'app', bound_service_account_namespaces: 'shop' };
  const told = async (name: string, body: object) =>
    (await cluster.at('POST', `role/${name}`, { ...body })).errors?.[0];
  assert.match((await told('a', bound)) ?? '', /audience must be set/);
  assert.match((await told('a', { ...bound, audience: ISSUER })) ?? '', /API server’s own/);
  const byName = { ...bound, audience: 'us', alias_name_source: 'serviceaccount_name' };
  assert.match((await told('a', byName)) ?? '', /must be serviceaccount_uid/);
  const selector = { bound_service_account_namespace_selector: '{"matchLabels":{"a":"b"}}' };
  assert.match((await told('a', { ...bound, ...selector, audience: 'us' })) ?? '', /needs kubernetes_host/);
  assert.match((await told('a', {})) ?? '', /"bound_service_account_names" can not be empty/);
  assert.match((await told('a', { bound_service_account_names: 'x' })) ?? '', /namespaces" can not be empty if/);
  const mixed = { ...bound, bound_service_account_namespaces: '*,a', audience: 'us' };
  assert.equal(await told('a', mixed), 'can not mix "*" with values');
  assert.equal((await cluster.at('GET', 'role/a')).status, 404);
});

test('a role that is older than the offline configuration lets nobody in until it fits', async () => {
  await using cluster = await enabledMethod();
  const key = await signingKey();
  await cluster.role('app', { audience: '' });
  await cluster.role('name', { alias_name_source: 'serviceaccount_name' });
  await cluster.must('config', { pem_keys: [key.pem], issuer: ISSUER });
  const jwt = await signed(key, claimsOf(cluster.now()));
  assert.match((await cluster.login({ role: 'app', jwt })).errors?.[0] ?? '', /needs a role with an audience/);
  assert.match((await cluster.login({ role: 'name', jwt })).errors?.[0] ?? '', /write it again/);
});
