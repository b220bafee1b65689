import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataHash, ownerHash, syncedVersion } from './hash.ts';

const base64 = (text: string): string => Buffer.from(text, 'binary').toString('base64');

// What `esutils.ObjectHash` gives for these, run with Go 1.26.
test('hashes are those of External Secrets Operator', () => {
  const data = { user: base64('app'), password: base64('s3cr\u0000t'), empty: '' };
  assert.equal(dataHash(data), '76ca437e75bdf012c27efe690d5b8bb4738174369408cf50b1309949');
  assert.equal(dataHash({}), '74a974446e359fb3e6baff9bd0058950e6edd0f040888d9989b0a11b');
  assert.equal(
    ownerHash({ namespace: 'shop', name: 'db' }),
    '5cb53bbbf776b3913df48671d8f6ea51a705aac7e8938ae122b52eba',
  );
  assert.equal(syncedVersion({ name: 'db' }), '0-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2');
  const metadata = { name: 'db', generation: 3, annotations: { b: '2', a: 'x y' }, labels: { team: 'shop' } };
  assert.equal(syncedVersion(metadata), '3-a1cbf3e245515675a6ad8bd3a8e6f50ec2c8a249d803fa681b72e13d');
});
