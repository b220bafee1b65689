import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseHcl } from '../lib/hcl/index.ts';
import type { Environment } from './overlay.ts';
import type { SealConfig } from './seals.ts';
import { serverConfig } from './server.ts';

function sealsOf(text: string, env: Environment = {}): readonly SealConfig[] {
  const base = 'listener "tcp" { address = "127.0.0.1:0", tls_disable = true }\nstorage "inmem" {}\n';
  return serverConfig([parseHcl(base + text, 'server.hcl')], {}, env).seal;
}
const key = (more: string): string => `seal "static" {\n current_key_id = "a"\n current_key = "k"\n ${more}\n}\n`;

test('several seals: names, priorities, and the disabled one beside what it is migrated to', () => {
  const shown = (text: string) =>
    sealsOf(text).map(({ type, name, priority, disabled }) => [type, name, priority, disabled]);
  assert.deepEqual(shown(''), [['shamir', 'shamir', 1, false]]);
  assert.deepEqual(shown(key('name = "one"') + key('name = "two"\n priority = "2"')), [
    ['static', 'one', 1, false],
    ['static', 'two', 2, false],
  ]);
  assert.deepEqual(shown(key('disabled = "true"')), [
    ['shamir', 'shamir', 1, false],
    ['static', 'static', 1, true],
  ]);
  assert.deepEqual(shown(`seal "shamir" {}\n${key('disabled = true')}`), [
    ['shamir', 'shamir', 1, false],
    ['static', 'static', 1, true],
  ]);
});

test('two seals of one name, shares beside a machine, and a priority of 0 are refused by name', () => {
  for (const [text, words] of [
    [key('') + key(''), /two seals have the name "static": give each its `name`/],
    [`seal "shamir" {}\n${key('')}`, /seal "shamir" goes with no other/],
    [key('priority = 0'), /`priority` must be 1 or more/],
    ['seal "awskms" {}', /`kms_key_id` of seal "awskms" is missing/],
    [
      'seal "awskms" { kms_key_id = "k", access_key = "a" }',
      /`access_key` and `secret_key` of seal "awskms" go together/,
    ],
  ] as const) {
    assert.throws(() => sealsOf(text), words);
  }
});

test('awskms: the environment goes before the block, except for credentials', () => {
  const env = {
    VAULT_AWSKMS_SEAL_KEY_ID: 'alias/env',
    AWS_REGION: 'eu-west-1',
    AWS_KMS_ENDPOINT: 'http://127.0.0.1:1',
    AWS_ACCESS_KEY_ID: 'from-env',
    AWS_SECRET_ACCESS_KEY: 'canary-env',
    AWS_SESSION_TOKEN: 'session',
  };
  const block = (more = ''): string => `seal "awskms" { kms_key_id = "k", region = "us-west-2" ${more} }`;
  const of = (text: string, given: Environment = {}) => {
    const [seal] = sealsOf(text, given);
    assert.ok(seal?.type === 'awskms');
    const { access_key: id, session_token: session } = seal.credentials ?? {};
    return [
      ...[seal.kms_key_id, seal.region, seal.endpoint],
      id?.from === 'value' ? id.value.expose() : undefined,
      session?.from === 'value' ? session.value.expose() : undefined,
    ];
  };
  assert.deepEqual(of(block()), ['k', 'us-west-2', undefined, undefined, undefined]);
  assert.deepEqual(of(block(), env), ['alias/env', 'eu-west-1', 'http://127.0.0.1:1', 'from-env', 'session']);
  assert.deepEqual(of(block(', access_key = "mine", secret_key = "s"'), env).slice(3), ['mine', undefined]);
  assert.deepEqual(of('seal "awskms" { kms_key_id = "k" }').slice(1, 2), ['us-east-1']);
});
