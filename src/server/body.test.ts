import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBody } from './body.ts';
import { defaultLimits } from './listener.ts';

const parsed = (text: string): unknown => parseBody(Buffer.from(text), 'application/json', defaultLimits).body;

test('a body that is blank or null is none', () => {
  for (const text of ['', ' \r\n\t', 'null', '\n null \n']) assert.equal(parsed(text), undefined);
  for (const text of ['nul', 'nulll', 'null null', 'n ull', 'NULL', '"null"']) assert.throws(() => parsed(text));
  assert.deepEqual(parsed(' {"a":null}\n'), { a: null });
});
