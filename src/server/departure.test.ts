import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Departure } from './departure.ts';

test('a signal that was asked for before aborts with the reason, and the listener is told once', () => {
  const departure = new Departure();
  const { signal } = departure;
  let told = 0;
  departure.listen(() => void (told += 1));
  assert.equal(signal.aborted, false);
  const reason = new Error('gone');
  departure.happened(reason);
  departure.happened(new Error('again'));
  assert.equal(signal.reason, reason);
  assert.equal(departure.signal, signal);
  assert.equal(told, 1);
});

test('who asks afterwards is told at once', () => {
  const departure = new Departure();
  const reason = new Error('gone');
  departure.happened(reason);
  let told = 0;
  departure.listen(() => void (told += 1));
  assert.equal(told, 1);
  assert.equal(departure.signal.reason, reason);
});
