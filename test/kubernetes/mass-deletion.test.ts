/** A store that lost its secrets, by mistake or by a restore, takes nothing out of the cluster. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutControlPlane } from './support/binaries.ts';
import { readyOf, SECRETS, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const STORE = '/apis/external-secrets.io/v1/namespaces/shop/secretstores/ours';
const COUNT = 8;
const names = Array.from({ length: COUNT }, (_none, n) => `mass-${String(n)}`);

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('many deletions at once', { skip }, () => {
  let shop: Shop;

  before(async () => {
    shop = await Shop.open(['-deletion-grace=3s', '-mass-deletion-objects=2', '-mass-deletion-percent=50']);
    for (const name of names) {
      await shop.put(`db/${name}`, { a: '1' });
      const target = { deletionPolicy: 'Delete' };
      await shop.external(name, { target, dataFrom: [{ extract: { key: `db/${name}` } }] });
    }
    for (const name of names) await shop.untilReason(name, 'SecretSynced', 'True');
  });
  after(() => shop[Symbol.asyncDispose]());

  test('one that is gone is deleted after the grace period, and its status tells before', async () => {
    await shop.ask('DELETE', 'kv/metadata/db/mass-0', {});
    const pending = await shop.untilReason('mass-0', 'DeletionPending', 'False');
    assert.match(readyOf(pending)?.message ?? '', /gone at the store since .*: what is gone is deleted here from/);
    assert.ok(Date.parse(pending?.status?.missingSince ?? '') <= Date.now());
    await shop.untilReason('mass-0', 'SecretDeleted', 'True');
    assert.equal(await shop.see(`${SECRETS}/mass-0`), undefined);
  });

  test('many together stay, over a restart as well, until they are back', async () => {
    for (const name of names.slice(1)) await shop.ask('DELETE', `kv/metadata/db/${name}`, {});
    for (const name of names.slice(1)) await shop.untilReason(name, 'DeletionHeld', 'False');
    await shop.takeOver();
    await shop.put('drum', { beat: '1' });
    await shop.external('drum', { dataFrom: [{ extract: { key: 'drum' } }] });
    await shop.untilReason('drum', 'SecretSynced', 'True');
    for (const name of names.slice(1)) assert.ok((await shop.see(`${SECRETS}/${name}`)) !== undefined, name);
    await shop.put('db/mass-1', { a: '2' });
    const back = await shop.until(`${SECRETS}/mass-1`, (seen) => seen?.data?.['a'] === base64('2'));
    assert.ok(back !== undefined);
    assert.equal((await shop.untilReason('mass-1', 'SecretSynced', 'True'))?.status?.missingSince, undefined);
  });

  test('what somebody confirms is deleted', async () => {
    const store = await shop.see(STORE);
    const annotations = { 'lockstep/deletions-confirmed-until': new Date().toISOString() };
    await shop.cluster.ask('PUT', STORE, { ...store, metadata: { ...store?.metadata, annotations } });
    for (const name of names.slice(2)) await shop.until(`${SECRETS}/${name}`, (seen) => seen === undefined);
    assert.ok((await shop.see(`${SECRETS}/mass-1`)) !== undefined);
  });
});
