import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { fail } from '../errors.ts';
import { randomBytes } from '../lib/crypto/random.ts';
import { bytes, code, read } from '../storage/conformance/subject.ts';
import type { Store } from '../storage/store.ts';
import { encryptEnvelope } from './envelope.ts';
import { newKey } from './keyring.ts';
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
import { storedIn } from './rewrap.ts';
import { SealWatch } from './seal-watch.ts';
import type { ConfiguredSeal } from './seals.ts';
import { decodeWrapped, encodeWrapped } from './wrapped.ts';

/** A seal that can be taken away, and counts what it is asked. */
interface Subject extends Seal {
  away: boolean;
  asked: number;
}

async function subject(): Promise<Subject> {
  const { wrapper, ...rest } = await staticSeal();
  assert.ok(wrapper !== undefined);
  const about: Pick<Subject, 'away' | 'asked'> = { away: false, asked: 0 };
  const asked = async (): Promise<void> => {
    about.asked += 1;
    if (about.away) throw fail('timeout', 'it is away');
  };
  return Object.assign(about, {
    ...rest,
    check: async () => (about.away ? ('unreachable' as const) : ('healthy' as const)),
    wrapper: {
      ...wrapper,
      wrap: async (...given: Parameters<typeof wrapper.wrap>) => asked().then(() => wrapper.wrap(...given)),
      unwrap: async (...given: Parameters<typeof wrapper.unwrap>) => asked().then(() => wrapper.unwrap(...given)),
    },
  });
}

async function pair(t: TestContext) {
  const [one, two] = [await subject(), await subject()];
  const warnings: unknown[] = [];
  const raw = memory(t);
  const both: readonly ConfiguredSeal[] = [
    configured(one, { name: 'one', priority: 1 }),
    configured(two, { name: 'two', priority: 2 }),
  ];
  const on = (list: readonly ConfiguredSeal[] = both): SealLifecycle => lifecycleOn(raw, sealsOf(list, warnings));
  return { raw, one, two, both, warnings, on };
}

const started = async (lifecycle: SealLifecycle): Promise<SealLifecycle> => {
  await lifecycle.init({}, (tx) => tx.put('s/root/seed', bytes('seed')));
  return lifecycle;
};
const wrappedIn = (raw: Store): readonly string[] =>
  decodeWrapped(rawValue(raw, 'seal/wrapped')).map(({ name }) => name);
const warned = (warnings: readonly unknown[], word: string): boolean => JSON.stringify(warnings).includes(word);

test('two seals: either one opens the node while the other is away, and its status says which', async (t) => {
  const { raw, one, two, on, warnings } = await pair(t);
  const first = await started(on());
  assert.deepEqual([first.status().type, first.status().recovery_seal], ['multiseal', true]);
  assert.deepEqual(wrappedIn(raw), ['one', 'two']);
  assert.equal(first.backends().fully_wrapped, true);
  for (const [away, there] of [
    [one, two],
    [two, one],
  ] as const) {
    away.away = true;
    const lifecycle = on();
    assert.equal((await lifecycle.open(signal)).sealed, false);
    assert.equal(read(lifecycle.store, 's/root/seed'), 'seed');
    await lifecycle.watch.run();
    const { healthy, backends, fully_wrapped: whole } = lifecycle.backends();
    assert.deepEqual([healthy, whole], [false, true], 'what the one that is away wrapped is still good');
    const found = backends.map((each) => [each.healthy, typeof each.unhealthy_since, typeof each.last_seen]);
    assert.deepEqual(found[away === one ? 0 : 1], [false, 'string', 'undefined']);
    assert.deepEqual(found[away === one ? 1 : 0], [true, 'undefined', 'string']);
    away.away = false;
    await lifecycle.watch.run();
    assert.equal(lifecycle.backends().healthy, true);
    assert.ok(there.asked > 0);
  }
  assert.ok(warned(warnings, 'it is away') && warned(warnings, '"one"') && warned(warnings, '"two"'));
});

test('all are away: the error names each, trying again helps, and nothing was changed', async (t) => {
  const { raw, one, two, on } = await pair(t);
  await started(on());
  const before = Buffer.from(rawValue(raw, 'seal/wrapped'));
  one.away = two.away = true;
  const lifecycle = on();
  await assert.rejects(lifecycle.open(signal), (error: Error) => {
    assert.match(error.message, /none of the seals can open this node: it is away; it is away/);
    return code('timeout')(error);
  });
  await lifecycle.watch.run();
  assert.equal(lifecycle.backends().healthy, false);
  assert.deepEqual(Buffer.from(rawValue(raw, 'seal/wrapped')), before);
  one.away = false;
  assert.equal((await lifecycle.open(signal)).sealed, false);
});

test('a seal that was away when the key was made is wrapped as soon as it is back, and opens alone then', async (t) => {
  const { raw, one, two, both, on } = await pair(t);
  two.away = true;
  const lifecycle = await started(on());
  assert.deepEqual(wrappedIn(raw), ['one']);
  assert.equal(lifecycle.backends().fully_wrapped, false);
  await lifecycle.watch.run();
  assert.deepEqual(wrappedIn(raw), ['one'], 'still away');
  two.away = false;
  await lifecycle.watch.run();
  assert.deepEqual(wrappedIn(raw), ['one', 'two']);
  assert.equal(lifecycle.backends().fully_wrapped, true);
  one.away = true;
  assert.equal((await on().open(signal)).sealed, false);
  assert.equal((await on(both.slice(1)).open(signal)).sealed, false);
});

test('without any seal there is no init, and without one of two no new keys are lost', async (t) => {
  const { raw, one, two, on } = await pair(t);
  one.away = two.away = true;
  await assert.rejects(on().init({}, nothing), code('timeout'));
  using snapshot = raw.snapshot();
  assert.deepEqual(snapshot.list('', { limit: 9 }), []);
  one.away = two.away = false;
  const lifecycle = await started(on());
  two.away = true;
  // The old wrapping would open nothing any more: it must not stay.
  await lifecycle.replaceKeys({ split: lifecycle.shareholders.split }, async () => undefined);
  assert.deepEqual(wrappedIn(raw), ['one']);
  two.away = false;
  await lifecycle.watch.run();
  one.away = true;
  assert.equal((await on().open(signal)).sealed, false);
});

test('seals are added, removed, renamed and replaced through the configuration', async (t) => {
  const { raw, one, two, both, on } = await pair(t);
  const [first, second] = both;
  assert.ok(first !== undefined && second !== undefined);
  await started(on([first]));
  assert.deepEqual(wrappedIn(raw), ['one']);
  const step = async (list: readonly ConfiguredSeal[], names: readonly string[]): Promise<void> => {
    const lifecycle = on(list);
    assert.equal((await lifecycle.open(signal)).sealed, false);
    await lifecycle.watch.run();
    assert.deepEqual(wrappedIn(raw), names);
    assert.equal(read(lifecycle.store, 's/root/seed'), 'seed');
    assert.equal(lifecycle.backends().fully_wrapped, true);
    assert.equal(lifecycle.status().migration, false);
  };
  await step(both, ['one', 'two']);
  await step([second], ['two']);
  assert.equal((await on([second]).open(signal)).type, 'static');
  await step([{ ...second, name: 'new name' }], ['new name']);
  await step([{ ...second, name: 'new name' }, first], ['one', 'new name']);
  // One that is disabled wraps no more.
  await step([{ ...second, name: 'new name', disabled: true }, first], ['one']);
  const strange = on([configured(await staticSeal(), { name: 'strange' })]);
  await assert.rejects(strange.open(signal), code('corrupt'));
  assert.throws(
    () => on([configured({ ...two, type: 'transit' }, { name: 'far' })]).status(),
    (error: Error) => code('invalidConfig')(error) && error.message.includes('"static" (one)'),
  );
  assert.equal(one.away, false);
});

test('a wrapping that was tampered with, or is another key, leaves the others to open: it is named, and made anew', async (t) => {
  const { raw, on, both, warnings } = await pair(t);
  await started(on());
  const good = decodeWrapped(rawValue(raw, 'seal/wrapped'));
  const [first, second] = good;
  assert.ok(first !== undefined && second !== undefined);
  const flipped = Uint8Array.from(first.wrapped);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const other = await staticSeal();
  const foreign = (await other.wrapper?.wrap(newKey(), signal)) ?? assert.fail();
  for (const wrapped of [flipped, new Uint8Array(0), foreign, randomBytes(80)]) {
    await raw.transact((tx) => tx.put('seal/wrapped', encodeWrapped([{ ...first, wrapped }, second])));
    warnings.length = 0;
    const lifecycle = on();
    assert.equal((await lifecycle.open(signal)).sealed, false);
    assert.ok(warned(warnings, '"seal":"one"'), JSON.stringify(warnings));
    assert.equal(lifecycle.backends().fully_wrapped, false);
    await lifecycle.watch.run();
    assert.deepEqual([lifecycle.backends().fully_wrapped, lifecycle.backends().healthy], [true, true]);
    assert.equal((await on(both.slice(0, 1)).open(signal)).sealed, false);
  }
});

test('what a seal of lower rank wrapped is looked at while the node runs, before it is needed', async (t) => {
  const { raw, on, warnings } = await pair(t);
  await started(on());
  const [first, second] = decodeWrapped(rawValue(raw, 'seal/wrapped'));
  assert.ok(first !== undefined && second !== undefined);
  await raw.transact((tx) => tx.put('seal/wrapped', encodeWrapped([first, { ...second, wrapped: first.wrapped }])));
  const lifecycle = on();
  await lifecycle.open(signal);
  assert.equal(warnings.length, 0);
  await lifecycle.watch.run();
  assert.ok(warned(warnings, '"seal":"two"'));
  assert.equal(lifecycle.backends().fully_wrapped, true, 'and mended');
});

test('a sealed node asks its seals whether they answer, and for no key', async (t) => {
  const { one, two, on } = await pair(t);
  await started(on());
  const lifecycle = on();
  one.asked = two.asked = 0;
  two.away = true;
  await lifecycle.watch.run();
  assert.deepEqual([one.asked, two.asked], [0, 0]);
  assert.deepEqual(
    lifecycle.backends().backends.map(({ healthy }) => healthy),
    [true, false],
  );
});

test('checks come every 10 minutes, every minute while a seal is unhealthy, and at once after an unseal', async (t) => {
  const { raw, one } = await pair(t);
  let now = 0;
  let checks = 0;
  const counting = {
    ...one,
    check: async () => ((checks += 1), one.away ? ('unreachable' as const) : ('healthy' as const)),
  };
  const watched = sealsOf([configured(counting, { name: 'one' })]);
  const watch = new SealWatch({ raw, seals: watched, sealed: () => true, clock: () => now });
  const at = async (minute: number): Promise<number> => {
    now = minute * 60_000;
    watch.tick();
    await watch.idle;
    return checks;
  };
  assert.equal(await at(0), 1);
  assert.equal(await at(9), 1);
  one.away = true;
  assert.equal(await at(10), 2);
  assert.equal(await at(11), 3);
  assert.equal(await at(11.5), 3);
  watch.soon();
  assert.equal(await at(11.6), 4);
  watch[Symbol.dispose]();
  assert.equal(await at(100), 4);
});

test('a store of the former format, where the key lies in seal/root, opens and is brought to the new one', async (t) => {
  const { raw, one, on, both } = await pair(t);
  await started(on(both.slice(0, 1)));
  const stored = storedIn(raw) ?? assert.fail();
  const [wrapped] = stored.wrapped;
  const seals = sealsOf([configured(one, { name: 'one' })]);
  const { unsealKey, root } = await seals.open(stored, seals.enabled, signal);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(stored.configBytes.length);
  const context = Buffer.concat([Buffer.from('lockstep seal/root'), length, stored.configBytes]);
  await raw.transact((tx) => {
    tx.put(
      'seal/root',
      encryptEnvelope(unsealKey, root, { format: 1, head: wrapped?.wrapped ?? assert.fail(), context }),
    );
    tx.delete('seal/wrapped');
  });
  const lifecycle = lifecycleOn(raw, one);
  assert.equal((await lifecycle.open(signal)).sealed, false);
  assert.deepEqual(wrappedIn(raw), ['static']);
  assert.equal(rawValue(raw, 'seal/root')[0], 2);
  assert.equal((await lifecycleOn(raw, one).open(signal)).sealed, false);
});
