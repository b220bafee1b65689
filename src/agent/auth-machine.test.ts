import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { authMachine, type AuthInput, type AuthOutput, type AuthState } from './auth-machine.ts';

const machine = authMachine({ base: 1_000, cap: 60_000 });
type Unmoved<I> = I extends unknown ? Omit<I, 'now' | 'random'> : never;

/** A run of the machine: `at(ms, input)` gives what came out. */
function driven(random = 0.5) {
  let state: AuthState = machine.initial;
  return {
    at: (now: number, input: Unmoved<AuthInput>): readonly AuthOutput[] => {
      const step = machine.step(state, { ...input, now, random });
      state = step.state;
      return step.outputs;
    },
    get state() {
      return state;
    },
  };
}

const wakeOf = (outputs: readonly AuthOutput[]): number | undefined => {
  const found = outputs.findLast((output) => output.do === 'wake');
  return found?.do === 'wake' ? found.ms : undefined;
};
const doings = (outputs: readonly AuthOutput[]): readonly string[] =>
  outputs.filter((output) => output.do !== 'wake').map((output) => output.do);

test('renews at about two-thirds of the life of a token, and goes on from there', () => {
  for (const random of [0, 0.999]) {
    const run = driven(random);
    run.at(0, { kind: 'start' });
    const ms = wakeOf(run.at(0, { kind: 'loggedIn', ttl: 90_000, renewable: true })) ?? 0;
    assert.ok(ms > 0.56 * 90_000 && ms <= 60_000, String(ms));
    assert.deepEqual(doings(run.at(ms, { kind: 'wake' })), ['renew']);
    assert.equal(wakeOf(run.at(ms, { kind: 'renewed', ttl: 90_000, renewable: true })), ms);
  }
});

test('logs in anew before a token ends that cannot be renewed, or whose longest life is near', () => {
  const fixed = driven();
  fixed.at(0, { kind: 'start' });
  const ms = wakeOf(fixed.at(0, { kind: 'loggedIn', ttl: 90_000, renewable: false })) ?? 0;
  assert.ok(ms < 60_001);
  assert.deepEqual(doings(fixed.at(ms, { kind: 'wake' })), ['login']);
  assert.notEqual(fixed.state.session, undefined, 'the old token serves until the new one is there');

  const capped = driven();
  capped.at(0, { kind: 'start' });
  capped.at(0, { kind: 'loggedIn', ttl: 90_000, renewable: true });
  capped.at(55_000, { kind: 'wake' });
  const left = wakeOf(capped.at(55_000, { kind: 'renewed', ttl: 35_000, renewable: true })) ?? 0;
  assert.ok(left < 35_000);
  assert.deepEqual(doings(capped.at(55_000 + left, { kind: 'wake' })), ['login']);
});

test('a token that never ends is left alone', () => {
  const run = driven();
  run.at(0, { kind: 'start' });
  assert.equal(wakeOf(run.at(0, { kind: 'loggedIn', ttl: 0, renewable: false })), Infinity);
});

test('keeps the token while the server is away, until the token ends', () => {
  const run = driven();
  run.at(0, { kind: 'start' });
  run.at(0, { kind: 'loggedIn', ttl: 90_000, renewable: true });
  run.at(60_000, { kind: 'wake' });
  let now = 60_000;
  for (;;) {
    const outputs = run.at(now, { kind: 'renewalFailed', failure: 'unreachable' });
    assert.deepEqual(doings(outputs), []);
    now += wakeOf(outputs) ?? 0;
    assert.ok(now <= 90_000, 'it is not waited beyond the end of the token');
    const woken = run.at(now, { kind: 'wake' });
    if (now < 90_000) assert.deepEqual(doings(woken), ['renew']);
    else {
      assert.deepEqual(doings(woken), ['drop', 'login']);
      return;
    }
  }
});

test('logs in at once when the server refuses the renewal', () => {
  const run = driven();
  run.at(0, { kind: 'start' });
  run.at(0, { kind: 'loggedIn', ttl: 90_000, renewable: true });
  run.at(60_000, { kind: 'wake' });
  assert.deepEqual(doings(run.at(60_000, { kind: 'renewalFailed', failure: 'refused' })), ['drop', 'login']);
});

test('failed logins wait ever longer, up to the cap, and at least as long as the server asks', () => {
  const run = driven(0.5);
  run.at(0, { kind: 'start' });
  const waits = Array.from({ length: 9 }, () => {
    const ms = wakeOf(run.at(0, { kind: 'loginFailed', failure: 'unreachable' }));
    run.at(0, { kind: 'wake' });
    return ms;
  });
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(wakeOf(run.at(0, { kind: 'loginFailed', failure: 'refused', atLeast: 7_000 })), 37_000);
});

test('a token that is rejected is replaced at once, but not in a tight loop', () => {
  const run = driven();
  run.at(0, { kind: 'start' });
  run.at(0, { kind: 'loggedIn', ttl: 0, renewable: false });
  assert.deepEqual(doings(run.at(100_000, { kind: 'rejected' })), ['drop', 'login']);
  const waits = [1, 2, 3, 4].map(() => {
    run.at(100_000, { kind: 'loggedIn', ttl: 0, renewable: false });
    const outputs = run.at(100_001, { kind: 'rejected' });
    assert.deepEqual(doings(outputs), ['drop']);
    run.at(100_001, { kind: 'wake' });
    return wakeOf(outputs);
  });
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000]);
});

test('new credentials are tried at once, also when they come during a login that fails', () => {
  const run = driven();
  run.at(0, { kind: 'start' });
  run.at(1, { kind: 'newCredentials' });
  assert.deepEqual(doings(run.at(2, { kind: 'loginFailed', failure: 'refused' })), ['login']);
  run.at(3, { kind: 'loginFailed', failure: 'refused' });
  assert.deepEqual(doings(run.at(4, { kind: 'newCredentials' })), ['login']);
});

const lifetime = { ttl: fc.integer({ min: 0, max: 200_000 }), renewable: fc.boolean() };
const failure = fc.constantFrom('refused' as const, 'unreachable' as const);
const input = fc.oneof(
  fc.record({ kind: fc.constantFrom('start', 'wake', 'newCredentials', 'rejected') }),
  fc.record({ kind: fc.constantFrom('loggedIn', 'renewed'), ...lifetime }),
  fc.record({ kind: fc.constantFrom('loginFailed', 'renewalFailed'), failure }),
  fc.record({ kind: fc.constant('stop') }),
);
const history = fc.array(
  fc.record({ input, pass: fc.nat(100_000), random: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
  {
    maxLength: 60,
  },
);

test('whatever comes in whatever order: one thing at a time, never asleep for ever without a token', () => {
  fc.assert(
    fc.property(history, (steps) => {
      let state = machine.initial;
      let now = 0;
      let timer = Infinity;
      for (const { input, pass, random } of steps) {
        now += pass;
        const before = state;
        const step = machine.step(state, { ...input, now, random });
        state = step.state;
        timer = wakeOf(step.outputs) ?? timer;
        assert.ok(timer >= 0);
        judge(before, state, doings(step.outputs), input.kind);
        const resting = state.doing === 'nothing' && state !== machine.initial;
        if (resting && state.session?.expires !== Infinity) assert.notEqual(timer, Infinity);
      }
    }),
    { numRuns: 2_000 },
  );
});

function judge(before: AuthState, after: AuthState, done: readonly string[], kind: AuthInput['kind']): void {
  const begun = done.filter((what) => what === 'login' || what === 'renew');
  assert.ok(begun.length <= 1);
  if (begun.length === 1) assert.ok(after.doing === 'login' || after.doing === 'renewal');
  if (begun.length === 1 && before.doing === 'login') assert.equal(kind, 'loginFailed', 'a login during a login');
  if (done.includes('drop')) assert.ok(before.session !== undefined && after.session === undefined);
  if (before.doing === 'ended') assert.deepEqual(after, before);
}

test('a server that gives tokens which have ended is asked with pauses', () => {
  const run = driven();
  run.at(0, { kind: 'start' });
  for (let now = 0; now < 10_000;) {
    const ms = wakeOf(run.at(now, { kind: 'loggedIn', ttl: -5_000, renewable: true })) ?? 0;
    assert.ok(ms >= 500, String(ms));
    now += ms;
    assert.deepEqual(doings(run.at(now, { kind: 'wake' })), ['drop', 'login']);
  }
});
