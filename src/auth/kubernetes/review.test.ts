import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issuerServer, signed, signingKey, type AskedFor } from '../../lib/jwt/issuer.testing.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import { MOST_AT_ONCE, Outgoing, PAUSE_MS } from '../../lib/outgoing/bounds.ts';
import { AUDIENCE, claimsOf, enabledMethod, ISSUER } from './mount.testing.ts';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import { parseSelector, selects } from './selector.ts';

interface Review {
  readonly spec: { readonly token: string; readonly audiences?: readonly string[] };
}

const USER = { username: 'system:serviceaccount:shop:app', uid: 'uid-1' };

/** JSON has neither of the signs that a form is split at. */
const bodyOf = ({ form }: AskedFor): Review => JSON.parse([...form.keys()][0] ?? '') as Review;

/** A method that asks an API server which answers reviews with `status`. */
async function reviewedMethod(config: Readonly<Record<string, unknown>> = {}) {
  const method = await enabledMethod();
  const server = await issuerServer();
  const key = await signingKey('RS256', 'one');
  const reviews: { readonly review: Review; readonly authorization: string | undefined }[] = [];
  const answering = {
    code: 201,
    status: { authenticated: true, user: USER, audiences: [AUDIENCE] } as object,
    labels: {},
  };
  server.answer((path, response, asked) => {
    const answer = (code: number, body: object): void => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (path.startsWith('/api/v1/namespaces/')) {
      answer(200, { metadata: { labels: answering.labels } });
      return;
    }
    reviews.push({ review: bodyOf(asked), authorization: asked.authorization });
    answer(answering.code, { kind: 'TokenReview', status: answering.status });
  });
  const written = {
    kubernetes_host: server.url,
    kubernetes_ca_cert: server.ca,
    token_reviewer_jwt: 'r.e.v',
    ...config,
  };
  await method.must('config', written);
  await method.role('app');
  const jwtOf = (change: object = {}): Promise<string> => signed(key, { ...claimsOf(method.now()), ...change });
  const by = async (change: object = {}) => method.login({ role: 'app', jwt: await jwtOf(change) });
  return {
    ...{ ...method, server, key, reviews, answering, jwtOf, by },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await method[Symbol.asyncDispose]();
    },
  };
}

test('the API server is asked with the reviewer’s token, for the audience of the role', async () => {
  await using cluster = await reviewedMethod();
  const jwt = await cluster.jwtOf();
  const { status, auth } = await cluster.login({ role: 'app', jwt });
  assert.equal(status, 200);
  assert.equal((auth?.['metadata'] as { service_account_uid?: string }).service_account_uid, 'uid-1');
  const [asked] = cluster.reviews;
  assert.equal(asked?.authorization, 'Bearer r.e.v');
  assert.deepEqual(asked.review.spec, { token: jwt, audiences: [AUDIENCE] });
  const { reply } = await cluster.at('GET', 'config');
  assert.equal(reply?.data?.['token_reviewer_jwt_set'], true);
  assert.ok(!JSON.stringify(reply).includes('r.e.v'));
});

test('without a reviewer each token asks about itself', async () => {
  await using cluster = await reviewedMethod({ token_reviewer_jwt: '' });
  const jwt = await cluster.jwtOf();
  assert.equal((await cluster.login({ role: 'app', jwt })).status, 200);
  assert.equal(cluster.reviews[0]?.authorization, `Bearer ${jwt}`);
  for (const code of [400, 401, 403]) {
    cluster.answering.code = code;
    const { status, errors, refusal } = await cluster.login({ role: 'app', jwt });
    assert.deepEqual([status, errors], [400, [REFUSED]], String(code));
    assert.match(refusal ?? '', /^review/);
  }
});

test('the alias is the uid, or the name where the role says so', async () => {
  await using cluster = await reviewedMethod();
  const first = await cluster.by();
  cluster.answering.status = { authenticated: true, user: { ...USER, uid: 'uid-2' }, audiences: [AUDIENCE] };
  assert.notEqual((await cluster.by()).auth?.['entity_id'], first.auth?.['entity_id']);
  await cluster.role('app', { alias_name_source: 'serviceaccount_name' });
  const named = await cluster.by();
  cluster.answering.status = { authenticated: true, user: { ...USER, uid: 'uid-3' }, audiences: [AUDIENCE] };
  assert.equal((await cluster.by()).auth?.['entity_id'], named.auth?.['entity_id']);
});

test('only what the API server says plainly is a login', async () => {
  await using cluster = await reviewedMethod();
  const audiences = [AUDIENCE];
  for (const status of [
    {},
    { authenticated: false, user: USER, audiences },
    { authenticated: 'true', user: USER, audiences },
    { authenticated: true, user: USER },
    { authenticated: true, user: USER, audiences: [ISSUER] },
    { authenticated: true, user: USER, audiences: AUDIENCE },
    { authenticated: true, audiences },
    { authenticated: true, user: { username: 'admin', uid: 'u' }, audiences },
    { authenticated: true, user: { ...USER, username: 'system:serviceaccount:shop' }, audiences },
    { authenticated: true, user: { ...USER, username: 'system:serviceaccount:shop:app:x' }, audiences },
    { authenticated: true, user: { ...USER, username: 'system:node:shop:app' }, audiences },
    { authenticated: true, user: { ...USER, username: ['system:serviceaccount:shop:app'] }, audiences },
    { authenticated: true, user: { username: USER.username }, audiences },
    { authenticated: true, user: { ...USER, username: 'system:serviceaccount:shop:admin' }, audiences },
    { authenticated: true, user: { ...USER, username: 'system:serviceaccount:other:app' }, audiences },
  ]) {
    cluster.answering.status = status;
    const { status: code, errors } = await cluster.by();
    assert.deepEqual([code, errors], [400, [REFUSED]], JSON.stringify(status));
  }
});

test('what can be refused without asking asks nobody', async () => {
  await using cluster = await reviewedMethod({ issuer: ISSUER, disable_iss_validation: false });
  await cluster.must('config', {
    ...{ kubernetes_host: cluster.server.url, kubernetes_ca_cert: cluster.server.ca, pem_keys: [cluster.key.pem] },
    ...{ issuer: ISSUER, disable_iss_validation: false, token_reviewer_jwt: 'r.e.v' },
  });
  const stranger = await signed(await signingKey('RS256', 'one'), claimsOf(cluster.now()));
  const wrong = [
    await cluster.jwtOf({ iss: 'https://other' }),
    await cluster.jwtOf({ aud: ['other'] }),
    await cluster.jwtOf({ exp: cluster.now() - 61 }),
    stranger,
    'a.b.c',
    'a b.c\r\nd.e',
  ];
  for (const jwt of wrong) assert.equal((await cluster.login({ role: 'app', jwt })).status, 400);
  assert.equal(cluster.reviews.length, 0);
  assert.equal((await cluster.by()).status, 200);
  assert.equal(cluster.reviews.length, 1);
});

test('namespaces are bound by labels too', async () => {
  await using cluster = await reviewedMethod();
  await cluster.role('app', {
    bound_service_account_namespaces: [],
    bound_service_account_namespace_selector: '{"matchLabels":{"team":"a"}}',
  });
  assert.equal((await cluster.by()).status, 400);
  cluster.answering.labels = { team: 'a' };
  assert.equal((await cluster.by()).status, 200);
  cluster.answering.labels = { team: ['a'] };
  assert.equal((await cluster.by()).status, 400);
  assert.ok(cluster.server.asked.includes('/api/v1/namespaces/shop'));
});

test('selectors select as Kubernetes does, and what is none is refused', () => {
  const labels = new Map([
    ['team', 'a'],
    ['env', 'prod'],
  ]);
  const by = (...matchExpressions: object[]): boolean => selects(JSON.stringify({ matchExpressions }), labels);
  assert.ok(by({ key: 'team', operator: 'In', values: ['b', 'a'] }, { key: 'env', operator: 'Exists' }));
  assert.ok(by({ key: 'x', operator: 'NotIn', values: ['a'] }, { key: 'x', operator: 'DoesNotExist' }));
  assert.ok(!by({ key: 'team', operator: 'NotIn', values: ['a'] }));
  assert.ok(!by({ key: 'x', operator: 'In', values: ['a'] }));
  assert.ok(!by({ key: 'team', operator: 'DoesNotExist' }));
  assert.ok(!by({ key: 'constructor', operator: 'Exists' }));
  const refused = [
    ...['x', '{}', '[]', '{"matchLabels":{}}', '{"matchLabels":{"a":1}}', '{"matchLabel":{"a":"b"}}'],
    ...['{"matchExpressions":{}}', '{"matchExpressions":[{"key":"a","operator":"Is"}]}'],
    ...['{"matchExpressions":[{"key":"a","operator":"In"}]}', '{"matchExpressions":[{"operator":"Exists"}]}'],
  ];
  for (const text of refused) assert.throws(() => parseSelector(text), { code: 'badRequest' }, text);
});

test('an API server that is away says nothing of a token, and is not asked again at once', async () => {
  await using cluster = await reviewedMethod();
  cluster.answering.code = 500;
  const { status, errors, refusal } = await cluster.by();
  assert.equal(status, 503);
  assert.match(errors?.[0] ?? '', /cannot be asked about the token now/);
  assert.match(refusal ?? '', /answers 500/);
  assert.ok(!JSON.stringify(errors).includes(cluster.server.url));
});

test('the one who asks is bounded: in number, and for a moment after a failure', async () => {
  let now = 0;
  const outgoing = new Outgoing({ now: () => now });
  const held = Promise.withResolvers<string>();
  const running = Array.from({ length: MOST_AT_ONCE }, () => outgoing.run(() => held.promise));
  await assert.rejects(
    outgoing.run(() => Promise.resolve('x')),
    { code: 'issuerUnreachable' },
  );
  held.resolve('done');
  await Promise.all(running);
  assert.equal(await outgoing.run(() => Promise.resolve('x')), 'x');
  let asked = 0;
  const failing = (): Promise<never> => {
    asked += 1;
    return Promise.reject(new ServerUnavailable('down'));
  };
  await assert.rejects(outgoing.run(failing), { code: 'issuerUnreachable', detail: 'down' });
  now = PAUSE_MS - 1;
  await assert.rejects(outgoing.run(failing), { code: 'issuerUnreachable', detail: 'down' });
  assert.equal(asked, 1);
  now = PAUSE_MS;
  assert.equal(await outgoing.run(() => Promise.resolve('x')), 'x');
});

test('a configuration that could not ask is refused', async () => {
  await using cluster = await enabledMethod();
  const told = async (body: object) => (await cluster.at('POST', 'config', { ...body })).errors?.[0];
  const host = { kubernetes_host: 'https://127.0.0.1:1' };
  assert.match((await told({ kubernetes_host: 'http://127.0.0.1:1' })) ?? '', /https/);
  assert.match((await told({ ...host, kubernetes_ca_cert: 'x' })) ?? '', /no PEM of a certificate/);
  assert.match((await told({ ...host, disable_local_ca_jwt: true })) ?? '', /kubernetes_ca_cert must be given/);
  const ca = { kubernetes_ca_cert: '-----BEGIN CERTIFICATE-----' };
  assert.match((await told({ ...host, ...ca, disable_iss_validation: false })) ?? '', /issuer must be set/);
  assert.match((await told({ ...host, ...ca, token_reviewer_jwt: 'a\r\nb' })) ?? '', /no token/);
  assert.equal(await told({ ...host, ...ca }), undefined);
  const { reply } = await cluster.at('GET', 'config');
  assert.deepEqual([reply?.data?.['disable_iss_validation'], reply?.data?.['token_reviewer_jwt_set']], [true, false]);
});

test('a role is warned about what it leaves open', async () => {
  await using cluster = await enabledMethod();
  const body = { bound_service_account_names: '*', bound_service_account_namespaces: '*' };
  const { status, reply } = await cluster.at('POST', 'role/All', body);
  assert.equal(status, 200);
  assert.match(JSON.stringify(reply), /no audience.*every service account/);
  assert.deepEqual((await cluster.at('LIST', 'role')).reply?.data, { keys: ['all'] });
  const { reply: shown } = await cluster.at('GET', 'role/all');
  assert.equal(shown?.data?.['alias_name_source'], 'serviceaccount_uid');
  assert.ok(!('audience' in (shown?.data ?? {})));
});
