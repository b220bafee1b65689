import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedTexts } from './shared-texts.ts';

test('a value stays what it is', () => {
  const texts = new SharedTexts();
  const json = '{"a":["x",{"b":"x","n":1,"t":true,"z":null}],"":"","__proto__":{"c":"x"}}';
  assert.equal(JSON.stringify(texts.in(JSON.parse(json))), json);
  assert.equal(texts.in(null), null);
});

test('what nobody repeats is forgotten, and what is asked for is right all the same', () => {
  const texts = new SharedTexts();
  for (let at = 0; at < 20_000; at += 1) assert.equal(texts.of(`text ${String(at)}`), `text ${String(at)}`);
  assert.equal(texts.of('text 1'), 'text 1');
  assert.equal(texts.of('x'.repeat(1_000)), 'x'.repeat(1_000));
});
