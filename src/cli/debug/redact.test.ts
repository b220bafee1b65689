import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redacted } from './redact.ts';

test('tokens, private keys, secret members and known texts go; names, numbers and digests stay', () => {
  const token = `hvs.${'a'.repeat(24)}`;
  const gone = [token, `${token}.AbCd12`, `b.${'x'.repeat(40)}`, 'my-own-token', 'hunter "2"', 'MIIEvQ'];
  const text = JSON.stringify({
    log: `token=${token} other=${token}.AbCd12 batch=b.${'x'.repeat(40)}`,
    mine: 'before my-own-token after',
    root_password: 'hunter "2"',
    'client-token': 'plain',
    key: '-----BEGIN EC PRIVATE KEY-----\nMIIEvQ\n-----END EC PRIVATE KEY-----',
    token_type: 'service',
    hash: 'c'.repeat(64),
    host: 's.example.com',
  });
  const clean = redacted(text, ['my-own-token', '']);
  for (const each of gone) assert.ok(!clean.includes(each), each);
  assert.doesNotThrow(() => JSON.parse(clean) as unknown);
  const kept = JSON.parse(clean) as Record<string, string>;
  assert.deepEqual([kept['token_type'], kept['hash'], kept['host']], ['service', 'c'.repeat(64), 's.example.com']);
  assert.deepEqual([kept['root_password'], kept['client-token'], kept['key']], Array(3).fill('[redacted]'));
});
