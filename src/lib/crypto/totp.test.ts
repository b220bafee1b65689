import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchingStep, toBase32, totpCode, totpStep, totpUrl, type TotpKey } from './totp.ts';

const key = (algorithm: TotpKey['algorithm'], text: string): TotpKey => ({
  ...{ algorithm, digits: 8, period: 30 },
  secret: toBase32(Buffer.from(text)),
});
const DIGITS = '1234567890';
const KEYS = {
  SHA1: key('SHA1', DIGITS.repeat(2)),
  SHA256: key('SHA256', DIGITS.repeat(4).slice(0, 32)),
  SHA512: key('SHA512', DIGITS.repeat(7).slice(0, 64)),
} as const;

test('the codes are those of RFC 6238, appendix B', () => {
  const vectors = [
    [59, '94287082', '46119246', '90693936'],
    [1_111_111_109, '07081804', '68084774', '25091201'],
    [1_111_111_111, '14050471', '67062674', '99943326'],
    [1_234_567_890, '89005924', '91819424', '93441116'],
    [2_000_000_000, '69279037', '90698825', '38618901'],
    [20_000_000_000, '65353130', '77737706', '47863826'],
  ] as const;
  for (const [time, ...expected] of vectors) {
    const found = Object.values(KEYS).map((each) => totpCode(each, totpStep(each, time * 1_000)));
    assert.deepEqual(found, expected, String(time));
  }
});

test('a code is of its own period, of those beside it with skew, and of no other', () => {
  const now = 1_234_567_890_000;
  const own = KEYS.SHA1;
  const step = totpStep(own, now);
  const codes = [-2, -1, 0, 1, 2].map((off) => totpCode(own, step + off));
  const found = (skew: number): unknown[] => codes.map((code) => matchingStep(own, code, { now, skew }));
  assert.deepEqual(found(0), [undefined, undefined, step, undefined, undefined]);
  assert.deepEqual(found(1), [undefined, step - 1, step, step + 1, undefined]);
  assert.equal(matchingStep(own, '', { now, skew: 1 }), undefined);
  assert.equal(matchingStep(own, totpCode(KEYS.SHA256, step), { now, skew: 1 }), undefined);
});

test('the URL says all that an app has to know, and no name can add to it', () => {
  const url = new URL(totpUrl(KEYS.SHA256, 'A & B?', 'e/1?secret=x'));
  assert.equal(url.protocol, 'otpauth:');
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    ...{ issuer: 'A & B?', secret: KEYS.SHA256.secret, algorithm: 'SHA256', digits: '8', period: '30' },
  });
});
