/** Second factors where several threads serve: one of them owns the codes, whichever connection they come by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticator } from '../support/mfa.ts';
import { threadedServer } from '../support/threaded-server.ts';

interface Reply {
  readonly data: Record<string, string>;
  readonly auth: {
    readonly client_token: string;
    readonly entity_id: string;
    readonly mfa_requirement: { readonly mfa_request_id: string } | null;
  } | null;
}

test('a code and a login count once over all threads, and wrong codes are counted over all', async (t) => {
  const { server, connections, token } = await threadedServer(t);
  const root = async (path: string, body: object): Promise<Reply> => {
    const { status, text } = await server.ask('POST', `/v1/${path}`, { token, body });
    assert.ok(status < 300, `${path}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Reply;
  };
  await root('sys/auth/userpass', { type: 'userpass' });
  await root('auth/userpass/users/ann', { password: 'right-pass' });
  const body = { password: 'right-pass' };
  const path = 'auth/userpass/login/ann';
  const entity = (await root('auth/userpass/login/ann', body)).auth?.entity_id;
  // Codes that last: the test may be slow.
  const { data } = await root('identity/mfa/method/totp', { issuer: 'x', method_name: 't', period: '12h' });
  const method = data['method_id'];
  await root('identity/mfa/login-enforcement/e', { mfa_method_ids: [method], auth_method_types: ['userpass'] });
  const made = await root('identity/mfa/method/totp/admin-generate', { method_id: method, entity_id: entity });
  const code = authenticator(made.data['url'] ?? '', Date.now);
  const asked = await Promise.all(
    connections.map(async (connection) => {
      const { status, text } = await connection.ask('POST', path, { body });
      assert.equal(status, 200, text);
      const { auth } = JSON.parse(text) as Reply;
      assert.equal(auth?.client_token, '');
      return auth.mfa_requirement?.mfa_request_id ?? '';
    }),
  );
  // What is read of it is read on every thread.
  for (const connection of connections) {
    const { status } = await connection.ask('GET', `identity/mfa/method/totp/${method ?? ''}`, { token });
    assert.equal(status, 200);
  }
  const last = asked.at(-1) ?? '';
  const validating = connections.map((connection, at) =>
    connection.ask('POST', 'sys/mfa/validate', {
      // One login by one code on every connection.
      body: { mfa_request_id: at % 2 === 0 ? last : asked[at], mfa_payload: { t: [code()] } },
    }),
  );
  const tokens = (await Promise.all(validating)).filter(({ status }) => status === 200);
  assert.equal(tokens.length, 1);
  const inHeader = await Promise.all(
    connections.map((connection) => connection.ask('POST', path, { body, headers: { 'X-Vault-MFA': `t:${code()}` } })),
  );
  assert.deepEqual([...new Set(inHeader.map(({ status }) => status))], [403]);
  const wrong = [-1, 0, 1].map((off) => code(off)).includes('123456') ? '654321' : '123456';
  const anew = await root('auth/userpass/login/ann', body);
  const waiting = anew.auth?.mfa_requirement?.mfa_request_id;
  const guessed = await Promise.all(
    connections.map((connection) =>
      connection.ask('POST', 'sys/mfa/validate', {
        body: { mfa_request_id: waiting, mfa_payload: { t: [wrong] } },
      }),
    ),
  );
  assert.equal(guessed.filter(({ text }) => text.includes('incorrect')).length, 5);
  const [first] = connections;
  const right = await first?.ask('POST', path, { body, headers: { 'X-Vault-MFA': `t:${code(1)}` } });
  assert.equal(right?.status, 403);
});
