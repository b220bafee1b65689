import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toBase32, totpCode, totpStep } from '../../lib/crypto/totp.ts';
import type { TotpSecret } from './records.ts';
import { judged } from './totp-secrets.ts';

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

function notACode(known: TotpSecret, now: number): string {
  const right = new Set([-1, 0, 1].map((off) => totpCode(known, totpStep(known, now) + off)));
  return ['000000', '111111', '222222', '333333'].find((each) => !right.has(each)) ?? '';
}
