/** What needs no directory; logins against a real one: test/clients/ldap.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';

type Body = Readonly<Record<string, unknown>>;

async function enabled() {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/auth/ldap', { token, body: { type: 'ldap' } });
  const at = (method: string, path: string, body?: Body) =>
    ask(node, method, `auth/ldap/${path}`, { token, ...(body === undefined ? {} : { body }) });
  return { node, token, at, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

test('a configuration has defaults before it is written, and keeps what is not written anew', async () => {
  await using ldap = await enabled();
  const { reply, status } = await ldap.at('GET', 'config');
  assert.equal(status, 200);
  assert.equal(reply?.data?.['url'], 'ldap://127.0.0.1');
  assert.equal(reply.data['deny_null_bind'], true);
  const login = await ask(ldap.node, 'POST', 'auth/ldap/login/ada', { body: { password: 'x' } });
  assert.deepEqual([login.status, login.errors], [400, ['auth method not configured: write its config first']]);
  assert.equal((await ldap.at('POST', 'config', { url: 'LDAPS://Directory', userattr: 'UID' })).status, 204);
  assert.equal((await ldap.at('POST', 'config', { userdn: 'ou=People' })).status, 204);
  const { data } = (await ldap.at('GET', 'config')).reply ?? {};
  assert.deepEqual([data?.['url'], data?.['userattr'], data?.['userdn']], ['ldaps://directory', 'uid', 'ou=People']);
});

test('a configuration that could not work is refused, by the name of its setting', async () => {
  await using ldap = await enabled();
  const refused: readonly (readonly [Body, RegExp])[] = [
    [{ url: 'http://x' }, /url/],
    [{ url: '' }, /url/],
    [{ url: 'ldap://a, ' }, /url/],
    [{ url: 'ldap://cn=x:pw@a' }, /url/],
    [{ url: 'ldap://a/dc=example' }, /url/],
    [{ url: ['ldap://a'] }, /url/],
    [{ userfilter: '({{.Foo}}=x)' }, /userfilter/],
    [{ groupfilter: '(x' }, /groupfilter/],
    [{ userattr: 'uid)(x' }, /userattr/],
    [{ groupattr: '' }, /groupattr/],
    [{ tls_min_version: 'bad' }, /tls_min_version/],
    [{ tls_max_version: 'tls11', tls_min_version: 'tls10' }, /tls_max_version/],
    [{ tls_min_version: 'tls13' }, /tls_max_version/],
    [{ dereference_aliases: 'bad' }, /dereference_aliases/],
    [{ certificate: 'bad' }, /certificate/],
    [{ client_tls_cert: 'x' }, /client_tls_key/],
    [{ client_tls_cert: 'x', client_tls_key: 'canary' }, /client_tls_key/],
    [{ max_page_size: -1 }, /max_page_size/],
    [{ request_timeout: 0 }, /request_timeout/],
    [{ connection_timeout: '1h' }, /connection_timeout/],
    [{ use_token_groups: true }, /use_token_groups/],
    [{ use_pre111_group_cn_behavior: true }, /use_pre111_group_cn_behavior/],
  ];
  for (const [body, names] of refused) {
    const { status, errors } = await ldap.at('POST', 'config', body);
    assert.deepEqual([status, names.test(errors?.[0] ?? '')], [400, true], JSON.stringify([body, errors]));
    assert.ok(!JSON.stringify(errors).includes('canary'));
  }
});

test('what is dangerous is done, and shown with a warning', async () => {
  await using ldap = await enabled();
  const warned: readonly (readonly [Body, RegExp])[] = [
    [{ url: 'ldap://a' }, /in the clear/],
    [{ url: 'ldaps://a', insecure_tls: true }, /insecure_tls/],
    [{ insecure_tls: false, deny_null_bind: false }, /deny_null_bind/],
    [{ deny_null_bind: true, userfilter: '(mail={{.Username}})' }, /colliding entity aliases/],
  ];
  for (const [body, text] of warned) {
    const { status } = await ldap.at('POST', 'config', body);
    assert.equal(status, 'userfilter' in body ? 200 : 204, 'as upstream answers');
    const { reply } = await ldap.at('GET', 'config');
    assert.equal(reply?.warnings?.length, 1);
    assert.match(reply.warnings[0] ?? '', text);
  }
});

test('users and groups are kept under one form of their name', async () => {
  await using ldap = await enabled();
  assert.equal((await ldap.at('POST', 'users/Ada', { policies: 'B,a,a', groups: 'X, y,x' })).status, 204);
  assert.deepEqual((await ldap.at('GET', 'users/ADA')).reply?.data, { groups: 'x,y', policies: ['a', 'b'] });
  assert.equal((await ldap.at('POST', 'users/a/b', {})).status, 204);
  assert.deepEqual((await ldap.at('LIST', 'users')).reply?.data, { keys: ['a/b', 'ada'] });
  assert.equal((await ldap.at('POST', 'groups/IT/Ops', { policies: 'ops' })).status, 204);
  assert.deepEqual((await ldap.at('GET', 'groups/it/ops')).reply?.data, { policies: ['ops'] });
  assert.deepEqual((await ldap.at('LIST', 'groups')).reply?.data, { keys: ['it/ops'] });
  for (const path of ['users/aDA', 'users/a/b', 'groups/it/OPS']) {
    assert.equal((await ldap.at('DELETE', path)).status, 204);
    assert.equal((await ldap.at('GET', path)).status, 404);
  }
  for (const path of ['users/a\0b', `users/${'x'.repeat(600)}`, `groups/${'x'.repeat(600)}`]) {
    assert.equal((await ldap.at('POST', path, { policies: 'p' })).status, 400);
  }
});

test('who-can finds groups and users of which policies are kept', async () => {
  await using ldap = await enabled();
  const { node, token } = ldap;
  const policy = 'path "secret/data/x" { capabilities = ["read"] }';
  await ask(node, 'POST', 'sys/policies/acl/reader', { token, body: { policy } });
  await ldap.at('POST', 'config', { url: 'ldaps://a', token_policies: 'base' });
  await ldap.at('POST', 'groups/readers', { policies: 'reader' });
  await ldap.at('POST', 'groups/others', { policies: 'other' });
  await ldap.at('POST', 'users/ada', { groups: 'readers' });
  await ldap.at('POST', 'users/bob', { policies: 'reader' });
  await ldap.at('POST', 'users/carl', { policies: 'other' });
  const found = await ask(node, 'POST', 'sys/policies/who-can', {
    token,
    body: { path: 'secret/data/x', capabilities: ['read'] },
  });
  const text = JSON.stringify(found.reply?.data);
  for (const name of ['groups/readers', 'users/ada', 'users/bob']) assert.ok(text.includes(name), `${name}: ${text}`);
  for (const name of ['groups/others', 'users/carl']) assert.ok(!text.includes(name), `${name}: ${text}`);
});
