import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { takeKey } from '../../lib/crypto/hash.ts';
import { Hasher } from './hasher.ts';

const KEY = Buffer.alloc(32, 7);
const expected = (text: string): string => `hmac-sha256:${createHmac('sha256', KEY).update(text).digest('hex')}`;

test('a hash is the HMAC of the text, also where it is asked for again and when many times were asked for', () => {
  const hasher = new Hasher(takeKey(Buffer.from(KEY)));
  const texts = ['', '2026-11-27T23:47:28.000Z', '2026-11-27T23:47:28Z', 'hunter2', 'x'.repeat(5_000), 'é'];
  for (let round = 0; round < 2; round += 1) {
    for (const text of texts) assert.equal(hasher.hash(text), expected(text));
  }
  for (let at = 0; at < 5_000; at += 1) {
    const time = new Date(at * 1_001).toISOString();
    assert.equal(hasher.hash(time), expected(time));
  }
  for (const text of texts) assert.equal(hasher.hash(text), expected(text));
  for (let at = 0; at < 5_000; at += 1) {
    for (let round = 0; round < 2; round += 1) assert.equal(hasher.hashName(`name-${at}`), expected(`name-${at}`));
  }
  for (const text of texts) assert.equal(hasher.hashName(text), expected(text));
});
