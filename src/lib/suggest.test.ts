import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { didYouMean, editDistance, suggest } from './suggest.ts';

const keys = ['tls_cert_file', 'tls_key_file', 'tls_disable', 'address', 'ui', 'api_addr'];

test('finds what was probably meant', () => {
  assert.equal(suggest('tls_cret_file', keys), 'tls_cert_file');
  assert.equal(suggest('tls-cert-file', keys), 'tls_cert_file');
  assert.equal(suggest('TLS_DISABLE', keys), 'tls_disable');
  assert.equal(suggest('adress', keys), 'address');
  assert.equal(suggest('iu', keys), 'ui');
  assert.equal(suggest('addr', ['listener', 'address_and_port']), 'address_and_port');
  assert.equal(didYouMean('api_adr', keys), ': did you mean `api_addr`?');
});

test('says nothing when nothing is near', () => {
  assert.equal(suggest('storage', keys), undefined);
  assert.equal(suggest('', keys), undefined);
  assert.equal(suggest('ui', []), undefined);
  assert.equal(didYouMean('quotas', keys), '');
  assert.equal(suggest('a'.repeat(1_000_000), ['a'.repeat(999_999)]), undefined);
});

test('counts a swap of neighbours as one edit', () => {
  assert.equal(editDistance('ab', 'ba'), 1);
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('', 'abc'), 3);
});

test('is symmetric and zero only for equal names', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
    }),
  );
});
