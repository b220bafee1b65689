import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Board } from './board.ts';

test('another board over the same memory shows what was published, and wakes who waits', async () => {
  const writer = new Board();
  const reader = new Board(writer.memory);
  writer.publish(7);
  assert.equal(reader.published, 7);
  assert.equal(reader.isAhead(8), true);
  assert.equal(reader.isAhead(7), false);
  const next = reader.next(reader.published);
  writer.publish(8);
  await next;
  assert.equal(reader.isAhead(8), false);
  await reader.next(7);
});

test('a sequence beyond 32 bits is told from its neighbours', () => {
  const board = new Board();
  for (const sequence of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 45]) {
    board.publish(sequence);
    assert.equal(board.isAhead(sequence), false);
    assert.equal(board.isAhead(sequence + 1), true);
    assert.equal(board.isAhead(sequence - 1), false);
  }
});
