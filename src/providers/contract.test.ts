import assert from 'node:assert/strict';
import { test } from 'node:test';
import { membersOf } from './members.ts';
import { ProviderProblem } from './contract.ts';
import { converted } from '../controllers/external-secret/values.ts';

test('a problem that names what a store calls its values stays short enough for a status', () => {
  const name = 'k'.repeat(1_000_000);
  const twice = membersOf(Buffer.from(JSON.stringify({ [`${name}/`]: '', [`${name}!`]: '' })), 'db');
  assert.throws(
    () => converted(twice),
    (error) => error instanceof ProviderProblem && error.message.length === 2_048 && error.message.endsWith('k…'),
  );
  assert.equal(new ProviderProblem('invalid', 'as it is').message, 'as it is');
});
