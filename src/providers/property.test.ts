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
  for (const path of ['a.c\\.d.#(e=="x")', 'a.c\\.d.#(e=="x")#', 'a|@this', '{a,user}', '[a]', '!"x"'])
    assert.throws(() => propertyOf(data, path), /not offered/);
});

const nested = {
  hosts: { db2: { url: 'second', port: 2 }, db1: { port: 1, note: null }, other: 5, 'a*b': 'star', äb: 'umlaut' },
  list: [{ n: 'x', in: [{ v: 1 }, { v: 2 }] }, { m: 'no' }, { n: 'y', in: [] }],
};

test('a wildcard takes the first name by which a value is reached, and # all that a list has', () => {
  const at = (property: string): string | undefined => {
    const found = propertyOf(nested, property);
    return found.found ? Buffer.from(found.value).toString('utf8') : undefined;
  };
  for (const [property, value] of Object.entries({
    'h*.db*.port': '1',
    'hosts.db?.url': 'second',
    'hosts.?b.x': undefined,
    'hosts.?b': 'umlaut',
    'hosts.a\\*b': 'star',
    'hosts.a\\**': 'star',
    'hosts.d*2.p*t': '2',
    '*.d*.note': '',
    'hosts.db': undefined,
    'hosts.oth*.more': undefined,
    '*.0.n': 'x',
    'list.*': undefined,
    'list.#': '3',
    'list.#.n': '["x","y"]',
    'list.#.in.#.v': '[[1,2],[]]',
    'list.#.none': '[]',
    'list.#.in.#': '[2,0]',
    'hosts.#': undefined,
  }))
    assert.equal(at(property), value, property);
});

test('a pattern of a stranger takes bounded time', () => {
  const name = 'a'.repeat(5_000);
  assert.equal(propertyOf({ [name]: 1 }, `${'*a'.repeat(200)}b`).found, false);
  const wide = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${String(i)}`, 0]));
  let deep: Record<string, unknown> = wide;
  for (let i = 0; i < 4; i += 1) deep = Object.fromEntries(Object.keys(wide).map((key) => [key, deep]));
  assert.throws(() => propertyOf(deep, '*.*.*.*.*.*'), /more than 100000 values/);
});

test('texts stay as they are, and all else is JSON as Go writes it', () => {
  const shown = ['ä\u0000', true, { b: 1, a: 2 }].map((value) => Buffer.from(bytesOf(value)).toString('utf8'));
  assert.deepEqual(shown, ['ä\u0000', 'true', '{"a":2,"b":1}']);
});
