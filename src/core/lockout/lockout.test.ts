import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fail, isLockstepError } from '../../errors.ts';
import { takeKey } from '../../lib/crypto/hash.ts';
import { silent } from '../../lib/log.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { Mounted, MountTable } from '../mounts/mount-table.ts';
import { Lockout } from './lockout.ts';
import { Recent } from './recent.ts';

const CONFIG = { threshold: 3, duration: 100, counterReset: 50 };
const mounted = {
  record: { uuid: 'm', type: 'approle', config: { userLockout: CONFIG } },
  fullPath: 'auth/approle/',
} as unknown as Mounted;
const mounts = { byUuid: (id: string) => (id === 'm' ? mounted : undefined) } as unknown as MountTable;

function opened(store = openMemoryStore(), most?: number) {
  const clock = { now: 1_000_000 };
  return { store, clock, lockout: reopened(store, clock, most) };
}

type Answer = 'in' | 'wrong' | 'denied';

function login(lockout: Lockout, name: string, right: boolean, exists = true): Answer {
  try {
    const attempt = lockout.attempt(mounted, { name, exists: () => exists });
    if (attempt === undefined) throw new Error('nobody is locked out here');
    return right ? attempt.succeeded('in') : attempt.failed(fail('invalidCredentials'));
  } catch (error) {
    if (isLockstepError(error, 'permissionDenied')) return 'denied';
    if (isLockstepError(error, 'invalidCredentials')) return 'wrong';
    throw error;
  }
}

/** The same, as the documentation has it, and nothing else. */
class Plain {
  #failed: number[] = [];
  #lockedAt = -Infinity;

  login(right: boolean, now: number): Answer {
    if (now - this.#lockedAt < CONFIG.duration * 1_000) return 'denied';
    if (right) {
      this.#failed = [];
      return 'in';
    }
    const last = this.#failed.at(-1);
    this.#failed = last !== undefined && now - last < CONFIG.counterReset * 1_000 ? [...this.#failed, now] : [now];
    if (this.#failed.length >= CONFIG.threshold) {
      this.#lockedAt = now;
      this.#failed = [];
    }
    return 'wrong';
  }
}

describe('user lockout', () => {
  test('answers as a plain reading of its rules does, for users and for nobody, over restarts', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'A', 'a ', 'nobody'),
      right: fc.boolean(),
      seconds: fc.constantFrom(0, 1, 30, 49, 50, 51, 99, 100, 101),
      what: fc.constantFrom('login', 'login', 'login', 'tidy', 'seal' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { store, clock, lockout: first } = opened();
        let lockout = first;
        const plain = new Map<string, Plain>();
        const failing = new Set<string>();
        for (const { name, right, seconds, what } of steps) {
          clock.now += seconds * 1_000;
          if (what === 'tidy') await lockout.tidy();
          // Counts are forgotten by a restart: only between locks do both agree then.
          else if (what === 'seal' && failing.size === 0) {
            await lockout[Symbol.asyncDispose]();
            lockout = reopened(store, clock);
          } else {
            const known = plain.get(name) ?? new Plain();
            plain.set(name, known);
            const found = login(lockout, name, right && name !== 'nobody', name !== 'nobody');
            assert.equal(found, known.login(right && name !== 'nobody', clock.now));
            if (found === 'wrong') failing.add(name);
            if (found === 'in' || (found === 'denied' && name !== 'nobody')) failing.delete(name);
          }
        }
      }),
    );
  });

  test('is written before the node closes, under a name that tells nobody', async () => {
    const { store, clock, lockout } = opened();
    for (let at = 0; at < 3; at += 1) login(lockout, 'somebody', false);
    await lockout[Symbol.asyncDispose]();
    const [key = '', ...more] = store.snapshot().list(keys.lockedUsers, { limit: 9 });
    assert.deepEqual(more, []);
    assert.ok(!key.includes('somebody'));
    assert.equal(login(reopened(store, clock), 'somebody', true), 'denied');
  });

  test('a flood of made-up names writes nothing, is bounded, and frees no user from their count', async () => {
    const { store, lockout } = opened(openMemoryStore(), 100);
    login(lockout, 'somebody', false);
    login(lockout, 'somebody', false);
    for (let at = 0; at < 5_000; at += 1) login(lockout, `nobody-${at % 1_500}`, false, false);
    login(lockout, 'somebody', false);
    assert.equal(login(lockout, 'somebody', true), 'denied');
    await lockout[Symbol.asyncDispose]();
    assert.equal(store.snapshot().list(keys.lockedUsers, { limit: 9 }).length, 1);
    assert.equal(lockout.size, 1);
  });

  test('who was let in before a lock and is done after it gets no answer', async () => {
    const { lockout } = opened();
    const early = lockout.attempt(mounted, { name: 'a', exists: () => true });
    for (let at = 0; at < 3; at += 1) login(lockout, 'a', false);
    const denied = (error: unknown): boolean => isLockstepError(error, 'permissionDenied');
    assert.throws(() => early?.succeeded('in'), denied);
    assert.throws(() => early?.failed(fail('invalidCredentials')), denied);
    assert.throws(() => early?.failed(fail('badRequest')), denied);
    await lockout[Symbol.asyncDispose]();
  });

  test('a lock that is opened while it is being written stays open', async () => {
    const { store, clock, lockout } = opened();
    for (let at = 0; at < 3; at += 1) login(lockout, 'a', false);
    await lockout.unlock(mounted, 'a');
    assert.equal(login(lockout, 'a', true), 'in');
    assert.equal(login(reopened(store, clock), 'a', true), 'in');
  });
});

function reopened(store: Store, clock: { readonly now: number }, most?: number): Lockout {
  return new Lockout({
    ...{ store, mounts, now: () => clock.now, log: silent },
    ...{ key: takeKey(Buffer.alloc(32, 1)), settings: { disabled: false, byType: {} } },
    ...(most === undefined ? {} : { most }),
  });
}

test('what was set longest ago gives way', () => {
  const recent = new Recent<number>(2);
  recent.set('a', 1);
  recent.set('b', 2);
  recent.set('a', 3);
  recent.set('c', 4);
  assert.deepEqual([recent.get('a'), recent.get('b'), recent.get('c'), recent.size], [3, undefined, 4, 2]);
});
