import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, propertyOf } from './property.ts';

const data = {
  user: 'app',
  'a.b': 'dotted',
  a: { b: 'path', 'c.d': [10, { e: '<x>' }] },
  empty: '',
  nothing: null,
  big: 1e21,
};

const read = (property: string): string | undefined => {
  const found = propertyOf(data, property);
  return found.found ? Buffer.from(found.value).toString('utf8') : undefined;
};

test('a key wins over a path, and a path leads into objects and lists', () => {
  assert.deepEqual(['user', 'a.b', 'a.c\\.d.1.e', 'a.c\\.d.#', 'a.c\\.d.0', 'a'].map(read), [
    'app',
    'dotted',
    '<x>',
    '2',
    '10',
    '{"b":"path","c.d":[10,{"e":"\\u003cx\\u003e"}]}',
  ]);
});

test('not there, empty and null are told apart', () => {
  assert.deepEqual(['none', 'a.none', 'user.0', 'toString', 'a.c\\.d.7'].map(read), Array(5).fill(undefined));
  assert.deepEqual([read('empty'), read('nothing'), read('big')], ['', '', '1000000000000000000000']);
});

test('what gjson has besides is refused rather than misread', () => {
  for (const path of ['a.*', 'a.c\\.d.#(e=="x")', 'a|@this'])
    assert.throws(() => propertyOf(data, path), /not offered/);
});

test('texts stay as they are, and all else is JSON as Go writes it', () => {
  const shown = ['ä\u0000', true, { b: 1, a: 2 }].map((value) => Buffer.from(bytesOf(value)).toString('utf8'));
  assert.deepEqual(shown, ['ä\u0000', 'true', '{"a":2,"b":1}']);
});
