import 'reflect-metadata';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Extension } from '@peculiar/x509';
import { makeAuthority, makeClient } from './authority.testing.ts';
import { pathBounds } from './certification-path.ts';
import { vouchedFor } from './vouched.ts';

test('what trusted authorities have signed, directly or through each other, is read, and nothing else', async () => {
  const root = await makeAuthority('CN=root');
  const inter = await makeAuthority('CN=inter', { issuer: root });
  const leaf = await makeClient('CN=a', inter);
  const twin = await makeAuthority('CN=root');
  // To read it would throw.
  const unreadable = await makeClient('CN=b', twin, {
    extensions: [new Extension('2.5.29.17', false, new Uint8Array([1]))],
  });
  const named = (...shown: readonly { readonly der: Uint8Array }[]): readonly string[] =>
    vouchedFor(
      shown.map(({ der }) => der),
      [root.parsed()],
    ).map(({ commonName }) => commonName);
  assert.deepEqual(named(leaf, inter), ['a', 'inter']);
  assert.deepEqual(named(leaf, root, inter), ['a', 'root', 'inter']);
  assert.deepEqual(named(leaf), []);
  assert.deepEqual(named(unreadable, twin, inter, leaf), ['inter', 'a']);
  assert.deepEqual(named(await makeClient('CN=c', leaf), leaf, inter), ['a', 'inter'], 'a client vouches for nobody');
  assert.throws(unreadable.parsed, { check: 'malformed' });
  const many = Array.from({ length: pathBounds.intermediates + 2 }, () => inter);
  assert.throws(() => named(...many), { check: 'work' });
  assert.throws(() => named({ der: new Uint8Array([1]) }), { check: 'malformed' });
});
