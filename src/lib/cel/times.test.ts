import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CelFailed, compileCel } from './program.ts';

const environment = { variables: [], messages: {} };
const of = (expression: string): unknown => compileCel(expression, environment).evaluate({}).value;
const text = (expression: string): unknown => of(`string(${expression})`);

test('a whole number is seconds, as a text is a moment, and back', () => {
  assert.deepEqual(of('timestamp(1798762200)'), new Date('2027-01-01T00:10:00Z'));
  assert.deepEqual(of('timestamp(-1)'), new Date('1969-12-31T23:59:59Z'));
  assert.equal(of('timestamp(int(1798762200.0)) == timestamp("2027-01-01T00:10:00Z")'), true);
  assert.equal(of('int(timestamp(1798762200))'), 1_798_762_200n);
  assert.equal(of('timestamp(253402300799) > timestamp(-62135596800)'), true);
  for (const out of ['253402300800', '-62135596801', '9223372036854775807']) {
    assert.throws(() => of(`timestamp(${out})`), CelFailed, out);
  }
});

test('a text is a time if there is such a day and hour, to the nanosecond', () => {
  const none = ['2021-02-29T00', '1900-02-29T00', '2026-06-31T00', '2026-00-01T00', '2026-01-00T00', '2026-01-01T24'];
  for (const start of none) assert.throws(() => of(`timestamp("${start}:00:00Z")`), CelFailed, start);
  for (const odd of ['', 'yesterday', '2026-01-01', '2026-1-1T00:00:00Z', '2026-01-01T00:00:00'])
    assert.throws(() => of(`timestamp("${odd}")`), CelFailed, odd);
  assert.equal(text('timestamp("2000-02-29T23:59:59.120Z")'), '2000-02-29T23:59:59.12Z');
  assert.equal(text('timestamp("2026-01-01T00:00:00.1234567899Z")'), '2026-01-01T00:00:00.123456789Z');
  assert.equal(text('timestamp("2026-01-01T00:00:00+02:00")'), '2025-12-31T22:00:00Z');
  assert.equal(text('timestamp("0001-01-01T00:00:00Z")'), '0001-01-01T00:00:00Z');
});

test('a duration is as Go reads and writes it, and nanoseconds as a number', () => {
  const same: Readonly<Record<string, string>> = {
    ...{ '90m': '5400s', '-1.5s': '-1.5s', '1h1m1.001s': '3661.001s', '100ns': '0.0000001s', '1us': '0.000001s' },
    ...{ '1\u00b5s': '0.000001s', '1\u03bcs': '0.000001s', '.5s': '0.5s', '1.s': '1s', '0': '0s', '-0': '0s' },
    ...{
      '+1m1h': '3660s',
      '-1h-1m': '',
      '1.1234567899s': '1.123456789s',
      '9223372036854775807ns': '9223372036.854776s',
    },
    ...{ '': '', '-': '', s: '', '.s': '', '1': '', '1d': '', '1 s': '', ' 1s': '', '9223372036854775808ns': '' },
    ...{ '1.2.3s': '', '1H': '', '\u0663s': '', [`${'1'.repeat(128)}s`]: '' },
  };
  for (const [given, written] of Object.entries(same)) {
    if (written === '') assert.throws(() => of(`duration("${given}")`), CelFailed, given);
    else assert.equal(text(`duration("${given}")`), written, given);
  }
  assert.equal(of('int(duration("10m"))'), 600_000_000_000n);
  assert.equal(of('int(duration("-1.5s"))'), -1_500_000_000n);
  assert.equal(
    of('json.encode([duration("1.5s"), timestamp("2026-01-01T00:00:00.50Z")])'),
    '["1.5s","2026-01-01T00:00:00.5Z"]',
  );
});
