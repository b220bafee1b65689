import assert from 'node:assert/strict';
import { test } from 'node:test';

import { randomBytes } from '../lib/crypto/random.ts';
import { bytes, code, read } from '../storage/conformance/subject.ts';
import {
  damages,
  initialised,
  lifecycleOn,
  memory,
  nothing,
  rawValue,
  signal,
  staticSeal,
} from './lifecycle.fixture.ts';
import type { Seal } from './seal.ts';
import { openStaticSeal } from './static/seal.ts';

test('auto-unseal: init leaves it unsealed with recovery shares, and it opens by itself afterwards', async (t) => {
  const raw = memory(t);
  const seal = await staticSeal();
  const lifecycle = lifecycleOn(raw, seal);
  assert.equal(lifecycle.status().recovery_seal, true);
  await assert.rejects(lifecycle.init({ secretShares: 5, secretThreshold: 3 }, nothing), code('badRequest'));
  const made = await lifecycle.init({ secretShares: 0, secretThreshold: 0 }, (tx) =>
    tx.put('s/root/seed', bytes('seed')),
  );
  assert.deepEqual(made.unsealShares.expose(), { hex: [], base64: [] });
  assert.equal(made.recoveryShares.expose().hex.length, 5);
  const status = lifecycle.status();
  assert.deepEqual([status.type, status.sealed, status.t, status.n], ['static', false, 3, 5]);
  const again = lifecycleOn(raw, seal);
  assert.equal(again.status().sealed, true);
  assert.deepEqual(await again.open(signal), again.status());
  assert.equal(read(again.store, 's/root/seed'), 'seed');
  assert.equal((await again.open(signal)).sealed, false);
  again.seal();
  await assert.rejects(again.unseal(randomBytes(33)), code('badRequest'));
  assert.equal((await again.open(signal)).sealed, false);
});

test('auto-unseal refuses another key, a damaged record and another kind of seal', async (t) => {
  const raw = memory(t);
  const seal = await staticSeal();
  await lifecycleOn(raw, seal).init({}, nothing);
  await assert.rejects(lifecycleOn(raw, await staticSeal()).open(signal), code('corrupt'));
  assert.throws(
    () => lifecycleOn(raw).status(),
    (error: Error) => code('invalidConfig')(error) && error.message.includes('"static"'),
  );
  for (const name of ['seal/config', 'seal/root', 'seal/keyring', 'seal/wrapped']) {
    const good = Buffer.from(rawValue(raw, name));
    // A seal may be renamed: its name binds nothing. Nor does white space.
    const [from, to] = name === 'seal/wrapped' ? [good.indexOf('static'), good.indexOf('","type"')] : [0, 0];
    for (const [at, damaged] of damages(good)) {
      if ((Number(at) >= from && Number(at) < to) || (to > 0 && at === 'grown')) continue;
      await raw.transact((tx) => tx.put(name, damaged));
      const lifecycle = lifecycleOn(raw, seal);
      await assert.rejects(
        lifecycle.open(signal),
        (error) => (['corrupt', 'formatVersion', 'invalidConfig'] as const).some((each) => code(each)(error)),
        `${name} ${at}`,
      );
      assert.equal(lifecycle.barrier.sealed, true);
    }
    await raw.transact((tx) => tx.put(name, good));
  }
  assert.equal((await lifecycleOn(raw, seal).open(signal)).sealed, false);
});

test('after a change of the wrapping key the previous one is needed once', async (t) => {
  const raw = memory(t);
  const [one, two] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  const old = await openStaticSeal({ current_key_id: '1', current_key: one }, { env: nothing });
  const both = await openStaticSeal(
    { current_key_id: '2', current_key: two, previous_key_id: '1', previous_key: one },
    { env: nothing },
  );
  const next = await openStaticSeal({ current_key_id: '2', current_key: two }, { env: nothing });
  await lifecycleOn(raw, old).init({}, nothing);
  await assert.rejects(lifecycleOn(raw, next).open(signal), code('invalidConfig'));
  const warnings: unknown[] = [];
  const broken: Seal = {
    ...both,
    ...(both.wrapper && { wrapper: { ...both.wrapper, wrap: () => Promise.reject(new Error('unreachable')) } }),
  };
  assert.equal((await lifecycleOn(raw, broken, warnings).open(signal)).sealed, false, 'serves nevertheless');
  assert.equal(warnings.length, 1);
  await lifecycleOn(raw, both, warnings).open(signal);
  assert.equal(warnings.length, 1);
  assert.equal((await lifecycleOn(raw, next).open(signal)).sealed, false);
  await assert.rejects(lifecycleOn(raw, old).open(signal), code('invalidConfig'));
});

test('unseal shares authorise, sealed or not; recovery shares do on an unsealed node', async (t) => {
  const { lifecycle, share } = await initialised(t);
  assert.equal(await lifecycle.authorise([share(0), share(1), share(2)]), true);
  assert.equal(await lifecycle.authorise([share(0), share(1)]), false);
  assert.equal(await lifecycle.authorise([share(0), share(1), randomBytes(33)]), false);
  assert.equal(lifecycle.status().progress, 0);

  const raw = memory(t);
  const auto = lifecycleOn(raw, await staticSeal());
  const made = await auto.init({ recoveryShares: 3, recoveryThreshold: 2 }, nothing);
  const [a, b, c] = made.recoveryShares.expose().hex.map((text) => Buffer.from(text, 'hex'));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  assert.equal(await auto.authorise([c, a]), true);
  assert.equal(await auto.authorise([a, b, c]), false);
  assert.equal(await auto.authorise([a, share(0)]), false);
  // Who can write to the disk cannot choose a recovery key.
  await raw.transact((tx) => tx.put('seal/recovery', randomBytes(32)));
  assert.equal(await auto.authorise([a, b]), false);
  auto.seal();
  await assert.rejects(auto.authorise([a, b]), code('sealed'));
});
