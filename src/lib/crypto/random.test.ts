import assert from 'node:assert/strict';
import { test } from 'node:test';

import { randomBase62, randomBytes, uuid } from './random.ts';

test('base62 strings have the asked length and alphabet', () => {
  for (const length of [0, 1, 24, 95, 1_000])
    assert.match(randomBase62(length), new RegExp(`^[0-9A-Za-z]{${length}}$`));
});

test('each base62 character is equally likely', () => {
  const draws = 62 * 5_000;
  const counts = new Map<string, number>();
  for (const character of randomBase62(draws)) counts.set(character, (counts.get(character) ?? 0) + 1);
  assert.equal(counts.size, 62);
  // Without rejection the first eight would come 25 % more often; 8 standard deviations are 11 %.
  for (const [character, count] of counts) assert.ok(Math.abs(count - 5_000) < 8 * Math.sqrt(5_000), character);
});

test('random bytes and UUIDs have their form and differ', () => {
  assert.equal(randomBytes(33).length, 33);
  assert.notDeepEqual(randomBytes(16), randomBytes(16));
  assert.match(uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(uuid(), uuid());
});
