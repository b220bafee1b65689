/** Requests that bring their login along, at a node in this process. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LeaseWorld } from '../../../test/support/lease-world.ts';
import { ask, requestOf, runningNode, type Asking } from '../../../test/support/node.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Outcome } from '../../framework/request.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Node } from '../node.ts';

type Headers = Readonly<Record<string, string>>;

const PARAMETER = 'x-vault-inline-auth-parameter-';
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function headersOf(parameters: JsonObject, path = 'auth/userpass/login/ann', more: Headers = {}): Headers {
  const given = Object.entries(parameters).map(([key, value], at) => [
    `${PARAMETER}${String(at)}`,
    encoded({ key, value }),
  ]);
  return { 'x-vault-inline-auth-path': path, ...(Object.fromEntries(given) as Headers), ...more };
}

const ANN = headersOf({ password: 'right-pass' });

async function inline(node: Node, method: string, path: string, asking: Asking & { headers?: Headers } = {}) {
  const { headers = ANN, ...rest } = asking;
  const outcome: Outcome = await node.handle({ ...requestOf(method, path, rest), headers });
  return outcome;
}

const told = ({ status, errors }: Outcome) => [status, errors?.[0]];

function keysOf(node: Node): readonly string[] {
  using snapshot = node.services.store.snapshot();
  return [...everyKey(snapshot, '')];
}

const POLICY = `path "secret/*" { capabilities = ["create", "read", "update", "list", "delete"] }
path "auth/token/create" { capabilities = ["update"] } path "cubbyhole/*" { capabilities = ["create", "update", "read"] }`;

async function fill(node: Node, root: string, user: JsonObject = {}, namespace = ''): Promise<void> {
  const must = async (path: string, body: JsonObject): Promise<void> => {
    const { status, errors } = await ask(node, 'POST', path, { token: root, body, namespace });
    assert.ok(status < 300, `${path}: ${String(status)} ${String(errors)}`);
  };
  await must('sys/mounts/secret', { type: 'kv' });
  await must('sys/auth/userpass', { type: 'userpass' });
  await must('sys/policies/acl/p', { policy: POLICY });
  await must('auth/userpass/users/ann', { password: 'right-pass', token_policies: 'p', ...user });
  await must('secret/a', { b: 'c' });
}

async function world(user: JsonObject = {}) {
  const made = await runningNode();
  await fill(made.node, made.root, user);
  // The entity is made by the first login of all.
  assert.equal((await inline(made.node, 'GET', 'secret/a')).status, 200);
  return made;
}

test('a request with a login is served, and nothing of a token is stored', async () => {
  const { node } = await world();
  await using _ = node;
  const before = keysOf(node);
  const read = await inline(node, 'GET', 'secret/a');
  assert.deepEqual([read.status, read.reply?.data, read.auth], [200, { b: 'c' }, null]);
  assert.deepEqual(keysOf(node), before);
  assert.equal((await inline(node, 'POST', 'secret/x', { body: { y: 'z' } })).status, 204);
  assert.deepEqual((await inline(node, 'GET', 'secret/x')).reply?.data, { y: 'z' });
  assert.deepEqual((await inline(node, 'LIST', 'secret')).reply?.data?.['keys'], ['a', 'x']);
  assert.equal((await inline(node, 'GET', 'sys/mounts')).status, 403);
  assert.equal((await ask(node, 'GET', 'secret/a')).status, 403);
});

test('it makes the entity that any login makes, and no other', async () => {
  const { node, root } = await world();
  await using _ = node;
  await inline(node, 'GET', 'secret/a');
  const list = await ask(node, 'LIST', 'identity/entity/id', { token: root });
  assert.equal((list.reply?.data?.['keys'] as readonly string[]).length, 1);
});

test('what is wrong with the headers is told by name, and no value of them', async () => {
  const { node, root } = await world();
  await using _ = node;
  const parameter = `${PARAMETER}0`;
  const asked = async (headers: Headers, token?: string) =>
    told(await inline(node, 'GET', 'secret/a', { headers, ...(token === undefined ? {} : { token }) }));
  const bad = async (text: string) => {
    const [status, message] = await asked(headersOf({}, undefined, { [parameter]: text }));
    assert.equal(status, 400, text);
    assert.match(String(message), /^x-vault-inline-auth-parameter-0 is not base64/);
  };
  for (const value of [1, null, [], {}, { key: '', value: 1 }, { key: 'a' }, { key: 1, value: 1 }])
    await bad(encoded(value));
  for (const value of ['', 'a b', '=', `${encoded({ key: 'password', value: 'right-pass' })}=`, '____'])
    await bad(value);
  await bad(encoded({ key: 'password', value: 'x', more: 1 }));
  const text = (json: string): string => Buffer.from(json).toString('base64url');
  await bad(text('{"key":"password","value":"x","value":"right-pass"}'));
  await bad(text(`{"key":"password","value":${'['.repeat(10_000)}${']'.repeat(10_000)}}`));
  const [layered, message] = await asked(ANN, root);
  assert.equal(layered, 400);
  assert.match(String(message), /^cannot layer inline authentication with token authentication/);
  const twice = { [`${PARAMETER}9`]: encoded({ key: 'password', value: 'CANARY' }) };
  assert.deepEqual(await asked({ ...ANN, ...twice }), [400, `${PARAMETER}9 gives a parameter for the second time`]);
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${String(at)}`, 1]));
  assert.deepEqual(await asked(headersOf(many)), [400, 'an inline login has at most 64 parameters']);
  for (const path of ['../x', 'auth//x', 'a,b', 'auth/\u00e9'])
    assert.equal((await asked(headersOf({}, path)))[0], 400, path);
  assert.equal((await asked({ ...ANN, 'x-vault-inline-auth-operation': 'constructor' }))[0], 400);
});

test('a login that fails answers as it would alone; what is no login is refused', async () => {
  const { node, root } = await world();
  await using _ = node;
  const as = async (headers: Headers) => told(await inline(node, 'GET', 'secret/a', { headers }));
  const wrong = headersOf({ password: 'wrong-pass' });
  const alone = await ask(node, 'POST', 'auth/userpass/login/ann', { body: { password: 'wrong-pass' } });
  assert.deepEqual(await as(wrong), told(alone));
  assert.equal((await as({ ...ANN, 'x-vault-inline-auth-operation': 'read' }))[0], 405);
  const paths = [
    'sys/health',
    'sys/mounts',
    'secret/a',
    'auth/token/create',
    'auth/nothing/login',
    'auth/userpass/users/ann',
  ];
  for (const path of paths) assert.equal((await as(headersOf({}, path)))[0], 403, path);
  assert.equal((await ask(node, 'GET', 'auth/userpass/users/ann', { token: root })).status, 200);
});

test('open paths ignore the headers', async () => {
  const { node } = await world();
  await using _ = node;
  const headers = headersOf({ password: 'wrong' }, undefined, { [`${PARAMETER}7`]: '!' });
  assert.equal((await inline(node, 'GET', 'sys/seal-status', { headers })).status, 200);
  const login = await inline(node, 'POST', 'auth/userpass/login/ann', { headers, body: { password: 'right-pass' } });
  assert.match(String(login.auth?.['client_token']), /^hvs\./);
});

test('what would need a token that lasts is refused', async () => {
  const { node } = await world();
  await using _ = node;
  const post = async (path: string, body: JsonObject = {}) => (await inline(node, 'POST', path, { body })).status;
  const before = keysOf(node);
  assert.equal((await inline(node, 'GET', 'auth/token/lookup-self')).status, 403);
  for (const path of ['create', 'renew-self', 'revoke-self']) {
    const status = await post(`auth/token/${path}`);
    assert.ok(status === 400 || status === 403, `${path}: ${String(status)}`);
  }
  assert.equal(await post('cubbyhole/a', { b: 'c' }), 400);
  assert.deepEqual(keysOf(node), before);
});

test('a reply is wrapped, for whoever holds the wrapping token', async () => {
  const { node } = await world();
  await using _ = node;
  const { wrapInfo } = await inline(node, 'GET', 'secret/a', { wrapTtl: 60 });
  const opened = await ask(node, 'POST', 'sys/wrapping/unwrap', { token: String(wrapInfo?.['token']) });
  const body = JSON.parse(String(opened.reply?.raw?.body)) as { readonly data: unknown };
  assert.deepEqual(body.data, { b: 'c' });
});

test('a batch token of a login can be looked up by its request, and makes nothing else', async () => {
  const { node } = await world({ token_type: 'batch' });
  await using _ = node;
  const before = keysOf(node);
  const { status, reply } = await inline(node, 'GET', 'auth/token/lookup-self');
  assert.deepEqual([status, reply?.data?.['type']], [200, 'batch']);
  assert.equal((await inline(node, 'POST', 'auth/token/create', { body: {} })).status, 400);
  assert.deepEqual(keysOf(node), before);
});

test('a role with a number of uses is refused; bound addresses hold', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  await fill(node, root, { token_num_uses: 3 });
  assert.equal((await inline(node, 'GET', 'secret/a')).status, 400);
  const body = { token_num_uses: 0, token_bound_cidrs: '192.0.2.0/24', token_policies: 'p' };
  await ask(node, 'POST', 'auth/userpass/users/ann', { token: root, body });
  assert.notEqual((await inline(node, 'GET', 'secret/a')).status, 200);
  assert.equal((await inline(node, 'GET', 'secret/a', { address: '192.0.2.7' })).status, 200);
});

test('namespaces: the login is asked where its header or the request says, and rights end there', async () => {
  const { node, root } = await world();
  await using _ = node;
  await ask(node, 'POST', 'sys/namespaces/n', { token: root, body: {} });
  await fill(node, root, { password: 'other-pass' }, 'n');
  const here = headersOf({ password: 'other-pass' });
  const inN = { ...here, 'x-vault-inline-auth-namespace': 'n' };
  const read = async (headers: Headers, namespace: string) =>
    (await inline(node, 'GET', 'secret/a', { headers, namespace })).status;
  assert.equal(await read(inN, 'n'), 200);
  assert.equal(await read(inN, ''), 403);
  assert.notEqual(await read(ANN, 'n'), 200);
  assert.equal(await read({ ...ANN, 'x-vault-inline-auth-namespace': 'nowhere' }, ''), 403);
});

test('rate limits and the lockout count the login; a count of leases does not', async () => {
  const { node, root } = await world();
  await using _ = node;
  const write = async (path: string, body: JsonObject) => {
    assert.equal((await ask(node, 'POST', path, { token: root, body })).status, 204);
  };
  await write('sys/quotas/lease-count/one', { path: 'auth/userpass', max_leases: 1 });
  for (let at = 0; at < 3; at++) assert.equal((await inline(node, 'GET', 'secret/a')).status, 200);
  const wrong = headersOf({ password: 'wrong-pass' });
  for (let at = 0; at < 5; at++) assert.equal((await inline(node, 'GET', 'secret/a', { headers: wrong })).status, 400);
  assert.equal((await inline(node, 'GET', 'secret/a')).status, 403);
  const locked = await ask(node, 'POST', 'auth/userpass/login/ann', { body: { password: 'right-pass' } });
  assert.equal(locked.status, 403);
  await write('sys/quotas/rate-limit/slow', { path: 'auth/userpass', rate: 1, interval: '1h' });
  assert.equal((await inline(node, 'GET', 'secret/a')).status, 403);
  const over = await inline(node, 'GET', 'secret/a');
  assert.equal(over.status, 429);
});

test('no leased secret is made for a login that leaves no token', async (t) => {
  const leases = await LeaseWorld.open(t);
  const { node } = leases;
  await leases.must('POST', 'sys/auth/userpass', { body: { type: 'userpass' } });
  await leases.must('POST', 'sys/policies/acl/p', { body: { policy: 'path "db/*" { capabilities = ["read"] }' } });
  await leases.must('POST', 'auth/userpass/users/ann', { body: { password: 'right-pass', token_policies: 'p' } });
  for (const type of ['service', 'batch']) {
    await leases.must('POST', 'auth/userpass/users/ann', { body: { token_type: type, token_policies: 'p' } });
    const { status, errors } = await inline(node, 'GET', 'db/creds/app');
    assert.equal(status, 400);
    assert.match(String(errors), /a leased secret hangs on a token, and an inline login leaves none/);
  }
  assert.deepEqual([leases.users(), leases.leases()], [[], []]);
});

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-inline-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test('the audit tells of the login and of the request, each with the id of the other, and of no secret', async (t) => {
  const file = join(folderOf(t), 'audit.log');
  const { node, root } = await world();
  await using _ = node;
  const header = { token: root, body: { hmac: false } };
  await ask(node, 'POST', `sys/config/auditing/request-headers/${PARAMETER}0`, header);
  const body = { type: 'file', options: { file_path: file } };
  assert.equal((await ask(node, 'POST', 'sys/audit/f', { token: root, body })).status, 204);
  await inline(node, 'GET', 'secret/a');
  const wrong = headersOf({ password: 'WRONG-CANARY' });
  await inline(node, 'GET', 'secret/a', { headers: wrong });
  await inline(node, 'GET', 'sys/seal-status', { headers: wrong });
  await inline(node, 'POST', 'auth/userpass/login/ann', { headers: wrong, body: { password: 'right-pass' } });
  const text = readFileSync(file, 'utf8');
  for (const secret of ['right-pass', 'WRONG-CANARY', encoded({ key: 'password', value: 'WRONG-CANARY' })]) {
    assert.ok(!text.includes(secret), secret);
  }
  type Entry = { type: string; error?: string; request: Record<string, unknown>; auth: Record<string, unknown> };
  const entries = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry)
    .filter(({ request }) => request['inline_auth_request'] !== undefined);
  assert.deepEqual(
    entries.map(({ type, request }) => [type, request['path']]),
    [...[1, 2]].flatMap(() =>
      ['auth/userpass/login/ann', 'secret/a'].flatMap((path) => ['request', 'response'].map((type) => [type, path])),
    ),
  );
  for (const at of [0, 4]) {
    const [login, request] = [entries[at]?.request, entries[at + 2]?.request];
    assert.equal(login?.['inline_auth_request'], request?.['id']);
    assert.equal(request?.['inline_auth_request'], login?.['id']);
    assert.match(String((login?.['data'] as JsonObject)['password']), /^hmac-sha256:/);
  }
  assert.equal(entries[2]?.auth['display_name'], 'userpass-ann');
  assert.notEqual(entries[7]?.error, undefined);
});
