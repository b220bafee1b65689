import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthority, issueCertificate, newPrivateKey, publicKeyOf } from '../crypto/certificates.ts';
import { signingKey } from '../jwt/issuer.testing.ts';
import { ServerUnavailable } from '../outgoing/unavailable.ts';
import { bundleBounds, bundleOf, bundleOfDocument, bundleOfPem } from './bundle.ts';

const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
const authority = await createAuthority('one', validity);
const leaf = await issueCertificate({
  ...{ authority, ...validity, publicKey: publicKeyOf(newPrivateKey()), commonName: 'leaf', usage: 'client' },
});
const base64 = (pem: string): string => pem.replace(/-----[^-]+-----|\s/g, '');
const anchor = { use: 'x509-svid', kty: 'EC', crv: 'P-256', x5c: [base64(authority.certificate)] };
const { jwk } = await signingKey('ES256', 'one');
const key = { ...jwk, use: 'jwt-svid' };
const document = (keys: readonly unknown[], more: object = {}): string => JSON.stringify({ keys, ...more });

test('a document has keys of both uses, a number and a hint', () => {
  const { keys, anchors, sequence, refreshHint } = bundleOfDocument(
    document([anchor, key], { spiffe_sequence: 7, spiffe_refresh_hint: 300 }),
  );
  assert.deepEqual(
    keys.keys.map(({ kid }) => kid),
    ['one'],
  );
  assert.deepEqual(
    anchors.map((der) => Buffer.from(der).toString('base64')),
    anchor.x5c,
  );
  assert.deepEqual([sequence, refreshHint], [7, 300]);
  assert.deepEqual(bundleOfDocument(document([])).anchors, [], 'nobody is trusted');
  assert.equal(bundleOfDocument(document([])).sequence, undefined);
});

test('what is of no use that is known is left out', () => {
  const strange = [
    { ...key, use: 'sig' },
    { ...anchor, use: undefined },
    { ...jwk },
    'text',
    null,
    { use: 'wit-svid' },
  ];
  const { keys, anchors } = bundleOfDocument(document([...strange, { ...key, crv: 'secp256k1' }]));
  assert.equal(keys.keys.length + anchors.length, 0);
});

const broken: Readonly<Record<string, string>> = {
  'no JSON': 'keys',
  'no object': '[]',
  'no keys': '{}',
  'keys that are no list': '{"keys":{}}',
  'a member twice': `{"keys":[],"keys":${JSON.stringify([key])}}`,
  'a sequence that is text': document([], { spiffe_sequence: '1' }),
  'a sequence below zero': document([], { spiffe_sequence: -1 }),
  'a hint with a fraction': document([], { spiffe_refresh_hint: 1.5 }),
  'a jwt-svid key without a name': document([{ ...key, kid: undefined }]),
  'a jwt-svid key with an empty name': document([{ ...key, kid: '' }]),
  'an x509-svid key without a certificate': document([{ ...anchor, x5c: undefined }]),
  'an x509-svid key with two certificates': document([{ ...anchor, x5c: [...anchor.x5c, ...anchor.x5c] }]),
  'a certificate of no authority': document([{ ...anchor, x5c: [base64(leaf)] }]),
  'bytes behind a certificate': document([
    {
      ...anchor,
      x5c: [Buffer.concat([Buffer.from(anchor.x5c[0] ?? '', 'base64'), Buffer.from([0])]).toString('base64')],
    },
  ]),
  'too many keys': document(Array.from({ length: bundleBounds.keys + 1 }, () => key)),
  'too many bytes': document([], { more: 'a'.repeat(bundleBounds.bytes) }),
};
for (const [what, text] of Object.entries(broken)) {
  test(`a bundle with ${what} is none`, () => {
    assert.throws(() => bundleOfDocument(text), ServerUnavailable);
  });
}

test('PEM of authorities is a bundle without keys for JWT-SVIDs', () => {
  const { keys, anchors } = bundleOf(authority.certificate + authority.certificate);
  assert.deepEqual([keys.keys.length, anchors.length], [0, 2]);
  const others = ['', 'text', leaf, authority.certificate + leaf, authority.certificate + authority.key];
  for (const text of others) assert.throws(() => bundleOfPem(text), ServerUnavailable);
});
