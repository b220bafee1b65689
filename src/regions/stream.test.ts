import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playMany } from '../../test/simulator/history.ts';

test('300 simulated histories of a hub and three regions keep the invariants', () => {
  assert.equal(playMany(1, 300), undefined);
});
