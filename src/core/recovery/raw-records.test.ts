import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listed } from '../../framework/listing.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import type { SealDomains } from '../namespaces/seal-domains.ts';
import { RawRecords } from './raw-records.ts';

const value = Buffer.from('x');

test('a region changes what is its own and nothing that its hub has', async () => {
  await using store = openMemoryStore();
  const records = new RawRecords({ store, domains: undefined, region: true });
  await records.write('l/root/a', value);
  assert.deepEqual(Buffer.from(records.read('l/root/a') ?? []), value);
  for (const change of [records.write('s/root/policies/a', value), records.delete('s/root/policies/a')]) {
    await assert.rejects(change, /this node is a region/);
  }
  const hub = new RawRecords({ store, domains: undefined, region: false });
  const before = store.position;
  await hub.write('s/root/policies/a', value);
  // In the log, in the same history: the regions get it as any other change.
  assert.equal(store.position.epoch, before.epoch);
  assert.equal(store.position.sequence, before.sequence + 1);
});

test('what lies in a namespace under keys of its own is neither shown as absent nor changed', async () => {
  await using store = openMemoryStore();
  const domains = { ofKey: (key: string) => (key.startsWith('s/own/') ? 'own' : undefined) } as SealDomains;
  const records = new RawRecords({ store, domains, region: false });
  assert.throws(() => records.read('s/own/data/a'), { code: 'namespaceSealed' });
  await assert.rejects(records.write('s/own/data/a', value), { code: 'namespaceSealed' });
  await assert.rejects(records.delete('s/own/data/a'), { code: 'namespaceSealed' });
  for (const key of ['s/root/namespaces/own', 'l/root/namespace-removals/own']) {
    await assert.rejects(records.write(key, value), /keys of their own/);
    await assert.rejects(records.delete(key), /keys of their own/);
  }
});

test('nothing outside of the classes and no key of a namespace is reached', async () => {
  await using store = openMemoryStore();
  const records = new RawRecords({ store, domains: undefined, region: false });
  const keys = ['seal/root', 'meta', '', 'sealed/x', 'hub', 'h/root/namespace-seals/a/keyring'];
  for (const key of keys) {
    assert.throws(() => records.read(key), { code: 'badRequest' }, key);
    await assert.rejects(records.delete(key), { code: 'badRequest' }, key);
    if (key !== '') assert.throws(() => records.children(`${key}/`), { code: 'badRequest' }, key);
  }
});

test('a folder is listed in pages', async () => {
  await using store = openMemoryStore();
  const records = new RawRecords({ store, domains: undefined, region: false });
  for (const name of ['a', 'b/c', 'd']) await records.write(`l/root/${name}`, value);
  const page = await listed(records.children('l/root/'), { after: 'a', limit: 1 });
  assert.deepEqual(page.data, { keys: ['b/'] });
  const top = await listed(records.children(''), { after: 'h/', limit: 0 });
  assert.deepEqual(top.data, { keys: ['l/', 's/'] });
});
