import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedAge } from './shared-age.ts';

test('an age that one thread sets goes on in another one', () => {
  const writer = new SharedAge();
  const reader = new SharedAge(writer.memory);
  assert.equal(reader.milliseconds, undefined);
  writer.set(86_400_000);
  const first = reader.milliseconds ?? 0;
  assert.ok(first >= 86_400_000, String(first));
  const second = reader.milliseconds ?? 0;
  assert.ok(second >= first);
  writer.set(0);
  assert.ok((reader.milliseconds ?? Infinity) < 86_400_000);
});
