import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { randomBytes } from '../lib/crypto/random.ts';
import { bytes, code, put, read } from '../storage/conformance/subject.ts';
import { damages, initialised, lifecycleOn, memory, nothing, rawValue, signal, unseal } from './lifecycle.fixture.ts';

test('before init: not initialised, sealed, and unsealing is refused', async (t) => {
  const lifecycle = lifecycleOn(memory(t));
  assert.deepEqual(lifecycle.status(), {
    type: 'shamir',
    initialized: false,
    sealed: true,
    t: 0,
    n: 0,
    progress: 0,
    nonce: '',
    version: '1.0.0',
    build_date: '2026-01-01T00:00:00Z',
    migration: false,
    recovery_seal: false,
    storage_type: 'inmem',
  });
  await assert.rejects(lifecycle.unseal(randomBytes(33)), code('notInitialized'));
  await assert.rejects(lifecycle.authorise([randomBytes(33)]), code('notInitialized'));
  assert.equal((await lifecycle.open(signal)).sealed, true);
  assert.throws(() => lifecycle.store, code('sealed'));
});

test('init gives five shares, three of which unseal, step by step', async (t) => {
  const { raw, lifecycle, share } = await initialised(t);
  assert.deepEqual([lifecycle.status().t, lifecycle.status().n, lifecycle.status().sealed], [3, 5, true]);
  const first = await lifecycle.unseal(share(4));
  assert.equal(first.progress, 1);
  assert.match(first.nonce, /^[0-9a-f-]{36}$/);
  const second = await lifecycle.unseal(share(1));
  assert.deepEqual([second.progress, second.nonce, second.sealed], [2, first.nonce, true]);
  const third = await lifecycle.unseal(share(2));
  assert.deepEqual([third.progress, third.nonce, third.sealed], [0, '', false]);
  await put(lifecycle.store, 's/root/a', 'v');
  lifecycle.seal();
  assert.equal(lifecycle.status().sealed, true);
  const again = lifecycleOn(raw);
  await unseal(again, [share(0), share(3), share(4)]);
  assert.equal(read(again.store, 's/root/a'), 'v');
  assert.deepEqual(await again.unseal(share(1)), again.status(), 'a share more changes nothing');
});

test('hex and base64 name the same shares, which print as [redacted]', async (t) => {
  const made = await lifecycleOn(memory(t)).init({}, nothing);
  const { hex, base64 } = made.unsealShares.expose();
  assert.equal(new Set(hex).size, 5);
  assert.deepEqual(
    base64.map((share) => Buffer.from(share, 'base64').toString('hex')),
    hex,
  );
  assert.deepEqual(made.recoveryShares.expose(), { hex: [], base64: [] });
  assert.ok(!inspect(made, { depth: 9, showHidden: true }).includes(hex[0] ?? ''));
  assert.ok(!JSON.stringify(made).includes(hex[0] ?? ''));
});

for (const [secretShares, secretThreshold] of [
  [1, 1],
  [2, 2],
  [7, 2],
] as const) {
  test(`${secretShares} shares with a threshold of ${secretThreshold} unseal`, async (t) => {
    const { lifecycle, shares } = await initialised(t, { secretShares, secretThreshold, storedShares: 1 });
    assert.equal(shares.length, secretShares);
    await unseal(lifecycle, shares.slice(-secretThreshold));
    assert.equal(lifecycle.status().sealed, false);
  });
}

test('init refuses numbers that cannot be, and leaves the store as it was', async (t) => {
  const raw = memory(t);
  const lifecycle = lifecycleOn(raw);
  for (const options of [
    { secretShares: 0, secretThreshold: 0 },
    { secretShares: 5, secretThreshold: 1 },
    { secretShares: 3, secretThreshold: 4 },
    { secretShares: 256, secretThreshold: 3 },
    { secretShares: 2.5, secretThreshold: 2 },
    { secretShares: 5, secretThreshold: 3, recoveryShares: 5 },
  ]) {
    await assert.rejects(lifecycle.init(options, nothing), code('badRequest'));
  }
  assert.equal(raw.position.sequence, 0);
});

test('init twice is refused, also by another node and when unsealed', async (t) => {
  const { raw, lifecycle, shares } = await initialised(t);
  await assert.rejects(lifecycle.init({}, nothing), code('alreadyInitialized'));
  await assert.rejects(lifecycleOn(raw).init({}, nothing), code('alreadyInitialized'));
  await unseal(lifecycle, shares.slice(2));
  await assert.rejects(lifecycle.init({}, nothing), code('alreadyInitialized'));
  assert.equal(lifecycle.status().sealed, false);
});

test('of many inits at once, on one node and several, one wins, and its shares are the ones that unseal', async (t) => {
  const raw = memory(t);
  const nodes = [lifecycleOn(raw), lifecycleOn(raw), lifecycleOn(raw)];
  const results = await Promise.allSettled(
    [...nodes, ...nodes].map((node, at) => node.init({}, (tx) => (tx.put('s/root/winner', bytes(String(at))), at))),
  );
  const won = results.filter((result) => result.status === 'fulfilled');
  assert.equal(won.length, 1);
  for (const result of results) if (result.status === 'rejected') assert.ok(code('alreadyInitialized')(result.reason));
  const made = won[0]?.value ?? assert.fail();
  const [node] = nodes;
  await unseal(
    node ?? assert.fail(),
    made.unsealShares
      .expose()
      .hex.slice(0, 3)
      .map((share) => Buffer.from(share, 'hex')),
  );
  assert.equal(read(node?.store ?? assert.fail(), 's/root/winner'), String(made.seeded));
});

test('a seed that throws leaves no trace, and init can be tried again', async (t) => {
  const raw = memory(t);
  const lifecycle = lifecycleOn(raw);
  await assert.rejects(
    lifecycle.init({}, () => {
      throw new Error('no root token');
    }),
    /no root token/,
  );
  assert.equal(raw.position.sequence, 0);
  assert.equal(lifecycle.initialized, false);
  await lifecycle.init({}, nothing);
  assert.equal(lifecycle.initialized, true);
});

test('init refuses a store that holds data without a seal, naming what it found', async (t) => {
  const { raw, shares } = await initialised(t);
  const node = lifecycleOn(raw);
  await unseal(node, shares.slice(2));
  await put(node.store, 's/root/a', 'v');
  await raw.transact((tx) => tx.delete('seal/config'));
  await assert.rejects(
    lifecycleOn(raw).init({}, nothing),
    (error: Error) => code('corrupt')(error) && error.message.includes('seal/root, seal/keyring, s/'),
  );
});

test('a share given twice counts once; reset forgets all and names a new attempt', async (t) => {
  const { lifecycle, share } = await initialised(t);
  const { nonce } = await lifecycle.unseal(share(0));
  for (let round = 0; round < 5; round++) assert.equal((await lifecycle.unseal(share(0))).progress, 1);
  assert.equal((await lifecycle.unseal(share(1))).progress, 2);
  const reset = await lifecycle.unseal(share(2), { reset: true });
  assert.deepEqual([reset.progress, reset.nonce, reset.sealed], [0, '', true]);
  assert.equal((await lifecycle.unseal(undefined, { reset: true })).progress, 0);
  const anew = await lifecycle.unseal(share(2));
  assert.equal(anew.progress, 1);
  assert.notEqual(anew.nonce, nonce);
});

test('shares of a wrong length are refused and not counted', async (t) => {
  const { lifecycle, share } = await initialised(t);
  await lifecycle.unseal(share(0));
  for (const wrong of [undefined, new Uint8Array(0), randomBytes(32), randomBytes(34), Buffer.alloc(1 << 20)]) {
    await assert.rejects(lifecycle.unseal(wrong), code('badRequest'));
  }
  assert.equal(lifecycle.status().progress, 1);
});

test('a wrong share fails the whole attempt without telling which, and the right ones work afterwards', async (t) => {
  const { lifecycle, share, shares } = await initialised(t);
  const foreign = (await initialised(t)).share(0);
  const flipped = Buffer.from(share(1));
  flipped.writeUInt8(flipped.readUInt8(3) ^ 1, 3);
  const sameCoordinate = Buffer.from(share(0));
  sameCoordinate.writeUInt8(sameCoordinate.readUInt8(0) ^ 1, 0);
  const messages = new Set<string>();
  for (const attempt of [
    [foreign, share(1), share(2)],
    [share(0), share(2), foreign],
    [share(0), flipped, share(2)],
    [share(0), sameCoordinate, share(2)],
    [randomBytes(33), randomBytes(33), randomBytes(33)],
    [share(0), share(1), Buffer.alloc(33)],
  ]) {
    await unseal(lifecycle, attempt.slice(0, 2));
    await assert.rejects(unseal(lifecycle, attempt.slice(2)), (error: Error) => {
      messages.add(error.message);
      return code('invalidShares')(error);
    });
    const { progress, nonce, sealed } = lifecycle.status();
    assert.deepEqual([progress, nonce, sealed], [0, '', true]);
  }
  assert.equal(messages.size, 1);
  await unseal(lifecycle, shares.slice(0, 3));
  assert.equal(lifecycle.status().sealed, false);
});

test('shares that arrive at once are counted one after the other, right ones and doubles alike', async (t) => {
  const { lifecycle, shares } = await initialised(t);
  const statuses = await Promise.all([...shares, ...shares].map((share) => lifecycle.unseal(share)));
  assert.deepEqual(
    statuses.map(({ sealed }) => sealed),
    [true, true, ...Array.from({ length: 8 }, () => false)],
  );
});

test('sealing forgets half an attempt', async (t) => {
  const { lifecycle, share } = await initialised(t);
  await unseal(lifecycle, [share(0), share(1)]);
  lifecycle.seal();
  assert.equal(lifecycle.status().progress, 0);
  assert.equal((await lifecycle.unseal(share(2))).sealed, true);
});

const told = (error: Error): boolean =>
  (['corrupt', 'formatVersion', 'invalidShares', 'invalidConfig'] as const).some((each) => code(each)(error));

test('a changed byte in any record of the seal keeps the store sealed, with an error that says so', async (t) => {
  const { raw, share } = await initialised(t);
  for (const name of ['seal/config', 'seal/root', 'seal/keyring']) {
    const good = Buffer.from(rawValue(raw, name));
    for (const [at, damaged] of damages(good)) {
      await raw.transact((tx) => tx.put(name, damaged));
      const lifecycle = lifecycleOn(raw);
      const attempt = unseal(lifecycle, [share(0), share(1), share(2), share(3), share(4)]);
      await assert.rejects(attempt, (error: Error) => told(error) && error.message.includes(name), `${name} ${at}`);
      assert.equal(lifecycle.barrier.sealed, true, `${name} byte ${at}`);
    }
    await raw.transact((tx) => tx.delete(name));
    const without = lifecycleOn(raw);
    await assert.rejects(
      unseal(without, [share(0), share(1), share(2)]),
      (error: Error) => code('notInitialized')(error) || (code('corrupt')(error) && error.message.includes(name)),
    );
    await raw.transact((tx) => tx.put(name, good));
  }
  await unseal(lifecycleOn(raw), [share(0), share(1), share(2)]);
});

test('neither unseal shares nor the canary lie in the store, and the records of another store do not fit', async (t) => {
  const one = await initialised(t);
  const two = await initialised(t);
  using snapshot = one.raw.snapshot();
  for (const name of snapshot.list('', { limit: 100 })) {
    const value = Buffer.from(snapshot.get(name) ?? assert.fail());
    for (const share of one.shares) assert.equal(value.indexOf(share.subarray(0, 32)), -1);
  }
  const other = rawValue(two.raw, 'seal/keyring');
  await one.raw.transact((tx) => tx.put('seal/keyring', other));
  await assert.rejects(unseal(one.lifecycle, one.shares.slice(0, 3)), code('corrupt'));
  assert.equal(one.lifecycle.status().sealed, true);
});

test('key status and rotation go through the lifecycle, and survive sealing', async (t) => {
  const { lifecycle, shares } = await initialised(t);
  assert.throws(() => lifecycle.keyStatus(), code('sealed'));
  await unseal(lifecycle, shares.slice(0, 3));
  assert.equal(lifecycle.keyStatus().term, 1);
  await put(lifecycle.store, 's/root/a', 'v');
  assert.equal(lifecycle.keyStatus().encryptions, 1);
  assert.equal((await lifecycle.rotate()).term, 2);
  lifecycle.seal();
  await unseal(lifecycle, shares.slice(2));
  assert.equal(lifecycle.keyStatus().term, 2);
  assert.equal(read(lifecycle.store, 's/root/a'), 'v');
});
