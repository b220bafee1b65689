import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../framework/field.ts';
import { ask, runningNode } from '../../../test/support/node.ts';

const POLICY = `
path "secret/metadata/by-data/*" {
  capabilities = ["list", "scan"]
  list_scan_response_keys_filter_path = "{{ .path | replace \\"secret/metadata/\\" \\"secret/data/\\" }}{{ .key }}"
}
path "secret/metadata/own/*" {
  capabilities = ["list"]
  list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}"
}
path "secret/metadata/own/mine" { capabilities = ["read"] }
path "secret/detailed-metadata/by-data/*" {
  capabilities = ["list"]
  list_scan_response_keys_filter_path = "{{ .path | replace \\"detailed-metadata\\" \\"data\\" }}{{ .key }}"
}
path "secret/data/by-data/yes" { capabilities = ["read"] }
path "secret/data/by-data/writable" { capabilities = ["update"] }
path "secret/data/by-data/sub/" { capabilities = ["list"] }
path "secret/data/by-data/sub/deep" { capabilities = ["read"] }
path "sys/mounts" { capabilities = ["list", "read"] }
path "auth/token/accessors/" {
  capabilities = ["list", "sudo"]
  list_scan_response_keys_filter_path = "nobody/may/{{ .key }}"
}
`;

async function world(policy = POLICY, namespace = '') {
  const { node, root } = await runningNode();
  const write = async (path: string, body: JsonObject, where = namespace) => {
    const outcome = await ask(node, 'POST', path, { token: root, body, namespace: where });
    assert.ok(outcome.status < 300, `${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return outcome;
  };
  if (namespace !== '') await write(`sys/namespaces/${namespace}`, {}, '');
  await write('sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  for (const name of [
    'by-data/yes',
    'by-data/no',
    'by-data/writable',
    'by-data/sub/deep',
    'by-data/hidden/x',
    'own/mine',
    'own/other',
  ]) {
    await write(`secret/data/${name}`, { data: { a: 1 } });
  }
  await write('sys/policies/acl/filtered', { policy });
  const made = await write('auth/token/create', { policies: ['filtered'] });
  const token = String(made.auth?.['client_token']);
  const list = async (path: string, method = 'LIST', asking: JsonObject = {}) => {
    const { status, reply, errors } = await ask(node, method, path, { token, namespace, ...asking });
    return { status, errors, keys: reply?.data?.['keys'], data: reply?.data };
  };
  return { node, root, write, list, token };
}

test('a list shows what its reader can read by the path that stands for it, and folders that they can list', async () => {
  const { list } = await world();
  assert.deepEqual((await list('secret/metadata/by-data')).keys, ['sub/', 'yes']);
  assert.deepEqual((await list('secret/metadata/own/')).keys, ['mine']);
});

test('a scan is filtered as a list is', async () => {
  const { list } = await world();
  assert.deepEqual((await list('secret/metadata/by-data', 'SCAN')).keys, ['sub/deep', 'yes']);
});

test('what is said of each key goes with its key', async () => {
  const { list } = await world();
  const { data, keys } = await list('secret/detailed-metadata/by-data');
  assert.deepEqual(keys, ['sub/', 'yes']);
  assert.deepEqual(Object.keys(data?.['key_info'] as JsonObject), ['yes']);
});

test('a list of which nothing is left is one of nothing', async () => {
  const { list } = await world();
  assert.equal((await list('auth/token/accessors')).status, 404);
  assert.equal((await list('secret/metadata/by-data/hidden')).status, 404);
  assert.equal((await list('secret/metadata/by-data/none')).status, 404);
});

test('in a namespace the paths are below it', async () => {
  const { list } = await world(POLICY, 'team');
  assert.deepEqual((await list('secret/metadata/by-data')).keys, ['sub/', 'yes']);
});

test('of two policies for one path the first filter holds, also beside one without', async () => {
  const { node, root, write } = await world();
  await write('sys/policies/acl/a-open', { policy: 'path "secret/metadata/by-data/*" { capabilities = ["list"] }' });
  const made = await write('auth/token/create', { policies: ['a-open', 'filtered'] });
  const token = String(made.auth?.['client_token']);
  const { reply } = await ask(node, 'LIST', 'secret/metadata/by-data', { token });
  assert.deepEqual(reply?.data?.['keys'], ['sub/', 'yes']);
  const all = await ask(node, 'LIST', 'secret/metadata/by-data', { token: root });
  assert.equal((all.reply?.data?.['keys'] as readonly string[]).length, 5);
});

test('a template that is not understood is refused when the policy is written, by its place', async () => {
  const { node, root } = await world();
  const policy =
    'path "a/*" {\n  capabilities = ["list"]\n  list_scan_response_keys_filter_path = "{{ .key | env }}"\n}';
  const { status, errors } = await ask(node, 'POST', 'sys/policies/acl/x', { token: root, body: { policy } });
  assert.equal(status, 400);
  assert.match(errors?.join() ?? '', /policy:3:3: list_scan_response_keys_filter_path: "env" with 0 arguments/);
});
