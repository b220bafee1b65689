import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { isLockstepError } from '../errors.ts';
import { decryptGcm } from '../lib/crypto/aes-gcm.ts';
import { Keyring, KEYRING_KEY, newKey } from './keyring.ts';
import { decryptRecord, encryptRecord, RECORD_OVERHEAD } from './record.ts';

const failsWith = (code: Parameters<typeof isLockstepError>[1], text: string) => (error: unknown) =>
  isLockstepError(error, code) && error.message.includes(text);

test('a keyring comes back from its stored form with every term, time and count', () => {
  const root = newKey();
  const keyring = Keyring.create(1_000)
    .counted(1, 77)
    .rotated(2_000)
    .rotated(3_000)
    .counted(3, 2 ** 32);
  const back = Keyring.decrypt(root, keyring.encrypt(root));
  assert.equal(back.size, 3);
  assert.equal(back.active.number, 3);
  for (const number of [1, 2, 3]) {
    const [was, is] = [keyring.term(number), back.term(number)];
    assert.deepEqual([is?.installTime, is?.encryptions], [was?.installTime, was?.encryptions]);
    assert.ok(was !== undefined && is?.key.equals(was.key));
  }
  assert.equal(back.term(1)?.encryptions, 77);
  assert.equal(back.term(0), undefined);
});

test('rotation leaves the keyring that it started from as it was', () => {
  const first = Keyring.create(0);
  const second = first.rotated(1);
  assert.equal(first.active.number, 1);
  assert.equal(first.term(2), undefined);
  assert.equal(second.active.number, 2);
  assert.ok(!second.active.key.equals(first.active.key));
});

test('no key lies in clear in the stored keyring, and it never looks the same twice', () => {
  const root = newKey();
  const keyring = Keyring.create(0).rotated(1);
  const stored = keyring.encrypt(root);
  for (const number of [1, 2]) {
    const key = keyring.term(number)?.key.export() ?? assert.fail();
    assert.equal(stored.indexOf(key), -1);
  }
  assert.notDeepEqual(keyring.encrypt(root), stored);
});

test('a stored keyring with any byte changed, cut short, missing or under another root key is refused by name', () => {
  const root = newKey();
  const stored = Keyring.create(0).rotated(1).encrypt(root);
  for (let at = 0; at < stored.length; at++) {
    const damaged = Buffer.from(stored);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0x40, at);
    assert.throws(() => Keyring.decrypt(root, damaged), failsWith(at === 0 ? 'formatVersion' : 'corrupt', KEYRING_KEY));
  }
  for (let length = 1; length < stored.length; length++) {
    assert.throws(() => Keyring.decrypt(root, stored.subarray(0, length)), failsWith('corrupt', KEYRING_KEY));
  }
  assert.throws(() => Keyring.decrypt(root, new Uint8Array(0)), failsWith('formatVersion', 'none'));
  assert.throws(() => Keyring.decrypt(root, undefined), failsWith('corrupt', 'missing'));
  assert.throws(() => Keyring.decrypt(newKey(), stored), failsWith('corrupt', 'another root key'));
});

test('a record decrypts under its own key alone, whichever keys there are', () => {
  const keyring = Keyring.create(0);
  // Unit 'grapheme' and binary strings: keys with any character, not just tidy ones.
  const keys = fc.string({ unit: 'binary', maxLength: 60 }).filter((key) => key.isWellFormed());
  fc.assert(
    fc.property(keys, keys, fc.uint8Array({ maxLength: 600 }), (key, other, value) => {
      const record = encryptRecord(keyring.active, key, value);
      assert.equal(record.length, value.length + RECORD_OVERHEAD);
      assert.deepEqual(decryptRecord(keyring, key, record), Buffer.from(value));
      if (other !== key) assert.throws(() => decryptRecord(keyring, other, record), failsWith('corrupt', other));
    }),
    { numRuns: 300 },
  );
});

test('a record that is damaged anywhere, cut short or relabelled with another term is refused, naming its key', () => {
  const keyring = Keyring.create(0).rotated(1);
  const key = 's/root/data/3c2f/apps/db';
  const record = Buffer.from(encryptRecord(keyring.active, key, Buffer.from('canary-81')));
  for (let bit = 0; bit < record.length * 8; bit++) {
    const damaged = Buffer.from(record);
    damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const code = bit < 8 ? 'formatVersion' : 'corrupt';
    assert.throws(() => decryptRecord(keyring, key, damaged), failsWith(code, key), `bit ${bit}`);
  }
  for (let length = 0; length < record.length; length++) {
    assert.throws(
      () => decryptRecord(keyring, key, record.subarray(0, length)),
      failsWith(length === 0 ? 'formatVersion' : 'corrupt', key),
    );
  }
});

test('a record lies on disk as documented: other implementations of this format read it', () => {
  const keyring = Keyring.create(0).rotated(1);
  const record = Buffer.from(encryptRecord(keyring.active, 's/root/é', Buffer.from('value')));
  assert.equal(record.toString('hex', 0, 5), '0100000002');
  const associated = Buffer.concat([Buffer.from('01000000020009', 'hex'), Buffer.from('s/root/é')]);
  assert.equal(decryptGcm(keyring.active.key, record.subarray(5), associated)?.toString(), 'value');
});

test('keys up to the limit of the store work, longer ones are refused and never cut', () => {
  const keyring = Keyring.create(0);
  for (const key of ['k'.repeat(1_900), 'é'.repeat(950), '𝄞'.repeat(475)]) {
    const record = encryptRecord(keyring.active, key, Buffer.from('v'));
    assert.equal(Buffer.from(decryptRecord(keyring, key, record)).toString(), 'v');
  }
  for (const key of ['k'.repeat(1_901), 'k'.repeat(10_000), 'é'.repeat(951), '𝄞'.repeat(476), `k${'𝄞'.repeat(475)}`]) {
    assert.throws(() => encryptRecord(keyring.active, key, Buffer.from('v')), failsWith('keyTooLong', '1900'));
  }
});
