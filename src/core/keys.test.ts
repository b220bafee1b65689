import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespaceOfKey } from './keys.ts';

test('the namespace of a key is told for its class and area alone', () => {
  assert.equal(namespaceOfKey('l/root/tokens/abc', 'l', 'tokens'), 'root');
  assert.equal(namespaceOfKey('l/n1/tokens/', 'l', 'tokens'), 'n1');
  for (const other of ['s/root/tokens/a', 'l/root/tokens', 'l/root/tokens-2/a', 'l/root/my/tokens/a', 'l//tokens/a']) {
    assert.equal(namespaceOfKey(other, 'l', 'tokens'), undefined, other);
  }
  for (const short of ['', 'l', 'l/', 'l/root', 'l/tokens/a', 'lx/tokens/a/']) {
    assert.equal(namespaceOfKey(short, 'l', 'tokens'), undefined, short);
  }
});
