/** What a listener is told: the one namespace that it serves, what it leaves out, and headers of one's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { SHARES, twoListeners } from '../support/two-listeners.ts';

test('a listener for one namespace leads nowhere else, whatever a request names, and says nothing of the node', async (t) => {
  const { all, here, limited } = await twoListeners(t, 'chroot_namespace = "team/a/"');
  assert.equal((await here('PUT', 'sys/init', { body: SHARES })).status, 400, 'nobody initialises a node from there');
  const made = (await all('PUT', 'sys/init', { body: SHARES })).json as { keys: string[]; root_token: string };
  assert.equal((await here('GET', 'sys/health')).status, 503);
  assert.equal((await here('PUT', 'sys/unseal', { body: { key: made.keys[0] } })).status, 400);
  assert.equal((await here('GET', 'sys/seal-backend-status')).status, 400);
  await all('PUT', 'sys/unseal', { body: { key: made.keys[0] } });
  const token = made.root_token;
  const must = async (method: string, path: string, body?: object): Promise<void> => {
    const { status, json } = await all(method, path, { token, ...(body && { body }) });
    assert.ok(status < 300, `${path}: ${JSON.stringify(json)}`);
  };
  await must('POST', 'sys/mounts/secret', { type: 'kv' });
  await must('POST', 'secret/x', { word: 'of the root' });
  // While there is no namespace a header is not looked at; here that would open everything.
  for (const namespace of ['', 'root', 'team/a', 'x']) {
    for (const path of ['secret/x', 'sys/mounts', 'auth/token/lookup-self', 'sys/health']) {
      assert.equal((await here('GET', path, { token, namespace })).status, 404, `${namespace} ${path}`);
    }
  }
  await must('POST', 'sys/namespaces/team');
  await must('POST', 'team/sys/namespaces/a');
  await must('POST', 'team/sys/namespaces/b');
  await must('POST', 'team/a/sys/namespaces/below');
  for (const place of ['team', 'team/a', 'team/b', 'team/a/below']) {
    await must('POST', `${place}/sys/mounts/secret`, { type: 'kv' });
    await must('POST', `${place}/secret/x`, { word: place });
  }
  const word = async (path: string, namespace = '') => {
    const { status, json } = await here('GET', path, { token, namespace });
    return status === 200 ? (json['data'] as { word: string }).word : status;
  };
  assert.equal(await word('secret/x'), 'team/a');
  for (const namespace of ['/', 'root', '/root/']) assert.equal(await word('secret/x', namespace), 'team/a', namespace);
  assert.equal(await word('secret/x', 'below'), 'team/a/below');
  assert.equal(await word('below/secret/x'), 'team/a/below');
  for (const namespace of ['team', 'team/a', 'b', '../b', 'below/../../b', 'team/b']) {
    assert.ok([400, 404].includes(Number(await word('secret/x', namespace))), namespace);
  }
  for (const path of ['team/b/secret/x', 'team/a/secret/x', '../b/secret/x', 'team/secret/x']) {
    assert.ok([400, 404].includes(Number(await word(path))), path);
  }
  // Handed over to the thread that writes.
  assert.equal((await here('POST', 'secret/y', { token, body: { word: 'new' } })).status, 204);
  assert.equal((await all('GET', 'team/a/secret/y', { token })).status, 200);
  for (const path of ['sys/seal', 'sys/rotate', 'sys/step-down', 'sys/config/cors']) {
    assert.equal((await here('PUT', path, { token, body: {} })).status, 400, path);
  }
  assert.equal((await here('GET', 'sys/metrics', { token })).status, 400);
  assert.equal((await here('GET', 'sys/health')).status, 200);
  // A login that a request brings along is meant from there on, too.
  await must('POST', 'sys/auth/userpass', { type: 'userpass' });
  await must('POST', 'auth/userpass/users/ann', { password: 'hush', token_policies: 'ann' });
  await must('PUT', 'sys/policies/acl/ann', { policy: 'path "team/a/*" { capabilities = ["read"] }' });
  const inline = (namespace: string) => ({
    'X-Vault-Inline-Auth-Path': 'auth/userpass/login/ann',
    'X-Vault-Inline-Auth-Operation': 'update',
    'X-Vault-Inline-Auth-Namespace': namespace,
    'X-Vault-Inline-Auth-Parameter-Password': Buffer.from('{"key":"password","value":"hush"}').toString('base64url'),
  });
  const brought = (asked: typeof all, namespace: string, path: string) =>
    asked('GET', path, { headers: inline(namespace) });
  assert.equal((await brought(all, 'root', 'team/a/secret/x')).status, 200);
  assert.notEqual((await brought(here, 'root', 'secret/x')).status, 200);
  // Streams of events as well.
  const subscribe = (namespace: string) =>
    new Promise<string>((resolve) => {
      const url = `${limited.replace('http', 'ws')}/v1/sys/events/subscribe/kv*?json=true`;
      const stream = new WebSocket(url, { headers: { 'X-Vault-Token': token, 'X-Vault-Namespace': namespace } });
      stream.once('open', () => {
        stream.terminate();
        resolve('open');
      });
      stream.once('unexpected-response', (_request, response) => {
        stream.terminate();
        resolve(String(response.statusCode));
      });
      stream.on('error', () => undefined);
    });
  assert.equal(await subscribe(''), 'open');
  assert.equal(await subscribe('team/b'), '404');
});

test('a listener leaves out what it is told to, and sends headers of one’s own by status', async (t) => {
  const { all, here } = await twoListeners(
    t,
    `redact_addresses    = true
     redact_cluster_name = true
     redact_version      = true
     telemetry { unauthenticated_metrics_access = true }
     custom_response_headers {
       "default" = {
         "x-frame-options" = ["DENY"]
         "X-Many" = ["a", "b"]
         "Strict-Transport-Security" = ["max-age=1"]
       }
       "4xx" = { "X-Many" = ["four"] }
       "404" = { "X-Many" = ["none"] }
     }`,
  );
  const made = (await all('PUT', 'sys/init', { body: SHARES })).json as { keys: string[]; root_token: string };
  const told = async (path: string, asked: typeof all) => (await asked('GET', path)).json;
  assert.match(String((await told('sys/seal-status', all))['version']), /^\d/);
  const sealed = await told('sys/seal-status', here);
  assert.deepEqual([sealed['version'], sealed['build_date'], sealed['sealed']], ['', '', true]);
  const unsealed = (await here('PUT', 'sys/unseal', { body: { key: made.keys[0] } })).json;
  assert.deepEqual([unsealed['version'], unsealed['cluster_name'], unsealed['sealed']], ['', '', false]);
  for (const path of ['sys/health', 'sys/seal-status']) {
    const [clear, hidden] = [await told(path, all), await told(path, here)];
    assert.deepEqual([clear['cluster_name'], hidden['cluster_name'], hidden['version']], ['north', '', ''], path);
    assert.deepEqual(Object.keys(hidden), Object.keys(clear));
  }
  assert.equal((await told('sys/leader', here))['leader_address'], '');
  const gauges = (await told('sys/metrics', here))['Gauges'] as { Name: string; Labels: Record<string, string> }[];
  assert.deepEqual(gauges.find(({ Name }) => Name === 'lockstep.info')?.Labels, { version: '' });
  const sent = async (method: string, path: string, asked = here, token = made.root_token) => {
    const { status, headers } = await asked(method, path, { token });
    const names = ['x-frame-options', 'x-many', 'strict-transport-security', 'cache-control'];
    return [status, ...names.map((name) => headers.get(name))];
  };
  const always = (many: string) => ['DENY', many, 'max-age=1', 'no-store'];
  assert.deepEqual(await sent('GET', 'sys/mounts'), [200, ...always('a; b')]);
  assert.deepEqual(await sent('GET', 'sys/mounts', here, 'nobody'), [403, ...always('four')]);
  assert.deepEqual(await sent('LIST', 'sys/leases/lookup/nope'), [404, ...always('none')]);
  // Refused before anything looks at it.
  assert.deepEqual(await sent('GET', 'a//b'), [400, ...always('four')]);
  assert.deepEqual(await sent('GET', 'sys/mounts', all), [200, null, null, null, 'no-store']);
});
