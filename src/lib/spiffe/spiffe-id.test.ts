import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpiffeId } from './spiffe-id.ts';

test('an ID is a trust domain and a path', () => {
  assert.deepEqual(parseSpiffeId('spiffe://example.org/ns/shop/sa/app'), {
    trustDomain: 'example.org',
    path: '/ns/shop/sa/app',
  });
  assert.deepEqual(parseSpiffeId('spiffe://example.org'), { trustDomain: 'example.org', path: '' });
  assert.deepEqual(parseSpiffeId('spiffe://a_b-c.1/A.b_c-9/...'), { trustDomain: 'a_b-c.1', path: '/A.b_c-9/...' });
  const longest = `spiffe://example.org/${'a'.repeat(2_048 - 21)}`;
  assert.equal(longest.length, 2_048);
  assert.notEqual(parseSpiffeId(longest), undefined);
  assert.equal(parseSpiffeId(`${longest}a`), undefined);
  assert.notEqual(parseSpiffeId(`spiffe://${'d'.repeat(255)}/a`), undefined);
  assert.equal(parseSpiffeId(`spiffe://${'d'.repeat(256)}/a`), undefined);
});

const none = [
  ...[
    '',
    'example.org/a',
    'https://example.org/a',
    'spiffe:/example.org/a',
    'spiffe:example.org/a',
    ' spiffe://example.org/a',
  ],
  ...['SPIFFE://example.org/a', 'spiffe://Example.org/a', 'spiffe://example.org:80/a', 'spiffe://user@example.org/a'],
  ...['spiffe:///a', 'spiffe://', 'spiffe://example.org/', 'spiffe://example.org//a', 'spiffe://example.org/a/'],
  ...['spiffe://example.org/.', 'spiffe://example.org/../a', 'spiffe://example.org/a/..', 'spiffe://example.org/a/./b'],
  ...[
    'spiffe://example.org/%61',
    'spiffe://example.org/a%2fb',
    'spiffe://example.org/a?x=1',
    'spiffe://example.org/a#x',
  ],
  ...['spiffe://example.org/a b', 'spiffe://example.org/a\n', 'spiffe://example.org/a\0', 'spiffe://example.org/a\\b'],
  ...['spiffe://exаmple.org/a', 'spiffe://exämple.org/a', 'spiffe://example.org/ä', 'spiffe://example.org/a+b'],
  ...['spiffe://example.org/a*', 'spiffe://[::1]/a', 'spiffe://example%2eorg/a', 'spiffe://example.org\\@b/a'],
];
for (const text of none) {
  test(`${JSON.stringify(text)} is no SPIFFE ID`, () => {
    assert.equal(parseSpiffeId(text), undefined);
  });
}
