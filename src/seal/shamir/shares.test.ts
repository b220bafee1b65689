import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { isLockstepError } from '../../errors.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { parseKeyText } from '../key-text.ts';
import { checkSplit, combineShares, splitKey } from './shares.ts';

test('any threshold of the shares, in any order, gives the key', async () => {
  const shape = fc.record({ shares: fc.integer({ min: 2, max: 12 }), seed: fc.nat() }).chain(({ shares, seed }) =>
    fc.record({
      shares: fc.constant(shares),
      seed: fc.constant(seed),
      threshold: fc.integer({ min: 2, max: shares }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(shape, async ({ shares, threshold, seed }) => {
      const key = randomBytes(32);
      const split = await splitKey(key, { shares, threshold });
      assert.equal(split.length, shares);
      const start = seed % shares;
      const chosen = Array.from(
        { length: threshold },
        (_, i) => split[(start + i) % shares] ?? assert.fail(),
      ).reverse();
      assert.deepEqual(Buffer.from((await combineShares(chosen, { shares, threshold })) ?? []), key);
    }),
    { numRuns: 60 },
  );
});

test('255 shares with a threshold of 255 work', async () => {
  const key = randomBytes(32);
  const split = { shares: 255, threshold: 255 };
  const shares = await splitKey(key, split);
  assert.deepEqual(Buffer.from((await combineShares(shares, split)) ?? []), key);
});

test('a single share is the key itself, a copy', async () => {
  const key = randomBytes(32);
  const one = { shares: 1, threshold: 1 };
  const [share] = await splitKey(key, one);
  assert.ok(share !== undefined);
  assert.deepEqual(Buffer.from(share), key);
  assert.deepEqual(Buffer.from((await combineShares([share], one)) ?? []), key);
  key.fill(0);
  assert.notDeepEqual(Buffer.from(share), key);
});

test('fewer shares, one twice, a wrong length or a coordinate of zero give no key; a changed share another key', async () => {
  const key = randomBytes(32);
  const split = { shares: 5, threshold: 3 };
  const [a, b, c, d] = await splitKey(key, split);
  assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
  assert.equal(await combineShares([a, b], split), undefined);
  assert.equal(await combineShares([a, b, c, d], split), undefined);
  assert.equal(await combineShares([a, b, a], split), undefined);
  assert.equal(await combineShares([a, b, c.subarray(1)], split), undefined);
  assert.equal(await combineShares([a, b, new Uint8Array(33)], split), undefined);
  assert.equal(await combineShares([], split), undefined);
  const changed = Uint8Array.from(c);
  changed[7] = (changed[7] ?? 0) ^ 1;
  assert.notDeepEqual(Buffer.from((await combineShares([a, b, changed], split)) ?? []), key);
});

test('splits that cannot be are refused by the name of the request', () => {
  for (const [shares, threshold] of [
    [0, 0],
    [5, 0],
    [0, 3],
    [2, 3],
    [256, 3],
    [5, 1],
    [-1, -1],
    [1.5, 1],
    [5, 2.5],
    [Number.NaN, 1],
    [5, Number.POSITIVE_INFINITY],
  ] as const) {
    assert.throws(
      () => checkSplit({ shares, threshold }, 'recovery'),
      (error) => isLockstepError(error, 'badRequest') && error.message.includes('recovery_shares'),
      `${shares}/${threshold}`,
    );
  }
  for (const [shares, threshold] of [
    [1, 1],
    [2, 2],
    [5, 3],
    [255, 255],
  ] as const)
    checkSplit({ shares, threshold }, 'secret');
});

test('key texts are hex or base64, hex first, and nothing else', () => {
  const key = randomBytes(33);
  for (const text of [
    key.toString('hex'),
    key.toString('hex').toUpperCase(),
    key.toString('base64'),
    ` ${key.toString('base64')}\n`,
  ]) {
    assert.deepEqual(parseKeyText(text), key);
  }
  const padded = randomBytes(32).toString('base64');
  assert.deepEqual(parseKeyText(padded.slice(0, -1)), Buffer.from(padded, 'base64'));
  for (const text of ['', ' ', 'abc', 'zz zz', 'a===', '=', 'abcde', 'äöüß', 'ab-_', 'abcd=', 'ab=c']) {
    assert.deepEqual(parseKeyText(text)?.toString('hex'), text === 'abc' ? '69b7' : undefined, text);
  }
});
