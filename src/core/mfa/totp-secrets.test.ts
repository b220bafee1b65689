import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toBase32, totpCode, totpStep } from '../../lib/crypto/totp.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';
import { identityKeys } from '../identity/identity-keys.ts';
import { mfaKeys } from './mfa-keys.ts';
import type { FoundMethod } from './methods.ts';
import type { TotpSecret } from './records.ts';
import { judged, TotpSecrets } from './totp-secrets.ts';

const SECRET: TotpSecret = {
  ...{ secret: toBase32(Buffer.alloc(20, 7)), algorithm: 'SHA1', digits: 6, period: 30, skew: 1 },
};
const MOST = 3;

test('of any history no code counts twice, no older one after a newer one, and no more than so many are looked at', () => {
  const tries = fc.array(
    fc.record({
      seconds: fc.integer({ min: -40, max: 100 }),
      /** Of the code, in periods; undefined: a guess. */
      off: fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined }),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(tries, (history) => {
      let known = SECRET;
      let now = 1_900_000_000_000;
      let newest = -1;
      let wrong: number[] = [];
      for (const { seconds, off } of history) {
        now += seconds * 1_000;
        const step = totpStep(known, now) + (off ?? 0);
        const code = off === undefined ? notACode(known, now) : totpCode(known, step);
        const { verdict, after } = judged(known, code, { now, maxAttempts: MOST });
        known = after ?? known;
        if (verdict.is === 'right') {
          assert.ok(off !== undefined && Math.abs(off) <= 1 && step > newest);
          newest = step;
          wrong = [];
          // A clock that is set back makes no pause shorter.
        } else if (after !== undefined) wrong.push(Math.max(now, wrong.at(-1) ?? 0));
        // In any stretch as long as a code lasts.
        const [first, last] = [wrong.at(-MOST - 1), wrong.at(-1)];
        assert.ok(first === undefined || last === undefined || last - first >= 90_000);
      }
    }),
    { numRuns: 1_000 },
  );
});

/** How many guesses are looked at in a day by who makes one `every` so many seconds, and waits as told. */
function lookedAt(every: number): number {
  let known = SECRET;
  let looked = 0;
  const start = 1_900_000_000_000;
  for (let now = start; now < start + 86_400_000;) {
    const { verdict, after } = judged(known, notACode(known, now), { now, maxAttempts: 5 });
    if (after !== undefined) looked += 1;
    known = after ?? known;
    now += verdict.is === 'tooMany' ? verdict.wait : every * 1_000;
  }
  return looked;
}

test('the pauses grow to an hour, so that a day has some 150 guesses, also of who stays below the limit', () => {
  // Six pauses of 90 s to 48 min, then one each hour: 29 times five, and what the last hour leaves.
  assert.equal(lookedAt(1), 145);
  // As one wrong code each half a minute would be, if it were forgotten by the time of the fifth.
  for (const every of [10, 23, 31, 91]) assert.ok(lookedAt(every) <= 145, String(every));
});

test('a right code begins anew: who has it waits for no more than the first pause the next time', () => {
  const at = 1_900_000_000_000;
  const wrong = { count: 5, at, rounds: 9 };
  const later = at + 3_600_000;
  const code = totpCode(SECRET, totpStep(SECRET, later));
  const waiting = judged({ ...SECRET, wrong }, code, { now: later - 1, maxAttempts: 5 }).verdict;
  assert.deepEqual(waiting, { is: 'tooMany', wait: 1 });
  const { verdict, after } = judged({ ...SECRET, wrong }, code, { now: later, maxAttempts: 5 });
  assert.deepEqual([verdict, after?.wrong], [{ is: 'right' }, undefined]);
  // A period of a day has a pause of three, however short the longest of others is.
  const long = { ...SECRET, period: 86_400, wrong: { count: 5, at } };
  assert.deepEqual(judged(long, '000000', { now: at, maxAttempts: 5 }).verdict, {
    is: 'tooMany',
    wait: 3 * 86_400_000,
  });
});

function notACode(known: TotpSecret, now: number): string {
  const right = new Set([-1, 0, 1].map((off) => totpCode(known, totpStep(known, now) + off)));
  return ['000000', '111111', '222222', '333333'].find((each) => !right.has(each)) ?? '';
}

test('a secret is stored with its first code only while its owner and its method are there', async () => {
  await using store = openMemoryStore();
  const now = 1_900_000_000_000;
  const totp = { issuer: 'i', algorithm: 'SHA1', digits: 6, period: 30, keySize: 20, qrSize: 0, skew: 1 } as const;
  const method: FoundMethod = {
    namespace: { id: 'above', path: '' },
    record: { id: 'm', type: 'totp', name: '', totp: { ...totp, maxAttempts: 5, selfEnrollment: true } },
  };
  const code = totpCode(SECRET, totpStep(SECRET, now));
  const adopt = () =>
    new TotpSecrets(store, () => now).adopt({ namespace: 'n', entity: 'e', method }, SECRET, { code, others: [] });
  const there = [mfaKeys('above').method('m'), identityKeys('n').entity('e')];
  const secret = mfaKeys('n').secret('e', 'm');
  for (const missing of [0, 1]) {
    await store.transact((tx) => {
      for (const [at, key] of there.entries())
        if (at === missing) tx.delete(key);
        else tx.put(key, Buffer.from('{}'));
    });
    assert.deepEqual(await adopt(), { is: 'absent' });
    assert.equal(store.has(secret), false, 'nobody would ever delete it');
  }
  await store.transact((tx) => {
    for (const key of there) tx.put(key, Buffer.from('{}'));
  });
  assert.deepEqual(await adopt(), { is: 'right' });
  assert.equal(store.has(secret), true);
});
