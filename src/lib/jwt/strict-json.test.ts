import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { strictObject } from './strict-json.ts';

const bounds = { length: 100_000 };

test('a member that stands twice is refused, however it is written', () => {
  assert.equal(strictObject('{"sub":"a","sub":"b"}', bounds), undefined);
  assert.equal(strictObject('{"sub":"a","s\\u0075b" : "b"}', bounds), undefined);
  assert.equal(strictObject('{"a":{"b":1,"c":[],"b":2}}', bounds), undefined);
  assert.deepEqual(strictObject('{"a":{"b":1},"b":{"b":2}}', bounds), { a: { b: 1 }, b: { b: 2 } });
});

test('nesting and length have bounds', () => {
  const deep = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  assert.notEqual(strictObject(deep(15), bounds), undefined);
  assert.equal(strictObject(deep(16), bounds), undefined);
  assert.equal(strictObject(deep(40_000), bounds), undefined);
  assert.equal(strictObject(`{"a":"${'x'.repeat(100)}"}`, { length: 100 }), undefined);
});

test('only an object is one', () => {
  for (const text of [
    '',
    '[]',
    'null',
    '1',
    '"{}"',
    '{',
    '{"a"',
    '{"a',
    '{"a":1}}',
    '{"a":1} x',
    '{"a":"\\',
    '{a:1}',
  ]) {
    assert.equal(strictObject(text, bounds), undefined, text);
  }
});

test('whatever JSON.stringify writes of an object is read as it was', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string({ unit: 'binary' }),
        fc.json().map((text): unknown => JSON.parse(text)),
      ),
      (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(strictObject(text, { length: text.length, depth: 1_000 }), JSON.parse(text));
      },
    ),
  );
});
