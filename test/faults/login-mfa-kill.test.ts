/** A node is killed right after it has answered to a code: what it knew of codes, right and wrong ones, it still knows. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { authenticator } from '../support/mfa.ts';
import { Connection } from '../support/connection.ts';
import { ServerProcess } from '../support/server-process.ts';
import { threadedServer } from '../support/threaded-server.ts';

interface Reply {
  readonly data: Readonly<Record<string, string>>;
  readonly auth: { readonly client_token: string; readonly entity_id: string } | null;
}

test('a code that counted counts no more, and guesses stay counted, after the node was killed', async (t) => {
  const { server: first, folder, key, token } = await threadedServer(t);
  const root = async (path: string, body: object): Promise<Reply> => {
    const { status, text } = await first.ask('POST', `/v1/${path}`, { token, body });
    assert.ok(status < 300, `${path}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Reply;
  };
  const body = { password: 'right-pass' };
  await root('sys/auth/userpass', { type: 'userpass' });
  const { data } = await root('identity/mfa/method/totp', { issuer: 'x', method_name: 't', period: '12h' });
  const codes = new Map<string, (off?: number) => string>();
  for (const user of ['ann', 'bob']) {
    await root(`auth/userpass/users/${user}`, body);
    const { auth } = await root(`auth/userpass/login/${user}`, body);
    const asked = { method_id: data['method_id'], entity_id: auth?.entity_id };
    const made = await root('identity/mfa/method/totp/admin-generate', asked);
    codes.set(user, authenticator(made.data['url'] ?? '', Date.now));
  }
  const enforced = { mfa_method_ids: [data['method_id']], auth_method_types: ['userpass'] };
  await root('identity/mfa/login-enforcement/e', enforced);
  const login = async (server: ServerProcess, user: string, code: string | undefined): Promise<number> => {
    const headers = { 'X-Vault-MFA': `t:${code ?? ''}` };
    using connection = new Connection(await server.address());
    return (await connection.ask('POST', `auth/userpass/login/${user}`, { body, headers })).status;
  };
  const [ann, bob] = [codes.get('ann')?.(), codes.get('bob')?.()];
  const wrong = [-1, 0, 1].map((off) => codes.get('bob')?.(off)).includes('123456') ? '654321' : '123456';
  // More than its five at once, over all threads.
  const guesses = await Promise.all(Array.from({ length: 100 }, () => login(first, 'bob', wrong)));
  assert.deepEqual([...new Set(guesses)], [403]);
  assert.equal(await login(first, 'ann', ann), 200);
  first.signal('SIGKILL');
  await first.exit;
  await using again = new ServerProcess([`-config=${join(folder, 'server.hcl')}`]);
  await again.ask('PUT', '/v1/sys/unseal', { body: { key } });
  assert.equal(await login(again, 'ann', ann), 403);
  assert.equal(await login(again, 'bob', bob), 403);
  assert.equal(await login(again, 'ann', codes.get('ann')?.(1)), 200);
});
