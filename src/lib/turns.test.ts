import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownTurn } from './turns.ts';

test('turns come in their order, with a round of the event loop between two', async () => {
  const order: string[] = [];
  const work = async (name: string): Promise<void> => {
    await ownTurn();
    order.push(name);
    // What comes in while the thread is held.
    setImmediate(() => order.push(`after ${name}`));
  };
  await Promise.all(['a', 'b', 'c'].map(work));
  await ownTurn();
  assert.deepEqual(order, ['a', 'after a', 'b', 'after b', 'c', 'after c']);
});
