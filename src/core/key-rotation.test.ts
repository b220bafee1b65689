import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, runningNode } from '../../test/support/node.ts';
import type { JsonObject } from '../framework/field.ts';
import { storedKeyring } from '../seal/barrier.fixture.ts';
import { KEYRING_KEY } from '../seal/keyring.ts';
import { initialised, unseal } from '../seal/lifecycle.fixture.ts';
import { openMemoryStore } from '../storage/memory/open.ts';
import { KeyRotation } from './key-rotation.ts';

const DAY = 86_400_000;

async function started() {
  let time = Date.UTC(2026, 0, 1);
  const running = await runningNode({ now: () => time, store: openMemoryStore() });
  const { node, root: token } = running;
  const send = (method: string, path: string, body?: JsonObject) =>
    ask(node, method, `sys/${path}`, { token, ...(body === undefined ? {} : { body }) });
  return {
    ...running,
    send,
    pass: (ms: number) => {
      time += ms;
    },
    term: async () => (await send('GET', 'key-status')).reply?.data?.['term'],
  };
}

test('the configuration is shown as Vault shows it, changed in parts, and kept over a seal', async () => {
  const { node, share, send } = await started();
  const shown = async () => (await send('GET', 'rotate/config')).reply?.data;
  assert.deepEqual(await shown(), { enabled: true, interval: 0, max_operations: 3_865_470_566 });
  assert.equal((await send('POST', 'rotate/config', { interval: '48h', max_operations: 5_000_000 })).status, 204);
  assert.equal((await send('POST', 'rotate/keyring/config', { enabled: false })).status, 204);
  const expected = { enabled: false, interval: '48h0m0s', max_operations: 5_000_000 };
  assert.deepEqual(await shown(), expected);
  await node.seal();
  assert.equal((await send('GET', 'rotate/config')).status, 503);
  await node.unseal(Buffer.from(share, 'hex'));
  assert.deepEqual(await shown(), expected);
});

test('what cannot be is refused and changes nothing', async () => {
  const { node, send } = await started();
  for (const wrong of [
    { max_operations: 999_999 },
    { max_operations: 3_865_470_567 },
    { max_operations: -1 },
    { max_operations: 'many' },
    { interval: '23h' },
    { interval: -86_400 },
    { enabled: 'perhaps' },
    { interval: '48h', max_operations: 5 },
  ]) {
    assert.equal((await send('POST', 'rotate/config', wrong)).status, 400, JSON.stringify(wrong));
  }
  assert.deepEqual(node.keyRotation.config, { enabled: true, interval: 0, maxOperations: 3_865_470_566 });
  assert.equal((await ask(node, 'GET', 'sys/rotate/config')).status, 403);
});

test('a key is rotated when it reaches its age, once, and not when that is switched off', async () => {
  const { node, send, pass, term } = await started();
  pass(1_000 * DAY);
  await node.tick();
  assert.equal(await term(), 1, 'without an interval age does not matter');
  await send('POST', 'rotate/config', { interval: '24h', enabled: false });
  await node.tick();
  assert.equal(await term(), 1);
  await send('POST', 'rotate/config', { enabled: true });
  await node.tick();
  assert.equal(await term(), 2);
  pass(DAY - 1);
  await node.tick();
  assert.equal(await term(), 2);
  pass(1);
  await node.tick();
  await node.tick();
  assert.equal(await term(), 3);
});

test('a key is rotated after the encryptions that are set, also in the session that set them', async (t) => {
  const { raw, lifecycle, shares } = await initialised(t, { secretShares: 1, secretThreshold: 1 });
  await unseal(lifecycle, shares);
  const { store, barrier } = lifecycle;
  const rotation = new KeyRotation({ lifecycle, store, now: Date.now });
  await rotation.configure({ maxOperations: 1_000_000 });
  await raw.transact((tx) => {
    tx.put(KEYRING_KEY, storedKeyring(raw, barrier.rootKey).counted(1, 990_000).encrypt(barrier.rootKey));
  });
  const write = (): Promise<unknown> =>
    store.transact((tx) => {
      // So many are set aside at once.
      for (let at = 0; at < 2 ** 14; at++) tx.put('l/root/same', Uint8Array.of(1));
    });
  await rotation.configure({ enabled: false });
  await write();
  assert.equal(barrier.keyStatus().term, 1);
  await rotation.configure({ enabled: true });
  await write();
  assert.equal(barrier.keyStatus().term, 2);
});
