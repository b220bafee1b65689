import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { mock, test } from 'node:test';
import type { MountRecord } from '../mounts/mount.ts';
import { factorOf, type FactorOptions } from './factors.ts';

const OF: FactorOptions = { namespace: 'root', region: 'hub', of: 'entity' };

function mount(uuid: string, salt = uuid): MountRecord {
  return {
    ...{ uuid, accessor: `auth_${uuid}`, table: 'auth', type: 'userpass', path: `${uuid}/`, options: null },
    ...{ description: '', local: false, sealWrap: false, externalEntropyAccess: false },
    config: { defaultLeaseTtl: 0, maxLeaseTtl: 0, forceNoCache: false },
    salt: Buffer.from(salt).toString('base64'),
  };
}

function hashes(work: () => void): number {
  const hmac = mock.method(crypto, 'createHmac');
  syncBuiltinESMExports();
  try {
    work();
    return hmac.mock.callCount();
  } finally {
    mock.restoreAll();
    syncBuiltinESMExports();
  }
}

test('what is kept is told apart by all that it is made of', () => {
  const one = mount('one');
  const texts = () => [
    factorOf(one, 'ann', OF).text,
    factorOf(one, 'bob', OF).text,
    factorOf(one, 'ann', { ...OF, of: 'group' }).text,
    factorOf(one, 'ann', { ...OF, namespace: 'n' }).text,
    factorOf(mount('two'), 'ann', OF).text,
    // Made anew at the same id: another secret, so that nobody of before is known there.
    factorOf(mount('one', 'other'), 'ann', OF).text,
    factorOf({ ...one, local: true }, 'ann', OF).text,
    factorOf({ ...one, local: true }, 'ann', { ...OF, region: 'r' }).text,
  ];
  const first = texts();
  assert.equal(new Set(first).size, first.length);
  assert.deepEqual(texts(), first);
  assert.equal(factorOf(one, 'ANN', OF).text, first[0]);
});

test('a text is made once, and what is kept of all mounts together is bounded, however long the names are', () => {
  const one = mount('one');
  const known = () => void factorOf(one, 'ann', OF).text;
  known();
  assert.equal(hashes(known), 0);
  const long = 'n'.repeat(100_000);
  for (let at = 0; at < 50; at += 1) void factorOf(mount(`m${String(at)}`), long, OF).text;
  assert.equal(hashes(known), 1, 'it started anew');
});
