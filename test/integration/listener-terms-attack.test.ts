/** What would lead out of a listener's namespace, or past the headers that it always sends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { SHARES, twoListeners } from '../support/two-listeners.ts';

/** The whole of what comes back, until the server closes. */
async function raw(address: string, head: string): Promise<string> {
  const { port, hostname } = new URL(address);
  const socket = connect(Number(port), hostname);
  let got = '';
  socket.setEncoding('latin1').on('data', (text: string) => (got += text));
  socket.on('error', () => undefined);
  socket.write(head);
  await once(socket, 'close');
  return got;
}

const get = (target: string, ...headers: readonly string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: h', 'Connection: close', ...headers, '', ''].join('\r\n');

const statusOf = (reply: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1]);

const PLACES = ['', 'team/', 'team/a/', 'team/b/', 'team/a/below/'] as const;
/** Within what the listener serves. */
const WITHIN: ReadonlySet<string> = new Set(['team/a/', 'team/a/below/']);

interface Auth {
  readonly auth: { readonly client_token: string };
}
interface Wrapped {
  readonly wrap_info: { readonly token: string };
}

async function namespaces(t: Parameters<typeof twoListeners>[0]) {
  const listeners = await twoListeners(t, 'chroot_namespace = "team/a"');
  const { all } = listeners;
  const made = (await all('PUT', 'sys/init', { body: SHARES })).json as { keys: string[]; root_token: string };
  await all('PUT', 'sys/unseal', { body: { key: made.keys[0] } });
  const token = made.root_token;
  const must = async (method: string, path: string, more: Parameters<typeof all>[2] = {}) => {
    const { status, json } = await all(method, path, { token, ...more });
    assert.ok(status < 300, `${path}: ${String(status)} ${JSON.stringify(json)}`);
    return json;
  };
  for (const path of ['sys/namespaces/team', 'team/sys/namespaces/a', 'team/sys/namespaces/b'])
    await must('POST', path);
  await must('POST', 'team/a/sys/namespaces/below');
  for (const place of PLACES) {
    await must('POST', `${place}sys/mounts/secret`, { body: { type: 'kv' } });
    await must('POST', `${place}secret/x`, { body: { word: `of "${place}"` } });
    await must('PUT', `${place}sys/policies/acl/all`, {
      body: { policy: 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }' },
    });
  }
  return { ...listeners, token, must };
}

test('what was put aside elsewhere, and tokens of elsewhere, are not there on the listener of a namespace', async (t) => {
  const { here, all, must } = await namespaces(t);
  const wrapped = async (place: string): Promise<string> => {
    const reply = await must('GET', `${place}secret/x`, { headers: { 'X-Vault-Wrap-TTL': '10m' } });
    return (reply as unknown as Wrapped).wrap_info.token;
  };
  for (const place of PLACES) {
    const within = WITHIN.has(place);
    const token = await wrapped(place);
    const lookup = await here('GET', 'sys/wrapping/lookup', { token });
    assert.equal(lookup.status, within ? 200 : 400, `lookup of "${place}"`);
    const unwrap = await here('POST', 'sys/wrapping/unwrap', { token });
    assert.equal(unwrap.status, within ? 200 : 400, `unwrap of "${place}"`);
    assert.equal(JSON.stringify(unwrap.json).includes('of \\"'), within);
    // Nothing was used up by the try.
    const there = await all('POST', 'sys/wrapping/unwrap', { token });
    assert.equal(there.status, within ? 400 : 200, `unwrap of "${place}" where it is`);
  }
  const tokenOf = async (place: string): Promise<string> => {
    const made = await must('POST', `${place}auth/token/create`, { body: { policies: ['all'] } });
    return (made as unknown as Auth).auth.client_token;
  };
  const beside = await tokenOf('team/b/');
  for (const [method, path] of [
    ['GET', 'auth/token/lookup-self'],
    ['POST', 'auth/token/renew-self'],
    ['POST', 'auth/token/revoke-self'],
    ['GET', 'secret/x'],
    ['PUT', 'cubbyhole/x'],
    ['GET', 'sys/internal/inspect/request'],
  ] as const) {
    const { status } = await here(method, path, { token: beside, ...(method === 'GET' ? {} : { body: { a: 'b' } }) });
    assert.equal(status, 403, path);
  }
  assert.equal((await all('GET', 'team/b/auth/token/lookup-self', { token: beside })).status, 200, 'it lives');
  // One from above is what it is in any namespace below its own.
  const above = await tokenOf('team/');
  assert.equal((await here('GET', 'auth/token/lookup-self', { token: above })).status, 200);
  assert.equal((await here('GET', 'secret/x', { token: above })).status, 200);
});

test('no spelling of a namespace or a path leads out of the listener of a namespace', async (t) => {
  const { limited, token } = await namespaces(t);
  const own = `X-Vault-Token: ${token}`;
  for (const header of [
    ...['../b', '/../b', 'below/../../b', '..%2fb', '%2e%2e/b', '..\\b', '//team/b', 'team/b', 'ROOT', 'root/below'],
    ...['.', '..', 'below, x', 'below\tx', '\u00a0', 'below//'],
  ]) {
    const reply = await raw(limited, get('/v1/secret/x', own, `X-Vault-Namespace: ${header}`));
    assert.ok([400, 404].includes(statusOf(reply)), `${header}: ${reply}`);
  }
  for (const twice of [
    ['', 'below'],
    ['below', ''],
    ['below', 'below'],
    ['below', '../b'],
  ]) {
    const reply = await raw(limited, get('/v1/secret/x', own, ...twice.map((each) => `X-Vault-Namespace: ${each}`)));
    assert.equal(statusOf(reply), 404, twice.join());
  }
  for (const target of [
    ...['/v1/../team/b/secret/x', '/v1/%2e%2e/team/b/secret/x', '/v1/..%2fteam%2fb/secret/x', '/v1/team/b/secret/x'],
    ...['/v1//team/b/secret/x', '//v1/team/b/secret/x', 'http://h/v1/team/b/secret/x', '/v1/root/secret/x'],
    ...['/metrics', '/v1/sys/metrics', '/v1/sys/host-info', '/v1/sys/config/state/sanitized', '/v1/sys/audit'],
  ]) {
    const reply = await raw(limited, get(target, own));
    assert.ok([400, 404].includes(statusOf(reply)), `${target}: ${reply}`);
    assert.doesNotMatch(reply, /of "/);
  }
});

test('headers of one’s own go with replies that no handler made, too', async (t) => {
  const { limited } = await twoListeners(
    t,
    'custom_response_headers { "default" = { "X-Own" = ["1"] }, "4xx" = { "X-Class" = ["four"] } }',
  );
  const upgrade = ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  const asked = get('/v1/sys/events/subscribe/kv*?json=true', ...upgrade).replace('close', 'Upgrade');
  for (const [head, status] of [
    ['nonsense\r\n\r\n', 400],
    ['CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n', 405],
    [get('/v1/a//b', 'Expect: wonders'), 417],
    [get('/v1/elsewhere', ...upgrade).replace('close', 'Upgrade'), 503],
    [asked, 503],
  ] as const) {
    const reply = await raw(limited, head);
    assert.equal(statusOf(reply), status, head);
    assert.match(reply, /\r\nX-Own: 1\r\n/, head);
    assert.equal(/\r\nX-Class: four\r\n/.test(reply), status < 500, head);
  }
});
