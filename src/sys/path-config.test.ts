import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, requestOf, runningNode } from '../../test/support/node.ts';
import { serve } from '../server/http.ts';
import { silent } from '../lib/log.ts';

async function served() {
  const { node, root: token } = await runningNode();
  const serving = await serve({
    handler: node,
    listeners: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    log: silent,
  });
  const [address = ''] = serving.addresses;
  const send = (method: string, headers: Record<string, string>) =>
    fetch(`${address}/v1/sys/mounts`, { method, headers: { 'X-Vault-Token': token, ...headers } });
  const set = (body: object) => ask(node, 'POST', 'sys/config/cors', { token, body: { ...body } });
  return { node, token, send, set, close: serving.close };
}

test('a page of an allowed origin may ask, and a preflight says so', async (t) => {
  const { send, set, close, node, token } = await served();
  t.after(close);
  const page = { Origin: 'https://ui.example' };
  const preflight = { ...page, 'Access-Control-Request-Method': 'GET' };
  assert.equal((await send('GET', page)).headers.get('access-control-allow-origin'), null);
  const body = { allowed_origins: 'https://ui.example,http://b:81', allowed_headers: 'X-Own', allow_credentials: true };
  assert.equal((await set(body)).status, 204);

  const asked = await send('OPTIONS', preflight);
  assert.equal(asked.status, 200);
  assert.equal(asked.headers.get('access-control-allow-origin'), 'https://ui.example');
  assert.equal(asked.headers.get('vary'), 'Origin');
  assert.match(asked.headers.get('access-control-allow-headers') ?? '', /X-Vault-Token.*,X-Own$/);
  assert.match(asked.headers.get('access-control-allow-methods') ?? '', /LIST/);
  assert.equal(asked.headers.get('access-control-allow-credentials'), 'true');

  const answered = await send('GET', page);
  assert.equal(answered.status, 200);
  assert.equal(answered.headers.get('access-control-allow-origin'), 'https://ui.example');
  // A refusal can be read by the page too.
  assert.equal(
    (await send('GET', { ...page, 'X-Vault-Token': 'none' })).headers.has('access-control-allow-origin'),
    true,
  );
  // Without a page nothing is different.
  assert.equal((await send('GET', {})).headers.get('vary'), null);
  assert.equal((await send('OPTIONS', {})).status, 405);
  assert.equal((await send('OPTIONS', { ...preflight, 'Access-Control-Request-Method': 'STEAL' })).status, 405);

  const { reply } = await ask(node, 'GET', 'sys/config/cors', { token });
  assert.deepEqual(reply?.data?.['allowed_origins'], ['https://ui.example', 'http://b:81']);
  assert.equal((await ask(node, 'DELETE', 'sys/config/cors', { token })).status, 204);
  assert.equal((await send('OPTIONS', preflight)).status, 405);
  assert.deepEqual((await ask(node, 'GET', 'sys/config/cors', { token })).reply?.data, { enabled: false });
});

test('a page of another origin is refused before its request is served', async (t) => {
  const { send, set, close } = await served();
  t.after(close);
  await set({ allowed_origins: ['https://ui.example'] });
  for (const origin of ['https://ui.example.evil', 'https://ui.exampl', 'http://ui.example', 'null', '*']) {
    const refused = await send('GET', { Origin: origin });
    assert.equal(refused.status, 403, origin);
    assert.equal(refused.headers.get('access-control-allow-origin'), null);
    assert.equal((await send('OPTIONS', { Origin: origin, 'Access-Control-Request-Method': 'GET' })).status, 403);
  }
});

test('origins that mean more than they say are refused', async () => {
  const { set, node, token, close } = await served();
  await close();
  const wrong = [
    {},
    { allowed_origins: '*,https://a.example' },
    { allowed_origins: '*', allow_credentials: true },
    { allowed_origins: 'https://a.example/path' },
    { allowed_origins: 'a.example' },
    { allowed_origins: 'null' },
    { allowed_origins: 'https://a.example', allowed_headers: 'X-A\r\nSet-Cookie' },
  ];
  for (const body of wrong) assert.equal((await set(body)).status, 400, JSON.stringify(body));
  assert.deepEqual((await ask(node, 'GET', 'sys/config/cors', { token })).reply?.data, { enabled: false });
  assert.equal((await set({ allowed_origins: '*' })).status, 204);
  await node.seal();
  assert.equal(node.cors, undefined);
});

test('chosen request headers stand in the audit log, hashed where that was asked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-headers-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'audit.log');
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/audit/file', { token, body: { type: 'file', options: { file_path: file } } });
  const path = 'sys/config/auditing/request-headers';
  assert.equal((await ask(node, 'POST', `${path}/X-Seen`, { token })).status, 204);
  assert.equal((await ask(node, 'POST', `${path}/X-Hidden`, { token, body: { hmac: true } })).status, 204);
  const send = async () => {
    const request = requestOf('GET', 'sys/mounts', { token });
    await node.handle({ ...request, headers: { 'x-seen': 'plain', 'x-hidden': 'canary-1', 'x-other': 'canary-2' } });
    const last = readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? '';
    return { last, headers: (JSON.parse(last) as { request: { headers?: object } }).request.headers };
  };
  const { last, headers } = await send();
  assert.deepEqual(Object.keys(headers ?? {}).sort(), ['x-hidden', 'x-seen']);
  assert.match(last, /"x-seen":\["plain"\]/);
  assert.match(last, /"x-hidden":\["hmac-sha256:[0-9a-f]{64}"\]/);
  assert.doesNotMatch(last, /canary/);

  const all = await ask(node, 'GET', path, { token });
  assert.deepEqual(all.reply?.data?.['headers'], { 'x-seen': { hmac: false }, 'x-hidden': { hmac: true } });
  assert.deepEqual((await ask(node, 'GET', `${path}/x-SEEN`, { token })).reply?.data, { 'x-SEEN': { hmac: false } });
  assert.equal((await ask(node, 'GET', `${path}/none`, { token })).status, 400);
  assert.equal((await ask(node, 'POST', `${path}/X-Vault-Token`, { token })).status, 400);
  assert.equal((await ask(node, 'POST', `${path}/a b`, { token })).status, 400);
  await ask(node, 'DELETE', `${path}/x-seen`, { token });
  await ask(node, 'DELETE', `${path}/X-HIDDEN`, { token });
  assert.equal((await send()).headers, undefined);
});

test('headers of pages are kept, listed and removed; what would break a reply is refused', async () => {
  const { node, root: token } = await runningNode();
  const path = 'sys/config/ui/headers';
  assert.equal((await ask(node, 'LIST', path, { token })).status, 404);
  assert.equal((await ask(node, 'PUT', `${path}/X-Own`, { token, body: { values: ['a', 'b'] } })).status, 200);
  assert.deepEqual((await ask(node, 'LIST', path, { token })).reply?.data, { keys: ['X-Own'] });
  assert.deepEqual((await ask(node, 'GET', `${path}/x-own`, { token })).reply?.data, { value: 'a' });
  assert.equal((await ask(node, 'PUT', `${path}/x-oWN`, { token, body: { values: 'a,b' } })).status, 200);
  assert.deepEqual((await ask(node, 'LIST', path, { token })).reply?.data, { keys: ['X-Own'] }, 'one header');
  assert.deepEqual((await ask(node, 'GET', `${path}/x-own`, { token })).reply?.data, { value: 'a,b' });
  await ask(node, 'PUT', `${path}/X-Own`, { token, body: { values: ['a', 'b'] } });
  const all = await ask(node, 'GET', `${path}/X-Own`, { token, query: { multivalue: 'true' } });
  assert.deepEqual(all.reply?.data, { values: ['a', 'b'] });
  for (const [name, values] of [
    ['X-Vault-Own', ['a']],
    ['X-Own', []],
    ['X-Own', ['a\r\nSet-Cookie: b']],
    ['X Own', ['a']],
  ] as const) {
    assert.equal((await ask(node, 'PUT', `${path}/${name}`, { token, body: { values } })).status, 400, name);
  }
  assert.equal((await ask(node, 'DELETE', `${path}/x-own`, { token })).status, 204);
  assert.equal((await ask(node, 'GET', `${path}/X-Own`, { token })).status, 404);
});

test('what changes the node for all needs sudo', async () => {
  const { node, root: token } = await runningNode();
  const policy = 'path "sys/config/*" { capabilities = ["create", "read", "update", "delete", "list"] }';
  await ask(node, 'PUT', 'sys/policies/acl/p', { token, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['p'] } });
  const weak = { token: String(made.auth?.['client_token']) };
  for (const path of ['cors', 'ui/headers/X-A', 'auditing/request-headers/x-a', 'auditing/request-headers']) {
    assert.equal((await ask(node, 'GET', `sys/config/${path}`, weak)).status, 403, path);
  }
});
