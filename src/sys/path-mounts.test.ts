import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

// https://github.com/hashicorp/vault/blob/main/api/sys_mounts.go: TTLs that are not set are sent as ''.
test('tuning leaves a TTL alone that is sent empty, and compares the other one with it', async () => {
  const { node, root } = await runningNode();
  const tune = (body: Record<string, string>) => ask(node, 'POST', 'sys/mounts/kv/tune', { token: root, body });
  const ttls = async () => {
    const { reply } = await ask(node, 'GET', 'sys/mounts/kv/tune', { token: root });
    return [reply?.data?.['default_lease_ttl'], reply?.data?.['max_lease_ttl']];
  };
  const config = { default_lease_ttl: '10m', max_lease_ttl: '1h' };
  await ask(node, 'POST', 'sys/mounts/kv', { token: root, body: { type: 'kv', config } });
  assert.equal((await tune({ default_lease_ttl: '20m', max_lease_ttl: '' })).status, 204);
  assert.deepEqual(await ttls(), [1_200, 3_600]);
  assert.equal((await tune({ default_lease_ttl: '2h', max_lease_ttl: '' })).status, 400);
  assert.equal((await tune({ default_lease_ttl: '', max_lease_ttl: '10m' })).status, 400);
  assert.equal((await tune({ default_lease_ttl: 'system', max_lease_ttl: '' })).status, 204);
  assert.deepEqual(await ttls(), [3_600, 3_600]);
  await node[Symbol.asyncDispose]();
});

async function setUp() {
  const { node, root: token } = await runningNode();
  const post = (path: string, body: object) => ask(node, 'POST', path, { token, body: { ...body } });
  const dataOf = async (path: string) => (await ask(node, 'GET', path, { token })).reply?.data;
  return { node, token, post, dataOf };
}

test('an empty text gives a setting back to its default, and takes an option out', async () => {
  const { node, post, dataOf } = await setUp();
  await using _ = node;
  await post('sys/auth/a', { type: 'approle' });
  await post('sys/auth/a/tune', { listing_visibility: 'unauth', token_type: 'batch', options: { a: 'b', c: 'd' } });
  assert.partialDeepStrictEqual(await dataOf('sys/auth/a/tune'), { listing_visibility: 'unauth', token_type: 'batch' });
  const emptied = { listing_visibility: '', token_type: '', options: { a: '' } };
  assert.equal((await post('sys/auth/a/tune', emptied)).status, 204);
  const data = await dataOf('sys/auth/a/tune');
  assert.deepEqual([data?.['listing_visibility'], data?.['token_type']], [undefined, 'default-service']);
  assert.deepEqual((await dataOf('sys/auth/a'))?.['options'], { c: 'd' });
  assert.equal((await post('sys/auth/a/tune', { token_type: 'default' })).status, 400);
});

test('of what is there from the start only what the audit shows is tuned', async () => {
  const { node, post, dataOf } = await setUp();
  await using _ = node;
  for (const path of ['sys', 'identity', 'cubbyhole']) {
    const { errors } = await post(`sys/mounts/${path}/tune`, { max_lease_ttl: '1h' });
    assert.deepEqual(errors, [`cannot tune parameter max_lease_ttl of ${path}/`]);
    assert.equal((await post(`sys/mounts/${path}/tune`, { audit_non_hmac_request_keys: ['a'] })).status, 204);
    assert.deepEqual((await dataOf(`sys/mounts/${path}/tune`))?.['audit_non_hmac_request_keys'], ['a']);
  }
  assert.equal((await post('sys/auth/token/tune', { token_type: 'batch' })).status, 400);
  assert.equal((await post('sys/auth/token/tune', { description: 'words' })).status, 204);
});

test('nothing is mounted at audit/, and the page that asks for a mount hears its own path', async () => {
  const { node, post, dataOf } = await setUp();
  await using _ = node;
  assert.equal((await post('sys/mounts/audit', { type: 'kv' })).status, 400);
  await post('sys/auth/a', { type: 'approle' });
  assert.equal((await dataOf('sys/internal/ui/mounts/auth/a/role'))?.['path'], 'a/');
});
