import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';

import { Secret } from './secret.ts';

const canary = 'canary-7f3a';
const secret = new Secret({ password: canary });

test('a secret prints as [redacted] however it is printed', () => {
  const printed = [
    String(secret),
    `${secret}`,
    'a' + secret,
    JSON.stringify({ secret }),
    JSON.stringify([secret]),
    inspect(secret),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true, getters: true }),
    format('%s %o %O %j', secret, secret, secret, secret),
    new Error(`refused ${secret}`, { cause: secret }).stack ?? '',
    inspect(new Error('refused', { cause: { secret } })),
  ];
  for (const text of printed) {
    assert.ok(!text.includes(canary), text);
    assert.ok(text.includes('[redacted]') || text.startsWith('Error: refused'), text);
  }
  assert.equal(JSON.stringify({ secret }), '{"secret":"[redacted]"}');
});

test('a secret has no enumerable or own property that leads to its value', () => {
  assert.deepEqual(Reflect.ownKeys(secret), []);
  assert.deepEqual({ ...secret }, {});
  assert.ok(!inspect(structuredClone(secret)).includes(canary));
  assert.equal(Number.isNaN(Number(secret)), true);
});

test('expose gives the very value', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assert.equal(new Secret(bytes).expose(), bytes);
});
