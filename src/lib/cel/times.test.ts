import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CelFailed, compileCel } from './program.ts';

const of = (expression: string): unknown => compileCel(expression, { variables: [], messages: {} }).evaluate({}).value;

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
