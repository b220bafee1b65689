/** A standard client of OpenID Connect, unmodified, logs people in by the provider of a running server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oidc from 'openid-client';
import { devServer } from './support/server.ts';

const REDIRECT = 'http://127.0.0.1:9999/callback';

async function world() {
  const server = await devServer();
  const ask = async (method: string, path: string, body?: object, token = 'root'): Promise<Record<string, never>> => {
    const response = await fetch(`${server.address}/v1/${path}`, {
      ...{ method, headers: { 'X-Vault-Token': token } },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${String(response.status)} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Record<string, never>;
  };
  await ask('POST', 'sys/auth/userpass', { type: 'userpass' });
  const policy = 'path "identity/oidc/provider/+/authorize" { capabilities = ["read", "update"] }';
  await ask('POST', 'sys/policies/acl/login', { policy });
  await ask('POST', 'auth/userpass/users/ann', { password: 'p', token_policies: 'login' });
  const { auth } = await ask('POST', 'auth/userpass/login/ann', { password: 'p' });
  const { client_token: token, entity_id: entity } = auth as unknown as { client_token: string; entity_id: string };
  await ask('POST', `identity/entity/id/${entity}`, { metadata: { mail: 'ann@example.org' } });
  await ask('POST', 'identity/oidc/scope/mail', { template: '{"email": {{identity.entity.metadata.mail}}}' });
  await ask('POST', 'identity/oidc/provider/default', { issuer: server.address, scopes_supported: ['mail'] });
  return {
    ...{ ask, token, entity },
    issuer: `${server.address}/v1/identity/oidc/provider/default`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type World = Awaited<ReturnType<typeof world>>;

interface ClientKind {
  readonly name: string;
  readonly algorithm: string;
  readonly auth: (secret: string) => oidc.ClientAuth;
  readonly type?: 'public';
}

/** Registers a client, and lets the library find out about the provider. */
async function configured({ ask, issuer }: World, { name, algorithm, auth, type }: ClientKind) {
  await ask('POST', `identity/oidc/key/${name}`, { algorithm, allowed_client_ids: '*' });
  await ask('POST', `identity/oidc/client/${name}`, {
    ...{ key: name, redirect_uris: [REDIRECT], assignments: ['allow_all'] },
    ...(type === undefined ? { client_credentials: true } : { client_type: type }),
  });
  const { data } = await ask('GET', `identity/oidc/client/${name}`);
  const { client_id: id, client_secret: secret = '' } = data as unknown as {
    client_id: string;
    client_secret?: string;
  };
  const metadata = { id_token_signed_response_alg: algorithm };
  const config = await oidc.discovery(new URL(issuer), id, metadata, auth(secret), {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  });
  return { config, id };
}

/** As a person's browser: the provider is asked with the person's token, and its answer goes back to the client. */
async function visited(url: URL, { token }: World): Promise<URL> {
  const response = await fetch(url, { headers: { 'X-Vault-Token': token } });
  const answer = (await response.json()) as Readonly<Record<string, string>>;
  const back = new URL(REDIRECT);
  for (const [name, value] of Object.entries(answer)) back.searchParams.set(name, value);
  return back;
}

async function login(all: World, config: oidc.Configuration, more: Readonly<Record<string, string>> = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    ...{ redirect_uri: REDIRECT, scope: 'openid mail', state: expectedState, nonce: expectedNonce },
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...more,
  });
  const back = await visited(url, all);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return { back, checks, tokens: () => oidc.authorizationCodeGrant(config, back, checks) };
}

const kinds: readonly ClientKind[] = [
  { name: 'basic', algorithm: 'RS256', auth: (secret) => oidc.ClientSecretBasic(secret) },
  { name: 'post', algorithm: 'ES384', auth: (secret) => oidc.ClientSecretPost(secret) },
  { name: 'none', algorithm: 'EdDSA', auth: () => oidc.None(), type: 'public' },
];

for (const kind of kinds) {
  test(`a client that proves itself by "${kind.name}" logs people in, with ${kind.algorithm}`, async () => {
    await using all = await world();
    const { config, id } = await configured(all, kind);
    const { tokens } = await login(all, config, { max_age: '600' });
    const got = await tokens();
    const claims = got.claims();
    assert.equal(claims?.sub, all.entity);
    assert.equal(claims?.aud, id);
    assert.equal(claims?.['email'], 'ann@example.org');
    assert.equal(got.expires_in, 86_400);
    const info = await oidc.fetchUserInfo(config, got.access_token, all.entity);
    assert.deepEqual(info, { sub: all.entity, email: 'ann@example.org' });
  });
}

test('a code that is used a second time is refused in words that the library reads', async () => {
  await using all = await world();
  const [kind] = kinds;
  assert.ok(kind !== undefined);
  const { config } = await configured(all, kind);
  const { tokens } = await login(all, config);
  await tokens();
  await assert.rejects(tokens(), (error) => error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant');
  const { back, checks } = await login(all, config);
  const wrong = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
  await assert.rejects(
    oidc.authorizationCodeGrant(config, back, wrong),
    (error) => error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant',
  );
  await assert.rejects(oidc.fetchUserInfo(config, 'nothing', all.entity), /WWW-Authenticate|401|invalid_token/);
});

test('who may not log in is sent back with an error that the library reads', async () => {
  await using all = await world();
  const [kind] = kinds;
  assert.ok(kind !== undefined);
  const { config } = await configured(all, kind);
  await all.ask('POST', 'identity/oidc/client/basic', { assignments: [] });
  const { tokens } = await login(all, config);
  await assert.rejects(
    tokens(),
    (error) => error instanceof oidc.AuthorizationResponseError && error.error === 'access_denied',
  );
});

test('a client gets a token for itself', async () => {
  await using all = await world();
  const [kind] = kinds;
  assert.ok(kind !== undefined);
  const { config, id } = await configured(all, kind);
  const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: 'openid' });
  const said = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string };
  assert.equal(said.sub, id);
  const { config: other } = await configured(all, { ...kind, name: 'wrong', auth: () => oidc.ClientSecretBasic('x') });
  await assert.rejects(
    oidc.clientCredentialsGrant(other, { scope: 'openid' }),
    (error) =>
      (error instanceof oidc.WWWAuthenticateChallengeError && error.status === 401) ||
      (error instanceof oidc.ResponseBodyError && error.error === 'invalid_client'),
  );
});
