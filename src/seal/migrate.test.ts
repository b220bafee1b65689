import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { randomBytes } from '../lib/crypto/random.ts';
import { bytes, code, read } from '../storage/conformance/subject.ts';
import type { Store } from '../storage/store.ts';
import {
  configured,
  lifecycleOn,
  memory,
  nothing,
  rawValue,
  sealsOf,
  signal,
  staticSeal,
} from './lifecycle.fixture.ts';
import type { SealLifecycle } from './lifecycle.ts';
import type { Seal } from './seal.ts';
import { SHAMIR, type ConfiguredSeal, type Seals } from './seals.ts';
import { shamirSeal } from './shamir/seal.ts';

interface Started {
  readonly raw: Store;
  readonly shares: readonly Buffer[];
}

/** Initialised with 3 shares, 2 needed, one record and one backup of shares; and ended. */
async function started(t: TestContext, seals: Seals): Promise<Started> {
  const raw = memory(t);
  const lifecycle = lifecycleOn(raw, seals);
  const split = seals.auto ? { recoveryShares: 3, recoveryThreshold: 2 } : { secretShares: 3, secretThreshold: 2 };
  const made = await lifecycle.init(split, (tx) => tx.put('s/root/seed', bytes('seed')));
  const { hex } = (seals.auto ? made.recoveryShares : made.unsealShares).expose();
  const shares = hex.map((share) => Buffer.from(share, 'hex'));
  if (!seals.auto) for (const share of shares.slice(0, 2)) await lifecycle.unseal(share);
  lifecycle.seal();
  return { raw, shares };
}

async function give(lifecycle: SealLifecycle, shares: readonly Buffer[], migrate = true): Promise<void> {
  for (const share of shares) await lifecycle.unseal(share, { migrate });
}

const auto = (seal: Seal, more: Partial<ConfiguredSeal> = {}): Seals => sealsOf([configured(seal, more)]);
const leaving = (old: Seal, to: readonly Seal[]): Seals =>
  sealsOf([
    configured(old, { name: 'old', disabled: true }),
    ...(to.length === 0 ? [configured(shamirSeal())] : to.map((each, at) => configured(each, { name: `new${at}` }))),
  ]);
const has = (raw: Store, key: string): boolean => raw.snapshot().get(key) !== undefined;

test('shamir to auto-unseal: the old shares with `migrate`, which are recovery shares from then on', async (t) => {
  const { raw, shares } = await started(t, auto(shamirSeal()));
  const seal = await staticSeal();
  const lifecycle = lifecycleOn(raw, auto(seal));
  const pending = await lifecycle.open(signal);
  assert.deepEqual(
    [pending.sealed, pending.migration, pending.type, pending.recovery_seal, pending.t, pending.n],
    [true, true, 'static', true, 2, 3],
  );
  const before = Buffer.from(rawValue(raw, 'seal/root'));
  await give(lifecycle, shares.slice(0, 2));
  const status = lifecycle.status();
  assert.deepEqual([status.sealed, status.migration, status.progress], [false, false, 0]);
  assert.equal(read(lifecycle.store, 's/root/seed'), 'seed');
  assert.equal(await lifecycle.authorise(shares.slice(1)), true, 'they authorise');
  assert.equal(await lifecycle.authorise([shares[0] ?? assert.fail(), randomBytes(33)]), false);
  // By itself from then on, also without the old stanza's shares; and no old share opens what is stored.
  const again = lifecycleOn(raw, auto(seal));
  assert.equal((await again.open(signal)).sealed, false);
  assert.equal(read(again.store, 's/root/seed'), 'seed');
  const people = lifecycleOn(raw);
  assert.throws(() => people.status(), code('invalidConfig'));
  // Neither with a copy of the old disk: the root key is another one.
  const old = memory(t);
  await old.transact((tx) => {
    for (const key of raw.snapshot().list('', { limit: 99 })) tx.put(key, rawValue(raw, key));
    tx.put('seal/root', before);
    tx.put('seal/config', Buffer.from(JSON.stringify({ ...JSON.parse(rawText(raw)), type: SHAMIR })));
  });
  await assert.rejects(give(lifecycleOn(old), shares.slice(0, 2), false), code('corrupt'));
});

const rawText = (raw: Store): string => Buffer.from(rawValue(raw, 'seal/config')).toString();

test('auto-unseal to shamir: the recovery shares with `migrate`, which unseal from then on', async (t) => {
  const old = await staticSeal();
  const { raw, shares } = await started(t, auto(old, { name: 'old' }));
  const lifecycle = lifecycleOn(raw, leaving(old, []));
  const pending = await lifecycle.open(signal);
  assert.deepEqual(
    [pending.sealed, pending.migration, pending.type, pending.recovery_seal],
    [true, true, 'shamir', false],
  );
  await give(lifecycle, shares.slice(1));
  assert.deepEqual([lifecycle.status().sealed, lifecycle.status().migration], [false, false]);
  assert.equal(read(lifecycle.store, 's/root/seed'), 'seed');
  assert.deepEqual([has(raw, 'seal/wrapped'), has(raw, 'seal/recovery')], [false, false]);
  const again = lifecycleOn(raw);
  await give(again, shares.slice(0, 2), false);
  assert.equal(read(again.store, 's/root/seed'), 'seed');
  assert.throws(() => lifecycleOn(raw, auto(old)).barrier.store, code('sealed'));
});

test('auto-unseal to auto-unseal: the recovery shares with `migrate` stay what they are', async (t) => {
  const [old, one, two] = [await staticSeal(), await staticSeal(), await staticSeal()];
  const { raw, shares } = await started(t, auto(old, { name: 'old' }));
  const lifecycle = lifecycleOn(raw, leaving(old, [one, two]));
  assert.equal((await lifecycle.open(signal)).migration, true);
  assert.equal(lifecycle.status().type, 'multiseal');
  await give(lifecycle, shares.slice(0, 2));
  assert.equal(read(lifecycle.store, 's/root/seed'), 'seed');
  assert.equal(await lifecycle.authorise(shares.slice(0, 2)), true);
  assert.equal(lifecycle.backends().fully_wrapped, true);
  // With the old stanza still there, and without.
  assert.equal((await lifecycleOn(raw, leaving(old, [one, two])).open(signal)).sealed, false);
  assert.equal((await lifecycleOn(raw, auto(two, { name: 'new1' })).open(signal)).sealed, false);
});

test('migrations stand beside the keys, with who gave the last share, until they are on record; a damaged note is named', async (t) => {
  const old = await staticSeal();
  const { raw, shares } = await started(t, auto(old, { name: 'old' }));
  const next = await staticSeal();
  const lifecycle = lifecycleOn(raw, leaving(old, [next]));
  assert.deepEqual(lifecycle.migrations, []);
  for (const share of shares.slice(0, 2)) await lifecycle.unseal(share, { migrate: true, address: '192.0.2.7' });
  lifecycle.seal();
  const back = lifecycleOn(
    raw,
    sealsOf([configured(next, { name: 'new0', disabled: true }), configured(shamirSeal())]),
  );
  await give(back, shares.slice(0, 2));
  assert.deepEqual(
    back.migrations.map(({ from, to, address }) => ({ from, to, address })),
    [
      { from: ['old'], to: ['new0'], address: '192.0.2.7' },
      { from: ['new0'], to: [SHAMIR], address: '' },
    ],
  );
  await back.settleMigrations();
  assert.deepEqual(back.migrations, []);
  const noted = { version: 1, migrations: [{ from: ['a'], to: ['b'], address: '', at: 1 }] };
  for (const [stored, name] of [
    ['{', 'corrupt'],
    [JSON.stringify({ ...noted, version: 2 }), 'formatVersion'],
    [JSON.stringify({ ...noted, migrations: [{ from: 'a' }] }), 'corrupt'],
  ] as const) {
    await raw.transact((tx) => tx.put('seal/migrated', Buffer.from(stored)));
    assert.throws(() => back.migrations, code(name), stored);
  }
  assert.equal(back.barrier.sealed, false, 'it opens all the same');
});

test('refused by name: not asked for, asked for nothing, wrong shares, the wrong stanza; and nothing was changed', async (t) => {
  const { raw, shares } = await started(t, auto(shamirSeal()));
  const seal = await staticSeal();
  const before = raw.position.sequence;
  const lifecycle = lifecycleOn(raw, auto(seal));
  const refused = (work: Promise<unknown>, words: RegExp, name: Parameters<typeof code>[0] = 'badRequest') =>
    assert.rejects(work, (error: Error) => {
      assert.match(error.message, words);
      return code(name)(error);
    });
  await refused(give(lifecycle, shares, false), /migrate option not provided and seal migration is pending/);
  assert.equal(lifecycle.status().progress, 0);
  await refused(give(lifecycleOn(raw), shares), /no migration seal found/);
  // The last byte of a share is its place; two of one place add up to nothing.
  const places = (...all: readonly number[]) => all.map((place) => Buffer.concat([randomBytes(32), Buffer.of(place)]));
  await refused(give(lifecycle, places(1, 2)), /takes the unseal keys/, 'invalidShares');
  await refused(give(lifecycle, places(1, 1)), /takes the unseal keys/, 'invalidShares');
  assert.deepEqual([lifecycle.status().progress, lifecycle.status().sealed], [0, true]);
  assert.equal(raw.position.sequence, before);

  const other = await started(t, auto(seal, { name: 'old' }));
  const people = lifecycleOn(other.raw, leaving(seal, []));
  await refused(give(people, places(1, 2)), /takes the recovery keys/, 'invalidShares');
  assert.equal(people.barrier.sealed, true);
  assert.throws(() => lifecycleOn(other.raw).status(), code('invalidConfig'), 'the old stanza is missing');
  const wrong = lifecycleOn(other.raw, leaving(await staticSeal(), []));
  await refused(give(wrong, other.shares.slice(0, 2)), /does not open/, 'corrupt');
  await give(people, other.shares.slice(0, 2));
  assert.equal(people.barrier.sealed, false);
});

test('when the new seal cannot be reached the migration waits: nothing was changed, and it can be tried again', async (t) => {
  const { raw, shares } = await started(t, auto(shamirSeal()));
  const seal = await staticSeal();
  let away = true;
  const { wrapper } = seal;
  assert.ok(wrapper !== undefined);
  const flaky: Seal = {
    ...seal,
    wrapper: {
      ...wrapper,
      wrap: async (...given) => (away ? Promise.reject(new Error('away')) : wrapper.wrap(...given)),
    },
  };
  const lifecycle = lifecycleOn(raw, auto(flaky));
  await assert.rejects(give(lifecycle, shares.slice(0, 2)), { message: 'away' });
  assert.deepEqual([lifecycle.status().sealed, lifecycle.status().migration], [true, true]);
  const people = lifecycleOn(raw);
  await give(people, shares.slice(0, 2), false);
  assert.equal(people.barrier.sealed, false, 'the old way still opens');
  away = false;
  await give(lifecycle, shares.slice(0, 2));
  assert.equal(lifecycle.status().sealed, false);
});

test('a seal that encrypts and does not decrypt is found out before anything depends on it', async (t) => {
  const seal = await staticSeal();
  const { wrapper } = seal;
  assert.ok(wrapper !== undefined);
  const oneWay: Seal = { ...seal, wrapper: { ...wrapper, unwrap: async () => Promise.reject(new Error('denied')) } };
  const raw = memory(t);
  await assert.rejects(lifecycleOn(raw, auto(oneWay)).init({}, nothing), { message: 'denied' });
  assert.equal(raw.position.sequence, 0);
});
