import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Places } from './places.ts';

test('each has a place of its own until it leaves, and then another has it', () => {
  const places = new Places<string>();
  const [a, b, c] = ['a', 'b', 'c'].map((each) => places.take(each));
  assert.deepEqual([a, b, c], [0, 1, 2]);
  assert.equal(places.at(1), 'b');
  assert.equal(places.leave(1), 'b');
  assert.equal(places.at(1), undefined);
  assert.deepEqual(places.values(), ['a', 'c']);
  assert.equal(places.take('d'), 1);
  assert.deepEqual(places.values(), ['a', 'd', 'c']);
});

test('a place that is free is left once', () => {
  const places = new Places<string>();
  const place = places.take('a');
  assert.equal(places.leave(place), 'a');
  assert.equal(places.leave(place), undefined);
  assert.equal(places.leave(7), undefined);
  assert.deepEqual([places.take('b'), places.take('c')], [0, 1]);
});
