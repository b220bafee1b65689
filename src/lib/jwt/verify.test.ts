import assert from 'node:assert/strict';
import test, { before } from 'node:test';
import { algorithms } from './algorithms.ts';
import { defaultLeeways } from './claims.ts';
import { documentOfKeys, signed, signingKey, unsigned, type SigningKey } from './issuer.testing.ts';
import { fixedKeys, KeyList, keysOfDocument, keysOfPems, type KeySource } from './keys.ts';
import { isLockstepError } from '../../errors.ts';
import { REFUSED, TokenRefused, type Check } from './refusal.ts';
import { verifyToken, type Verification } from './verify.ts';

const NOW = 1_800_000_000;
const signal = new AbortController().signal;
const expected: Verification = {
  ...{ now: NOW * 1_000, leeways: defaultLeeways, algorithms },
  ...{ issuers: ['https://issuer'], audiences: ['us', 'them'] },
};
const claims = { iss: 'https://issuer', aud: 'us', sub: 'job', iat: NOW - 10, nbf: NOW - 10, exp: NOW + 300 };

let rsa: SigningKey;
let keys: KeySource;
before(async () => {
  rsa = await signingKey('RS256', 'one');
  keys = fixedKeys(keysOfDocument(documentOfKeys(rsa)) ?? new KeyList([]));
});

async function refused(token: string, check: Check, options: { with?: KeySource; than?: Partial<Verification> } = {}) {
  await assert.rejects(verifyToken(token, options.with ?? keys, { ...expected, ...options.than }, signal), (error) => {
    assert.ok(error instanceof TokenRefused, String(error));
    assert.equal(error.check, check);
    assert.equal(error.message, REFUSED, 'the outside hears one answer');
    return true;
  });
}

test('a token of every algorithm holds, by PEM and by JWKS', async () => {
  for (const alg of algorithms) {
    const key = await signingKey(alg, 'k');
    const token = await signed(key, claims);
    const byDocument = fixedKeys(keysOfDocument(documentOfKeys(key)) ?? new KeyList([]));
    assert.equal((await verifyToken(token, byDocument, expected, signal))['sub'], 'job', alg);
    assert.equal((await verifyToken(token, fixedKeys(keysOfPems([key.pem])), expected, signal))['sub'], 'job', alg);
  }
});

test('alg none is refused, whatever stands in place of the signature', async () => {
  for (const alg of ['none', 'None', 'NONE', '', 'nonE']) {
    await refused(unsigned({ alg, kid: 'one' }, claims), 'malformed');
    await refused(unsigned({ alg, kid: 'one' }, claims, 'AAAA'), 'algorithm');
  }
  const [, payload, signature] = (await signed(rsa, claims)).split('.');
  const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'one' })).toString('base64url');
  await refused([none, payload, signature].join('.'), 'algorithm');
});

test('a MAC whose key is the public key is refused', async () => {
  const { createHmac } = await import('node:crypto');
  for (const secret of [rsa.pem, rsa.pem.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n ?? '']) {
    const text = unsigned({ alg: 'HS256', kid: 'one', typ: 'JWT' }, claims).slice(0, -1);
    const mac = createHmac('sha256', secret).update(text).digest('base64url');
    await refused(`${text}.${mac}`, 'algorithm');
    await refused(`${text}.${mac}`, 'algorithm', { than: { algorithms: [...algorithms, 'HS256'] } });
  }
});

test('symmetric keys in a document are none, and private halves stay out', async () => {
  const oct = { kty: 'oct', k: Buffer.alloc(64, 1).toString('base64url'), kid: 'one', alg: 'HS256' };
  assert.equal(keysOfDocument(JSON.stringify({ keys: [oct] })), undefined);
  const ours = keysOfDocument(JSON.stringify({ keys: [oct, rsa.jwk] }));
  assert.equal(ours?.keys.length, 1);
});

test('the algorithm of the key counts, not the token alone', async () => {
  const token = await signed(rsa, claims);
  const bound = { ...rsa, jwk: { ...rsa.jwk, alg: 'PS256' } };
  await refused(token, 'key', { with: fixedKeys(keysOfDocument(documentOfKeys(bound)) ?? new KeyList([])) });
  const encryption = JSON.stringify({ keys: [{ ...rsa.jwk, use: 'enc' }] });
  assert.equal(keysOfDocument(encryption), undefined);
  await refused(token, 'algorithm', { than: { algorithms: ['ES256'] } });
});

test('a changed claim, another key and an unknown name are refused', async () => {
  const [head, , signature] = (await signed(rsa, claims)).split('.');
  const other = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
  await refused([head, other, signature].join('.'), 'signature');
  const stranger = await signingKey('RS256', 'one');
  await refused(await signed(stranger, claims), 'signature');
  await refused(await signed({ ...stranger, kid: 'two' }, claims), 'key');
  await refused(await signed(rsa, claims, { kid: 'two' }), 'key');
});

test('a key that the token itself brings is not looked at', async () => {
  const stranger = await signingKey('RS256', 'one');
  await refused(await signed(stranger, claims, { jwk: stranger.jwk, jku: 'https://127.0.0.1:1/keys' }), 'signature');
});

test('several keys of one name, and tokens or keys without a name, are tried one by one', async () => {
  const [a, b, c] = await Promise.all([signingKey('RS256', 'same'), signingKey('RS256', 'same'), signingKey('RS256')]);
  const several = fixedKeys(keysOfDocument(documentOfKeys(a, b, c)) ?? new KeyList([]));
  for (const key of [a, b, c]) {
    assert.equal((await verifyToken(await signed(key, claims), several, expected, signal))['sub'], 'job');
    const nameless = await signed({ ...key, kid: undefined }, claims);
    assert.equal((await verifyToken(nameless, several, expected, signal))['sub'], 'job');
  }
});

test('expired, not yet valid, from the future, too old: each beyond its leeway', async () => {
  const at = (change: object): Promise<string> => signed(rsa, { ...claims, ...change });
  const good = async (change: object, than: Partial<Verification> = {}) => {
    await verifyToken(await at(change), keys, { ...expected, ...than }, signal);
  };
  await good({ exp: NOW - 59 });
  await refused(await at({ exp: NOW - 60 }), 'expired');
  await good({ nbf: NOW + 60 });
  await refused(await at({ nbf: NOW + 61 }), 'not yet valid');
  await refused(await at({ iat: NOW + 61 }), 'issued in the future');
  const strict = { leeways: { clockSkew: -1, expiration: -1, notBefore: -1 } };
  await refused(await at({ exp: NOW }), 'expired', { than: strict });
  await refused(await at({ nbf: NOW + 1 }), 'not yet valid', { than: strict });
  await good({ iat: NOW - 3_660 }, { maxAge: 3_600 });
  await refused(await at({ iat: NOW - 3_661 }), 'too old', { than: { maxAge: 3_600 } });
  await refused(await at({ iat: undefined }), 'too old', { than: { maxAge: 3_600 } });
});

test('what moments are missing follows from the others; without any there is no token', async () => {
  const bare = { iss: 'https://issuer', aud: 'us' };
  await refused(await signed(rsa, bare), 'no time');
  await verifyToken(await signed(rsa, { ...bare, iat: NOW - 209 }), keys, expected, signal);
  await refused(await signed(rsa, { ...bare, iat: NOW - 210 }), 'expired');
  await refused(await signed(rsa, { ...bare, exp: NOW + 3_600 }), 'not yet valid');
  for (const wrong of ['1800000100', null, -1, 1e300, [], true]) {
    await refused(await signed(rsa, { ...claims, exp: wrong }), 'malformed');
  }
  await refused(await signed(rsa, '{"iss":"https://issuer","aud":"us","exp":1e999}'), 'malformed');
});

test('another issuer, another audience, or one that nobody bound is refused', async () => {
  await refused(await signed(rsa, { ...claims, iss: 'https://issuer/' }), 'issuer');
  await refused(await signed(rsa, { ...claims, iss: undefined }), 'issuer');
  await refused(await signed(rsa, { ...claims, iss: ['https://issuer'] }), 'issuer');
  await refused(await signed(rsa, { ...claims, aud: 'ours' }), 'audience');
  await refused(await signed(rsa, { ...claims, aud: ['ours', 'US'] }), 'audience');
  await refused(await signed(rsa, { ...claims, aud: undefined }), 'audience');
  await refused(await signed(rsa, { ...claims, aud: [] }), 'audience');
  await refused(await signed(rsa, claims), 'audience', { than: { audiences: [] } });
  await refused(await signed(rsa, { ...claims, aud: [['us']] }), 'malformed');
  await refused(await signed(rsa, { ...claims, aud: { us: 'us' } }), 'malformed');
  await verifyToken(await signed(rsa, { ...claims, aud: ['x', 'them'] }), keys, expected, signal);
  await verifyToken(await signed(rsa, { ...claims, aud: undefined }), keys, { ...expected, audiences: [] }, signal);
});

test('what is no token, or is one in two ways, is refused before any work', async () => {
  const good = await signed(rsa, claims);
  const [head = '', payload = '', signature = ''] = good.split('.');
  for (const token of [
    '',
    '.',
    '..',
    'a.b',
    `${good}.`,
    `${good}.x.y`,
    ` ${good}`,
    `${good}\n`,
    `${head}=.${payload}.${signature}`,
  ]) {
    await refused(token, 'malformed');
  }
  await refused('a'.repeat(10_000_000), 'malformed');
  await refused(unsigned({ alg: 'RS256', kid: 'k'.repeat(1_000_000) }, claims, 'AAAA'), 'malformed');
  await refused(unsigned({ alg: 'RS256', kid: 'k'.repeat(2_000) }, claims, 'AAAA'), 'malformed');
  await refused(unsigned({ alg: 'RS256', kid: ['one'] }, claims, 'AAAA'), 'malformed');
  await refused(unsigned({ alg: 'RS256', crit: ['exp'], exp: 1 }, claims, 'AAAA'), 'malformed');
  await refused(unsigned('{"alg":"none","alg":"RS256"}', claims, 'AAAA'), 'malformed');
  await refused(unsigned(`{"alg":"RS256","x":${'['.repeat(3_000)}${']'.repeat(3_000)}}`, claims, 'AAAA'), 'malformed');
  await refused(
    await signed(rsa, '{"iss":"https://issuer","aud":"us","exp":1800000100,"sub":"a","sub":"b"}'),
    'malformed',
  );
  await refused(await signed(rsa, '["iss"]'), 'malformed');
});

test('keys that are no use are refused by name, and huge documents as a whole', async () => {
  const { generateKeyPairSync } = await import('node:crypto');
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const wrong = [
    small.publicKey.export({ type: 'spki', format: 'pem' }),
    small.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ type: 'spki', format: 'pem' }),
    '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
    'no key',
    '',
  ];
  for (const pem of wrong)
    assert.throws(
      () => keysOfPems([rsa.pem, pem]),
      (error) => isLockstepError(error, 'badRequest') && error.message.includes('public key 2'),
    );
  assert.equal(keysOfDocument(`{"keys":[],"x":"${'x'.repeat(600 * 1024)}"}`), undefined);
  assert.equal(keysOfDocument(JSON.stringify({ keys: Array.from({ length: 201 }, () => rsa.jwk) })), undefined);
  assert.equal(keysOfDocument(JSON.stringify({ keys: [{ ...rsa.jwk, n: 'A'.repeat(20_000) }] })), undefined);
  assert.equal(keysOfDocument(JSON.stringify({ keys: [{ ...rsa.jwk, e: 'A'.repeat(300) }] })), undefined);
  for (const text of ['', '{}', '{"keys":{}}', '{"keys":[null,1,"a",[]]}', '[]'])
    assert.equal(keysOfDocument(text), undefined);
});
