import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../client/json.ts';
import { canonicalJson } from './canonical-json.ts';

test('one text for one value, whatever the order of its keys', () => {
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: 'x' }], a: true, u: undefined }),
    '{"a":true,"b":[1,{"c":"x","d":null}]}',
  );
  assert.equal(canonicalJson(parseJson('{"n":12345678901234567890}')), '{"n":12345678901234567890}');
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalJson(reversed(value)), text);
    }),
  );
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, item]) => [name, reversed(item)]),
  );
}
