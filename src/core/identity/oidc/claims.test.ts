import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withClaims } from './claims.ts';

test('what a template adds takes the place of nothing that the core says, or chose not to say', () => {
  const own = { iss: 'https://a', kind: 'web', at_hash: undefined, code: '' };
  const added = { iss: 'https://b', kind: 'other', at_hash: 'b', nonce: 'b', code: 'b', team: 'shop' };
  assert.deepEqual(withClaims(own, added), { iss: 'https://a', kind: 'web', team: 'shop' });
});
