import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';

import fc from 'fast-check';

import { decryptGcm, encryptGcm, encryptGcmWith, GCM_OVERHEAD, NONCE_BYTES } from './aes-gcm.ts';
import { randomBytes } from './random.ts';

interface Vector {
  readonly name: string;
  readonly key: string;
  readonly nonce: string;
  readonly plaintext: string;
  readonly aad: string;
  readonly ciphertext: string;
  readonly tag: string;
}

const specKey = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308';
const specText =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
  '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255';
const specCipher =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
  '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad';

/** McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B; NIST CAVP gcmEncryptExtIV256. */
const vectors: readonly Vector[] = [
  {
    name: 'GCM specification, test case 13',
    key: '00'.repeat(32),
    nonce: '00'.repeat(12),
    plaintext: '',
    aad: '',
    ciphertext: '',
    tag: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    name: 'GCM specification, test case 14',
    key: '00'.repeat(32),
    nonce: '00'.repeat(12),
    plaintext: '00'.repeat(16),
    aad: '',
    ciphertext: 'cea7403d4d606b6e074ec5d3baf39d18',
    tag: 'd0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    name: 'GCM specification, test case 15',
    key: specKey,
    nonce: 'cafebabefacedbaddecaf888',
    plaintext: specText,
    aad: '',
    ciphertext: specCipher,
    tag: 'b094dac5d93471bdec1a502270e3cc6c',
  },
  {
    name: 'GCM specification, test case 16',
    key: specKey,
    nonce: 'cafebabefacedbaddecaf888',
    plaintext: specText.slice(0, 120),
    aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    ciphertext: specCipher.slice(0, 120),
    tag: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
  {
    name: 'CAVP, 128-bit plaintext, 160-bit AAD',
    key: '83688deb4af8007f9b713b47cfa6c73e35ea7a3aa4ecdb414dded03bf7a0fd3a',
    nonce: '0b459724904e010a46901cf3',
    plaintext: '33d893a2114ce06fc15d55e454cf90c3',
    aad: '794a14ccd178c8ebfd1379dc704c5e208f9d8424',
    ciphertext: 'cc66bee423e3fcd4c0865715e9586696',
    tag: '0fb291bd3dba94a1dfd8b286cfb97ac5',
  },
];

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const newKey = () => createSecretKey(randomBytes(32));

for (const vector of vectors) {
  test(`AES-256-GCM: ${vector.name}`, () => {
    const key = createSecretKey(bytes(vector.key));
    const sealed = encryptGcmWith({ key, nonce: bytes(vector.nonce) }, bytes(vector.plaintext), bytes(vector.aad), 3);
    assert.equal(sealed.toString('hex'), `000000${vector.nonce}${vector.ciphertext}${vector.tag}`);
    assert.equal(decryptGcm(key, sealed, bytes(vector.aad), 3)?.toString('hex'), vector.plaintext);
  });
}

test('what was encrypted decrypts, whatever its length', () => {
  const key = newKey();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.uint8Array({ maxLength: 200 }), (plaintext, aad) => {
      const sealed = encryptGcm(key, plaintext, aad);
      assert.equal(sealed.length, plaintext.length + GCM_OVERHEAD);
      assert.deepEqual(decryptGcm(key, sealed, aad), Buffer.from(plaintext));
    }),
    { numRuns: 200 },
  );
});

test('any flipped bit, truncation, other key or other associated data is refused', () => {
  const key = newKey();
  const aad = Buffer.from('one');
  const sealed = encryptGcm(key, Buffer.from('forty bytes of something worth keeping..'), aad, 2);
  for (let bit = 16; bit < sealed.length * 8; bit++) {
    const damaged = Buffer.from(sealed);
    damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.equal(decryptGcm(key, damaged, aad, 2), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(decryptGcm(key, sealed.subarray(0, length), aad, 2), undefined, `length ${length}`);
  }
  assert.equal(decryptGcm(newKey(), sealed, aad, 2), undefined);
  assert.equal(decryptGcm(key, sealed, Buffer.from('onf'), 2), undefined);
  assert.equal(decryptGcm(key, sealed, Buffer.alloc(0), 2), undefined);
});

test('no nonce comes twice, also across refills of the pool', () => {
  const key = newKey();
  const seen = new Set<string>();
  for (let i = 0; i < 2_000; i++) {
    seen.add(encryptGcm(key, Buffer.alloc(0), Buffer.alloc(0)).toString('hex', 0, NONCE_BYTES));
  }
  assert.equal(seen.size, 2_000);
});
