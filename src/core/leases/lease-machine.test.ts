/** What must hold of a lease whatever happens to it, and the way of those that cannot be revoked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dueAt, leaseMachine, MOST_TRIES, type LeaseInput, type LeaseState } from './lease-machine.ts';

const { initial, step } = leaseMachine;

const time = fc.integer({ min: 0, max: 1_000_000 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const input: fc.Arbitrary<LeaseInput> = fc.oneof(
  fc.record({ kind: fc.constant('intended' as const), deadline: time }),
  fc.record({ kind: fc.constant('made' as const), expiresAt: time }),
  fc.record({ kind: fc.constant('cutOff' as const), now: time }),
  fc.record({ kind: fc.constant('renewed' as const), now: time, expiresAt: time }),
  fc.record({ kind: fc.constant('ended' as const), now: time }),
  fc.record({ kind: fc.constant('due' as const), now: time, guard: time }),
  fc.record({ kind: fc.constant('tried' as const), now: time, guard: time }),
  fc.record({ kind: fc.constant('revoked' as const), now: time }),
  fc.record({ kind: fc.constant('failed' as const), now: time, error: fc.constant('no'), random }),
  fc.record({ kind: fc.constant('forgotten' as const) }),
);

const isOver = ({ kind }: LeaseState): boolean => kind === 'ending' || kind === 'irrevocable';

function assertForgotten(before: LeaseState, each: LeaseInput): void {
  assert.ok(isOver(before));
  if (each.kind === 'forgotten') return;
  assert.ok(each.kind === 'revoked' && 'until' in before && before.until <= each.now);
}

function assertAlive(before: LeaseState, each: LeaseInput): void {
  assert.ok(!isOver(before));
  assert.ok(before.kind === 'live' || each.kind === 'made');
}

function assertStep(before: LeaseState, each: LeaseInput): LeaseState {
  const { state: after, outputs } = step(before, each);
  if (outputs.includes('refused')) assert.deepEqual(after, before);
  if (outputs.includes('revoke')) assert.ok(isOver(after));
  if (after.kind === 'none' && before.kind !== 'none') assertForgotten(before, each);
  if (after.kind === 'live') assertAlive(before, each);
  if (after.kind === 'pending') assert.ok(before.kind === 'pending' || each.kind === 'intended');
  // Whatever there is comes up again.
  assert.equal(dueAt(after) === undefined, after.kind === 'none');
  return after;
}

test('a lease is forgotten only once it is revoked, or an operator says so, and lives only once it is made', () => {
  fc.assert(
    fc.property(fc.array(input, { maxLength: 40 }), (inputs) => {
      inputs.reduce(assertStep, initial);
    }),
  );
});

const steps = (inputs: readonly LeaseInput[], from: LeaseState = initial): LeaseState =>
  inputs.reduce<LeaseState>((state, each) => step(state, each).state, from);

test('what was cut off is undone twice: at once, and when nothing of it can arrive any more', () => {
  const cut = steps([
    { kind: 'intended', deadline: 1_000 },
    { kind: 'cutOff', now: 10 },
  ]);
  assert.equal(dueAt(cut), 10);
  const once = steps(
    [
      { kind: 'due', now: 10, guard: 500 },
      { kind: 'revoked', now: 20 },
    ],
    cut,
  );
  assert.equal(dueAt(once), 1_000);
  assert.deepEqual(step(once, { kind: 'due', now: 999, guard: 5_000 }).outputs, ['refused']);
  const twice = steps(
    [
      { kind: 'due', now: 1_000, guard: 5_000 },
      { kind: 'revoked', now: 1_010 },
    ],
    once,
  );
  assert.deepEqual(twice, initial);
});

test('the owner of an intent that was claimed cannot make it live any more', () => {
  const claimed = steps([
    { kind: 'intended', deadline: 100 },
    { kind: 'due', now: 100, guard: 200 },
  ]);
  assert.deepEqual(step(claimed, { kind: 'made', expiresAt: 900 }), { state: claimed, outputs: ['refused'] });
});

test('a try of which nothing is heard is made again', () => {
  const tried = steps([
    { kind: 'made', expiresAt: 100 },
    { kind: 'due', now: 100, guard: 300 },
  ]);
  assert.equal(dueAt(tried), 300);
  assert.deepEqual(step(tried, { kind: 'due', now: 300, guard: 500 }).outputs, ['revoke']);
});

test('tries grow rarer, the last of six leaves it to people, and it is still tried once a day', () => {
  let state = steps([{ kind: 'made', expiresAt: 0 }]);
  const waits: number[] = [];
  for (let tries = 1; tries <= MOST_TRIES + 1; tries += 1) {
    const now = dueAt(state) ?? 0;
    state = steps(
      [
        { kind: 'due', now, guard: now },
        { kind: 'failed', now, error: `no ${String(tries)}`, random: 0.5 },
      ],
      state,
    );
    assert.equal(state.kind, tries < MOST_TRIES ? 'ending' : 'irrevocable');
    waits.push((dueAt(state) ?? 0) - now);
  }
  assert.deepEqual(waits, [20_000, 40_000, 80_000, 160_000, 320_000, 86_400_000, 86_400_000]);
  assert.deepEqual(steps([{ kind: 'revoked', now: 10 ** 9 }], state), initial);
});
