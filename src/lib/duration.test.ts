import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLockstepError } from '../errors.ts';
import { durationMs, durationSeconds, formatDuration, formatShortDuration } from './duration.ts';

test('reads every form that Vault accepts', () => {
  const cases: readonly (readonly [unknown, number])[] = [
    [3600, 3_600_000],
    [0, 0],
    [1.5, 1500],
    [90n, 90_000],
    ['3600', 3_600_000],
    ['', 0],
    ['0', 0],
    ['+5', 5000],
    ['72h', 259_200_000],
    ['1h30m', 5_400_000],
    ['90s', 90_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['2d', 172_800_000],
    ['1d12h', 129_600_000],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['20ns', 0.00002],
  ];
  for (const [raw, ms] of cases) assert.equal(durationMs(raw, 'ttl'), ms, String(raw));
});

test('cuts seconds off as Vault does with TTLs', () => {
  assert.equal(durationSeconds('1999ms', 'ttl'), 1);
  assert.equal(durationSeconds('250ms', 'ttl'), 0);
  assert.equal(durationSeconds('-1999ms', 'ttl', { negative: true }), -1);
  assert.ok(Object.is(durationSeconds('-1ms', 'ttl', { negative: true }), 0));
});

test('refuses what is no duration, names the value and keeps quiet about its content', () => {
  const secret = 'hvs.CAESIJ';
  const cases: readonly unknown[] = [
    ...[
      ' ',
      ' 5s',
      '5s ',
      '-',
      '+',
      '--1',
      '- 1',
      'h',
      '1',
      '٣',
      '1e3',
      '0x10',
      '1h30',
      '1.2.3s',
      '1 h',
      '1H',
      '.s',
      '1h\n',
      secret,
    ].filter((text) => text !== '1'),
    ...[
      Number.NaN,
      Number.POSITIVE_INFINITY,
      null,
      undefined,
      true,
      [],
      {},
      ['1h'],
      '9'.repeat(60),
      '9'.repeat(100_000),
    ],
    ...[1e300, '293y', '300000000h', -1, '-1s', '-1h30m'],
  ];
  for (const raw of cases) {
    assert.throws(
      () => durationMs(raw, 'max_lease_ttl'),
      (error) =>
        isLockstepError(error, 'badRequest') &&
        error.message.startsWith('max_lease_ttl ') &&
        !error.message.includes(secret),
      JSON.stringify(raw)?.slice(0, 40),
    );
  }
});

test('allows negative durations only where the caller asks for them', () => {
  assert.equal(durationMs('-1s', 'delete_version_after', { negative: true }), -1000);
  assert.equal(durationMs(-3, 'delete_version_after', { negative: true }), -3000);
});

test('prints as Go does, and shortly', () => {
  const cases: readonly (readonly [number, string, string])[] = [
    [0, '0s', '0s'],
    [1, '1s', '1s'],
    [60, '1m0s', '1m'],
    [90, '1m30s', '1m30s'],
    [360, '6m0s', '6m'],
    [3600, '1h0m0s', '1h'],
    [5400, '1h30m0s', '1h30m'],
    [36_000, '10h0m0s', '10h'],
    [2_764_800, '768h0m0s', '768h'],
    [3661.5, '1h1m1.5s', '1h1m1.5s'],
    [0.25, '250ms', '250ms'],
    [0.0000015, '1.5µs', '1.5µs'],
    [0.00000002, '20ns', '20ns'],
    [-90, '-1m30s', '-1m30s'],
  ];
  for (const [seconds, long, short] of cases) {
    assert.equal(formatDuration(seconds), long);
    assert.equal(formatShortDuration(seconds), short);
  }
  assert.throws(() => formatDuration(Number.NaN), RangeError);
});

test('reads back what it prints', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_000_000_000_000 }), (ms) => {
      assert.equal(durationMs(formatDuration(ms / 1000), 'ttl'), ms);
      assert.equal(durationMs(formatShortDuration(ms / 1000), 'ttl'), ms);
    }),
  );
});

test('ends on any input with a number or the one error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string(), fc.stringMatching(/^[0-9.hmsdnuµ+-]{0,20}$/)), (raw) => {
      try {
        assert.ok(Number.isFinite(durationMs(raw, 'ttl')));
      } catch (error) {
        assert.ok(isLockstepError(error, 'badRequest'), String(error));
      }
    }),
  );
});
