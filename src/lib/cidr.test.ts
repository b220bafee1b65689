import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutFullWidth } from './cidr.ts';

test('a block of one address loses its width, others keep theirs', () => {
  const blocks = ['127.0.0.1/32', '10.0.0.0/8', '127.0.0.2', '::1/128', '2001:db8::/32', '::1', '10.1.1.1/8'];
  const kept = ['127.0.0.1', '10.0.0.0/8', '127.0.0.2', '::1', '2001:db8::/32', '::1', '10.1.1.1/8'];
  assert.deepEqual(withoutFullWidth(blocks), kept);
});
