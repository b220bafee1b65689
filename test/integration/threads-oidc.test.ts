/** The OIDC provider where several threads serve: a code is used once by whichever it reaches, and all publish one set of keys. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadedServer } from '../support/threaded-server.ts';

const dataOf = (text: string) => JSON.parse(text) as Readonly<Record<string, unknown>>;

const REDIRECT = 'https://app.example/cb';

test('a code that reaches all threads at once gives one token, whose key every thread publishes', async (t) => {
  const { server, token: root, connections } = await threadedServer(t);
  const write = async (path: string, body: object) => {
    const { status, json, text } = await server.ask('POST', `/v1/${path}`, { token: root, body });
    assert.ok(status < 300, `${path}: ${text}`);
    return json;
  };
  await write('sys/auth/userpass', { type: 'userpass' });
  await write('sys/policies/acl/login', { policy: 'path "identity/oidc/*" { capabilities = ["read", "update"] }' });
  await write('auth/userpass/users/ann', { password: 'p', token_policies: 'login' });
  const { client_token: token } = (await write('auth/userpass/login/ann', { password: 'p' }))['auth'] as Record<
    string,
    string
  >;
  await write('identity/oidc/key/k', { algorithm: 'ES256', allowed_client_ids: '*' });
  await write('identity/oidc/client/app', { key: 'k', redirect_uris: REDIRECT, assignments: 'allow_all' });
  await write('identity/oidc/role/r', { key: 'k', client_id: 'app' });
  const { json } = await server.ask('GET', '/v1/identity/oidc/client/app', { token: root });
  const { client_id, client_secret } = json['data'] as Record<string, string>;
  const provider = 'identity/oidc/provider/default';
  for (let round = 0; round < 3; round += 1) {
    const query = `client_id=${client_id ?? ''}&scope=openid&response_type=code&redirect_uri=${encodeURIComponent(REDIRECT)}`;
    const asked = await connections[round]?.ask('GET', `${provider}/authorize?${query}`, { token: token ?? '' });
    assert.equal(asked?.status, 200);
    const code = String(dataOf(asked.text)['code']);
    const body = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, client_id, client_secret };
    const answers = await Promise.all(connections.map((each) => each.ask('POST', `${provider}/token`, { body })));
    const given = answers.filter(({ status }) => status === 200);
    assert.equal(given.length, 1);
    const others = answers.filter(({ status }) => status !== 200).map((each) => dataOf(each.text)['error']);
    assert.deepEqual([...new Set(others)], ['invalid_grant']);
    await write('identity/oidc/key/k/rotate', {});
    const sets = await Promise.all(connections.map((each) => each.ask('GET', `${provider}/.well-known/keys`)));
    assert.equal(new Set(sets.map(({ text }) => text)).size, 1);
    const signed = await Promise.all(
      connections.map((each) => each.ask('GET', 'identity/oidc/token/r', { token: token ?? '' })),
    );
    const kids = signed.map((each) => {
      assert.equal(each.status, 200);
      const { token: made } = dataOf(each.text)['data'] as Record<string, string>;
      return (JSON.parse(Buffer.from(made?.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
    });
    assert.equal(new Set(kids).size, 1, 'a key that was rotated signs on no thread any more');
  }
});
