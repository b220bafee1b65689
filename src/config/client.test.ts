import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadClientConfig } from './client.ts';

test('has defaults for everything', () => {
  const config = loadClientConfig({ env: { HOME: '/home/a' } });
  assert.deepEqual([config.address, config.endpoint], ['https://127.0.0.1:8200', 'https://127.0.0.1:8200']);
  assert.deepEqual([config.namespace, config.format, config.max_retries, config.timeout], ['', 'table', 2, 60]);
  assert.deepEqual([config.token, config.wrap_ttl, config.headers], [undefined, undefined, {}]);
  assert.equal(config.token_file, '/home/a/.vault-token');
  assert.ok(Object.isFrozen(config));
});

test('reads the variables of Vault clients and their LOCKSTEP twins', () => {
  const env = {
    VAULT_ADDR: 'https://v:1/',
    LOCKSTEP_ADDR: 'https://l:1',
    VAULT_AGENT_ADDR: 'unix:///run/agent.sock',
    VAULT_TOKEN: 'canary',
    VAULT_CACERT: '/ca',
    VAULT_CLIENT_CERT: '/c',
    VAULT_CLIENT_KEY: '/k',
    VAULT_SKIP_VERIFY: 'true',
    VAULT_NAMESPACE: 'ns',
    VAULT_FORMAT: 'JSON',
    VAULT_CLIENT_TIMEOUT: '5',
    VAULT_WRAP_TTL: '5m',
    VAULT_HEADERS: '{"X-Team":"a"}',
    NO_COLOR: '1',
  };
  const config = loadClientConfig({ env });
  assert.deepEqual([config.address, config.endpoint, config.format], ['https://l:1', 'unix:///run/agent.sock', 'json']);
  assert.equal(config.token?.expose(), 'canary');
  assert.deepEqual([config.tls_skip_verify, config.timeout, config.wrap_ttl, config.no_color], [true, 5, 300, true]);
  assert.deepEqual(config.headers, { 'X-Team': 'a' });
  assert.ok(!JSON.stringify(config).includes('canary'));
  assert.deepEqual(loadClientConfig({ env: { VAULT_HEADERS: '{}' } }).headers, {});
  assert.equal(loadClientConfig({ flags: { address: 'http://f:1', format: 'yaml' }, env }).address, 'http://f:1');
});

test('names the variable or the flag that is wrong', () => {
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ VAULT_ADDR: 'example' }, /^environment variable VAULT_ADDR: `address` must be a URL/],
    [{ LOCKSTEP_MAX_RETRIES: '-1' }, /^environment variable LOCKSTEP_MAX_RETRIES: `max_retries`/],
    [{ VAULT_HEADERS: '[1]' }, /`headers` \(VAULT_HEADERS\) must be a JSON object of strings/],
    [{ VAULT_HEADERS: '{"a":1}' }, /`headers` \(VAULT_HEADERS\) must be a JSON object of strings/],
    [{ VAULT_CLIENT_CERT: '/c' }, /`client_cert` and `client_key` go together/],
  ];
  for (const [env, message] of cases)
    assert.throws(() => loadClientConfig({ env }), { code: 'invalidConfig', message });
  assert.throws(() => loadClientConfig({ flags: { format: 'xml' }, env: {} }), { message: /^flag -format: / });
});

test('takes no token from the command line', () => {
  const flags = { token: 'canary' };
  // @ts-expect-error there is no such flag
  assert.equal(loadClientConfig({ flags, env: {} }).token, undefined);
});
