import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';

import fc from 'fast-check';

import { deriveKey, equalSecret, hmacSha256, sha256, takeKey } from './hash.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

test('SHA-256: FIPS 180-4 examples, in one part or several', () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(sha256('abc').toString('hex'), abc);
  assert.equal(sha256('a', Buffer.from('b'), 'c').toString('hex'), abc);
  assert.equal(sha256().toString('hex'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

test('HMAC-SHA-256: RFC 4231 test cases 1 and 2', () => {
  assert.equal(
    hmacSha256(createSecretKey(bytes('0b'.repeat(20))), 'Hi There').toString('hex'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  );
  assert.equal(
    hmacSha256(createSecretKey(Buffer.from('Jefe')), 'what do ya want ', Buffer.from('for nothing?')).toString('hex'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

test('HKDF-SHA-256: RFC 5869 test case 3 (the one whose info is text)', () => {
  const key = createSecretKey(bytes('0b'.repeat(22)));
  assert.equal(
    deriveKey(key, '', new Uint8Array(0), 42).export().toString('hex'),
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  );
  assert.notDeepEqual(deriveKey(key, 'a').export(), deriveKey(key, 'b').export());
});

test('takeKey wipes the bytes that it took', () => {
  const raw = Buffer.alloc(32, 7);
  const key = takeKey(raw);
  assert.deepEqual(raw, Buffer.alloc(32));
  assert.deepEqual(key.export(), Buffer.alloc(32, 7));
});

test('equalSecret agrees with equality, unequal lengths and strings included', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
      assert.equal(equalSecret(a, b), Buffer.compare(a, b) === 0);
      assert.equal(equalSecret(a, Uint8Array.from(a)), true);
      assert.equal(equalSecret(a, a.subarray(0, -1)), a.length === 0);
    }),
  );
  assert.equal(equalSecret('hvs.é', Buffer.from('hvs.é')), true);
  assert.equal(equalSecret('', 'a'), false);
  assert.equal(equalSecret('a', ''), false);
  assert.equal(equalSecret('', ''), true);
});
