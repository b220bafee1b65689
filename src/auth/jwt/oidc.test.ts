/** Logins by browser against an issuer of its own: npm's oauth2-mock-server, and one that can be wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OAuth2Server } from 'oauth2-mock-server';
import { ask } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';
import { documentOfKeys, issuerServer, signed, signingKey, type AskedFor } from '../../lib/jwt/issuer.testing.ts';
import { enabledMethod } from './mount.testing.ts';

type Body = Readonly<Record<string, unknown>>;
const REDIRECT = 'http://localhost:8250/oidc/callback';

/** The issuer has a clock of its own; the node's stands still, near it. */
async function withMockServer(role: Body = {}, config: Body = {}) {
  const server = new OAuth2Server();
  await server.issuer.keys.generate('RS256');
  await server.start(0, '127.0.0.1');
  const url = server.issuer.url ?? '';
  const method = await enabledMethod({ type: 'oidc', now: Date.now() });
  const given = { oidc_discovery_url: url, oidc_client_id: 'me', oidc_client_secret: 'se cret', default_role: 'r' };
  assert.equal((await method.at('POST', 'config', { ...given, ...config })).status, 200, 'with a warning: no TLS');
  const usual = { user_claim: 'sub', allowed_redirect_uris: 'http://localhost/oidc/callback', token_policies: 'web' };
  const written = await method.at('POST', 'role/r', { ...usual, ...role });
  assert.equal(written.status, 204, JSON.stringify(written.errors));
  server.service.on('beforeTokenSigning', (token: { payload: Record<string, unknown> }) => {
    token.payload['aud'] ??= 'me';
  });
  const { node } = method;
  const begin = (body: Body = {}): Promise<Outcome> =>
    ask(node, 'POST', 'auth/jwt/oidc/auth_url', { body: { redirect_uri: REDIRECT, client_nonce: 'n', ...body } });
  const end = (query: Readonly<Record<string, string>>): Promise<Outcome> =>
    ask(node, 'GET', 'auth/jwt/oidc/callback', { query: { client_nonce: 'n', ...query } });
  const poll = (body: Body): Promise<Outcome> =>
    ask(node, 'POST', 'auth/jwt/oidc/poll', { body: { client_nonce: 'n', ...body } });
  /** What the browser brings back. */
  const visit = async (address: string): Promise<Readonly<Record<string, string>>> => {
    const { headers } = await fetch(address, { redirect: 'manual' });
    return Object.fromEntries(new URL(headers.get('location') ?? '').searchParams);
  };
  return {
    ...{ ...method, server, begin, end, poll, visit },
    [Symbol.asyncDispose]: async () => {
      await method[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

const addressOf = ({ reply }: Outcome): string => String(reply?.data?.['auth_url']);

const begunOf = ({ reply }: Outcome) => reply?.data as { readonly state: string; readonly poll_interval: string };

const errorOf = ({ errors }: Outcome): string => errors?.[0] ?? '';

test('a browser goes to the issuer and comes back with a login, once', async () => {
  await using oidc = await withMockServer({
    claim_mappings: { email: 'mail', amr0: 'none' },
    oidc_scopes: 'groups,openid',
  });
  oidc.server.service.on('beforeUserinfo', (info: { body: Record<string, unknown> }) => {
    info.body = { sub: 'johndoe', email: 'j@example.org', aud: 'evil' };
  });
  const begun = await oidc.begin();
  const url = new URL(addressOf(begun));
  assert.deepEqual(Object.keys(begun.reply?.data ?? {}), ['auth_url']);
  assert.equal(url.searchParams.get('scope'), 'openid groups');
  assert.equal(url.searchParams.get('code_challenge_method'), 'S256');
  assert.equal(url.searchParams.get('redirect_uri'), REDIRECT);
  const back = await oidc.visit(url.href);
  const { status, auth, errors } = await oidc.end(back);
  assert.equal(status, 200, JSON.stringify(errors));
  assert.deepEqual(auth?.['policies'], ['default', 'web']);
  assert.deepEqual(auth['metadata'], { role: 'r', mail: 'j@example.org' });
  const again = await oidc.end(back);
  assert.deepEqual([again.status, again.errors], [400, ['OpenBao login failed. Expired or missing OAuth state.']]);
});

test('a state ends, and belongs to who began it', async () => {
  await using oidc = await withMockServer();
  const stolen = await oidc.visit(addressOf(await oidc.begin()));
  assert.deepEqual((await oidc.end({ ...stolen, client_nonce: 'other' })).errors, ['invalid client_nonce']);
  assert.match(errorOf(await oidc.end(stolen)), /Expired or missing/, 'a try uses it up');
  const late = await oidc.visit(addressOf(await oidc.begin()));
  oidc.later(600);
  assert.match(errorOf(await oidc.end(late)), /Expired or missing/);
  for (const state of ['', 'x', '__proto__', 'constructor']) {
    assert.match(errorOf(await oidc.end({ ...late, state })), /Expired or missing/);
  }
});

test('the issuer checks the proof key, and we its nonce', async () => {
  await using oidc = await withMockServer();
  const [one, two] = [await oidc.visit(addressOf(await oidc.begin())), await oidc.visit(addressOf(await oidc.begin()))];
  const swapped = await oidc.end({ ...one, code: two['code'] ?? '' });
  assert.match(swapped.errors?.[0] ?? '', /issuer gives no tokens/, 'a code of another login');
  oidc.server.service.on('beforeTokenSigning', (token: { payload: Record<string, unknown> }) => {
    token.payload['nonce'] = 'replayed';
  });
  const replayed = await oidc.end(await oidc.visit(addressOf(await oidc.begin())));
  assert.deepEqual([replayed.status, replayed.refusal], [400, 'claim: nonce']);
});

test('tokens for others, without their moments or of too old a login are refused', async () => {
  await using oidc = await withMockServer({ max_age: '5m', bound_audiences: 'me,too' });
  const now = oidc.now();
  const cases: readonly (readonly [Record<string, unknown>, string | undefined])[] = [
    [{ auth_time: now }, undefined],
    [{ auth_time: now, aud: ['me', 'too'], azp: 'me' }, undefined],
    [{ auth_time: now, aud: ['me', 'too'] }, 'audience: azp'],
    [{ auth_time: now, azp: 'another' }, 'audience: azp'],
    [{ auth_time: now, aud: 'too' }, 'audience: it is for somebody else'],
    [{ auth_time: now - 361 }, 'too old: auth_time'],
    [{}, 'too old: auth_time'],
    [{ auth_time: now, iss: 'https://another' }, 'issuer: iss'],
    [{ auth_time: now, exp: undefined }, 'malformed: an ID token has exp, iat and sub'],
    [{ auth_time: now, exp: 5 }, 'expired: exp'],
  ];
  for (const [change, refusal] of cases) {
    const alter = (token: { payload: Record<string, unknown> }): void => {
      Object.assign(token.payload, change);
    };
    oidc.server.service.on('beforeTokenSigning', alter);
    const ended = await oidc.end(await oidc.visit(addressOf(await oidc.begin())));
    oidc.server.service.off('beforeTokenSigning', alter);
    assert.deepEqual(
      [ended.status, ended.refusal],
      refusal === undefined ? [200, undefined] : [400, refusal],
      JSON.stringify(change),
    );
  }
});

test('what the issuer says in place of a code is repeated by its code alone', async () => {
  await using oidc = await withMockServer();
  const told = async (error: string) => {
    const { state = '' } = await oidc.visit(addressOf(await oidc.begin()));
    return (await oidc.end({ state, error, error_description: '<script>' })).errors;
  };
  assert.deepEqual(await told('access_denied'), ['OpenBao login failed. access_denied']);
  assert.deepEqual(await told('<b>hello</b>'), ['OpenBao login failed. The issuer answered with an error of its own.']);
  const { state = '' } = await oidc.visit(addressOf(await oidc.begin()));
  assert.deepEqual((await oidc.end({ state })).errors, ['OpenBao login failed. No code or id_token received.']);
});

test('a browser is sent back to allowed places alone', async () => {
  await using oidc = await withMockServer({
    allowed_redirect_uris: ['http://localhost:1/oidc/callback', 'https://a.example/cb?x=1'],
  });
  const sentTo = async (redirect_uri: string): Promise<string> => addressOf(await oidc.begin({ redirect_uri }));
  for (const good of [
    'http://localhost:9999/oidc/callback',
    'https://a.example/cb?x=1',
    'https://a.example/cb?x=1&namespace=n',
  ]) {
    assert.notEqual(await sentTo(good), '', good);
  }
  for (const bad of [
    ...['http://localhost:1/other', 'http://127.0.0.1:1/oidc/callback', 'http://localhost.evil.example/oidc/callback'],
    ...[
      'https://a.example/cb',
      'https://a.example/cb?x=1#',
      'https://a.example.evil/cb?x=1',
      'http://a.example/cb?x=1',
    ],
    ...['https://localhost:1/oidc/callback', 'http://u@localhost:1/oidc/callback', 'javascript:alert(1)', 'x'],
  ]) {
    assert.equal(await sentTo(bad), '', bad);
  }
  assert.deepEqual((await oidc.begin({ redirect_uri: '' })).errors, ['missing redirect_uri']);
  assert.deepEqual((await oidc.begin({ role: 'none' })).errors, ['role "none" could not be found']);
  const url = new URL(await sentTo('http://localhost:1/oidc/callback?namespace=team/a'));
  assert.match(url.searchParams.get('state') ?? '', /^\w+,ns=team\/a$/);
  const back = await oidc.visit(url.href);
  assert.equal((await oidc.end(back)).status, 200, 'the state carries the namespace and finds the login');
});

test('in the mode direct the browser comes to us, a person confirms, and the program polls', async () => {
  await using oidc = await withMockServer({
    callback_mode: 'direct',
    poll_interval: 1,
    claim_mappings: { sub: 'who' },
  });
  assert.deepEqual((await oidc.begin({ client_nonce: '' })).errors, ['missing client_nonce']);
  const begun = await oidc.begin();
  const { state, poll_interval: interval } = begunOf(begun);
  assert.equal(interval, '1');
  assert.deepEqual((await oidc.poll({ state })).errors, ['authorization_pending']);
  const back = await oidc.visit(addressOf(begun));
  const asked = await oidc.end({ ...back, code: `"><script>` });
  const page = String(asked.reply?.raw?.body);
  assert.match(page, /Is this your login\?/);
  assert.match(page, /<b>127\.0\.0\.1<\/b>/);
  assert.ok(!page.includes('<script>'));
  assert.deepEqual((await oidc.poll({ state })).errors, ['authorization_pending']);
  const done = await oidc.end({ ...back, confirmation: 'yes' });
  assert.equal(done.status, 200);
  assert.match(String(done.reply?.raw?.body), /Logged in/);
  assert.equal(done.auth, null, 'the browser gets no token');
  assert.match(errorOf(await oidc.end({ ...back, confirmation: 'yes' })), /Expired or missing/);
  const { auth } = await oidc.poll({ state });
  assert.deepEqual(auth?.['metadata'], { role: 'r', who: 'johndoe' });
  assert.match(errorOf(await oidc.poll({ state })), /Expired or missing/);
  const other = await oidc.begin();
  const { state: second } = begunOf(other);
  assert.deepEqual((await oidc.poll({ state: second, client_nonce: 'guess' })).errors, ['invalid client_nonce']);
});

test('a failed direct login shows a page, and ends the polling', async () => {
  await using oidc = await withMockServer({
    callback_mode: 'direct',
    oidc_disable_confirmation: true,
    bound_subject: 'ann',
  });
  const begun = await oidc.begin();
  const ended = await oidc.end(await oidc.visit(addressOf(begun)));
  assert.equal(ended.status, 400);
  assert.match(String(ended.reply?.raw?.body), /the token is not accepted/);
  assert.match(errorOf(await oidc.poll({ state: begun.reply?.data?.['state'] })), /Expired or missing/);
});

test('a form that the issuer posts is kept for who began the login', async () => {
  await using oidc = await withMockServer({}, { oidc_response_mode: 'form_post' });
  const url = new URL(addressOf(await oidc.begin()));
  assert.equal(url.searchParams.get('response_mode'), 'form_post');
  const back = await oidc.visit(url.href);
  const post = () => ask(oidc.node, 'POST', 'auth/jwt/oidc/callback', { body: back });
  assert.equal((await post()).status, 200);
  assert.equal((await post()).status, 400, 'once');
  assert.equal((await oidc.end({ state: back['state'] ?? '', code: 'no_code' })).status, 200);
});

test('an error that the issuer posts is told in the browser, and to who began the login', async () => {
  await using oidc = await withMockServer({}, { oidc_response_mode: 'form_post' });
  const posted = async (body: Body) => {
    const { state = '' } = await oidc.visit(addressOf(await oidc.begin()));
    const post = await ask(oidc.node, 'POST', 'auth/jwt/oidc/callback', { body: { state, ...body } });
    return { page: String(post.reply?.raw?.body), told: (await oidc.end({ state, code: 'no_code' })).errors };
  };
  const denied = await posted({ error: 'access_denied', error_description: '<script>' });
  assert.match(denied.page, /Login failed.*access_denied/);
  assert.deepEqual(denied.told, ['OpenBao login failed. access_denied']);
  const own = await posted({ error: '<b>hello</b>', code: 'c' });
  assert.ok(!own.page.includes('<b>'));
  assert.deepEqual(own.told, ['OpenBao login failed. The issuer answered with an error of its own.']);
});

test('what is kept of a login that anybody begins is bounded', async () => {
  await using oidc = await withMockServer({}, { oidc_response_mode: 'form_post' });
  const refused = [{ client_nonce: 'n'.repeat(1_025) }, { redirect_uri: `${REDIRECT}${'\t'.repeat(2_048)}` }];
  for (const body of refused) {
    const begun = await oidc.begin(body);
    assert.equal(begun.status, 400, Object.keys(body).join());
    assert.match(errorOf(begun), /is longer than/);
  }
  const { state } = await oidc.visit(addressOf(await oidc.begin({ client_nonce: 'n'.repeat(1_024) })));
  const post = (body: Body) => ask(oidc.node, 'POST', 'auth/jwt/oidc/callback', { body: { state, ...body } });
  assert.match(errorOf(await post({ code: 'c'.repeat(4_097) })), /code is longer than 4096/);
  assert.match(errorOf(await post({ id_token: 'c'.repeat(65_537) })), /id_token is longer than 65536/);
  assert.equal((await post({ code: 'c' })).status, 200, 'the login goes on');
});

test('a jwt role is none for browsers, and without a client there are no such logins', async () => {
  await using oidc = await withMockServer({ role_type: 'jwt', bound_audiences: 'me' });
  assert.match(errorOf(await oidc.begin()), /jwt role_type/);
  const key = await signingKey();
  await oidc.at('POST', 'config', { jwt_validation_pubkeys: [key.pem] });
  assert.deepEqual((await oidc.begin()).errors, ['OIDC login is not configured for this mount']);
});

test('on another device: a code to type in, polls, and a login', async () => {
  await using server = await issuerServer();
  const key = await signingKey('RS256', 'one');
  const forms: AskedFor[] = [];
  let answer: object = { error: 'authorization_pending' };
  const down = new Set(['/keys']);
  server.answer((path, response, asked) => {
    if (down.has(path)) response.writeHead(503).end('busy');
    else if (path === '/keys') response.end(documentOfKeys(key));
    else if (path === '/.well-known/openid-configuration') {
      const { url } = server;
      const endpoints = {
        jwks_uri: `${url}/keys`,
        token_endpoint: `${url}/token`,
        device_authorization_endpoint: `${url}/device`,
      };
      response.end(
        JSON.stringify({ issuer: url, ...endpoints, token_endpoint_auth_methods_supported: ['client_secret_post'] }),
      );
    } else if (path === '/device') {
      forms.push(asked);
      response.end(
        JSON.stringify({ device_code: 'dc', user_code: 'ABCD', verification_uri: 'https://issuer/d', interval: 7 }),
      );
    } else {
      forms.push(asked);
      response.writeHead('error' in answer ? 400 : 200).end(JSON.stringify(answer));
    }
  });
  await using method = await enabledMethod({ type: 'oidc' });
  const config = {
    oidc_discovery_url: server.url,
    oidc_discovery_ca_pem: server.ca,
    oidc_client_id: 'me',
    oidc_client_secret: 's',
  };
  assert.equal((await method.at('POST', 'config', config)).status, 204);
  const role = {
    user_claim: 'sub',
    allowed_redirect_uris: 'http://localhost',
    callback_mode: 'device',
    oidc_scopes: 'email',
  };
  assert.equal((await method.at('POST', 'role/r', role)).status, 204);
  const begin = () => ask(method.node, 'POST', 'auth/jwt/oidc/auth_url', { body: { role: 'r', client_nonce: 'n' } });
  const { reply } = await begin();
  const { state } = reply?.data as { state: string };
  assert.deepEqual(reply?.data, { auth_url: 'https://issuer/d', user_code: 'ABCD', state, poll_interval: '7' });
  assert.deepEqual(Object.fromEntries(forms[0]?.form ?? []), {
    scope: 'openid email',
    client_id: 'me',
    client_secret: 's',
  });
  const poll = (asked: object = {}) =>
    ask(method.node, 'POST', 'auth/jwt/oidc/poll', { body: { state, client_nonce: 'n', ...asked } });
  assert.deepEqual((await poll()).errors, ['authorization_pending']);
  answer = { error: 'slow_down' };
  assert.deepEqual((await poll()).errors, ['slow_down']);
  answer = { error: 'authorization_pending' };
  down.add('/token');
  const unreached = await poll();
  assert.deepEqual([unreached.status, unreached.errors], [400, ['slow_down']]);
  assert.match(String(unreached.refusal), /answers 503/);
  down.delete('/token');
  assert.deepEqual((await poll()).errors, ['authorization_pending'], 'the login goes on');
  assert.match(
    (await ask(method.node, 'GET', 'auth/jwt/oidc/callback', { query: { state, code: 'x' } })).errors?.[0] ?? '',
    /Expired/,
  );
  const claims = { iss: server.url, aud: 'me', sub: 'ann', iat: method.now(), exp: method.now() + 60 };
  answer = { id_token: await signed(key, claims), access_token: 'a', token_type: 'Bearer' };
  assert.deepEqual((await poll()).errors, ['slow_down'], 'the keys that it is signed by cannot be had');
  // A device code gives tokens once; and keys that could not be had are asked for anew by another configuration at once.
  answer = { error: 'invalid_grant' };
  down.delete('/keys');
  assert.equal((await method.at('POST', 'config', { ...config, default_role: 'r' })).status, 204);
  const { auth, errors } = await poll();
  assert.deepEqual(auth?.['metadata'], { role: 'r' }, JSON.stringify(errors));
  assert.match((await poll()).errors?.[0] ?? '', /Expired or missing/);
  answer = { error: 'expired_token' };
  const second = (await begin()).reply?.data?.['state'];
  assert.deepEqual((await poll({ state: second })).errors, [
    'OpenBao login failed. The issuer gives no tokens: expired_token.',
  ]);
});
