import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { parseJson } from '../client/json.ts';
import { toJson, toText } from './go-format.ts';
import { Output } from './output.ts';
import { alignColumns, centredHeading, headedTable } from './table.ts';
import { terminalOf } from './terminal.testing.ts';

test('JSON is indented, keys are sorted by their bytes, structs keep their order', () => {
  const value = new Map<string, unknown>([
    ['z', { b: 1, a: [], '10': {}, '9': null, ü: true, '\u{1F600}': 1, '\uFFFD': 2 }],
    ['a', ['<&>', '\u2028']],
  ]);
  const expected = `{
  "z": {
    "10": {},
    "9": null,
    "a": [],
    "b": 1,
    "ü": true,
    "\uFFFD": 2,
    "\u{1F600}": 1
  },
  "a": [
    "\\u003c\\u0026\\u003e",
    "\\u2028"
  ]
}`;
  assert.equal(toJson(value), expected);
});

test('JSON reads back as the same value, long numbers included', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(JSON.parse(toJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.equal(toJson(parseJson('{"a":12345678901234567890}')), '{\n  "a": 12345678901234567890\n}');
});

test('values in tables look as Go prints them', () => {
  assert.equal(toText({ b: 1, c: [1, '', { x: null }], a: 'x' }), 'map[a:x b:1 c:[1  map[x:<nil>]]]');
  assert.deepEqual([toText(null), toText(true), toText(1.5), toText([])], ['<nil>', 'true', '1.5', '[]']);
});

test('YAML quotes what would be read otherwise, sorts keys and reads back', async () => {
  const value = { b: '1', y: 'no', t: '2026-11-23T13:05:32Z', a: { c: ['x', ''], b: 'l1\nl2' }, n: null };
  const { terminal, written } = terminalOf();
  await new Output(terminal, 'yaml', undefined).value(value, () => '');
  assert.equal(
    written().stdout,
    'a:\n  b: |-\n    l1\n    l2\n  c:\n  - x\n  - ""\nb: "1"\n"n": null\nt: "2026-11-23T13:05:32Z"\n"y": "no"\n',
  );
  assert.deepEqual(parse(written().stdout, { version: '1.1' }), value);
});

test('columns are aligned by characters; empty cells say so', () => {
  assert.equal(
    alignColumns([
      ['Key', 'Value'],
      ['ключ', ''],
      ['k', ' v '],
    ]),
    'Key     Value\nключ    n/a\nk       v',
  );
  assert.equal(headedTable(['Keys'], [['a']]), 'Keys\n----\na');
  assert.equal(centredHeading('Data', 10), '== Data ==');
  assert.equal(centredHeading('Metadata', 33), '============ Metadata ============');
  assert.equal(centredHeading('Secret Path', 3), '== Secret Path ==');
});
