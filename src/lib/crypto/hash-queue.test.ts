import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../../errors.ts';
import { nextTurn } from '../next-turn.ts';
import { HashQueue } from './hash-queue.ts';

interface Held {
  readonly done: Promise<number>;
  readonly end: () => void;
}

function held(queue: HashQueue, running: Set<number>, id: number, signal?: AbortSignal): Held {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = async (): Promise<number> => {
    running.add(id);
    await promise;
    running.delete(id);
    return id;
  };
  return { done: queue.run(work, signal), end: resolve };
}

test('no more run at once than may, in the order in which they came', async () => {
  const queue = new HashQueue({ atOnce: 2, waiting: 10 });
  const running = new Set<number>();
  const all = [0, 1, 2, 3, 4].map((id) => held(queue, running, id));
  await nextTurn();
  assert.deepEqual([...running], [0, 1]);
  all[1]?.end();
  await all[1]?.done;
  await nextTurn();
  assert.deepEqual([...running].sort(), [0, 2]);
  for (const { end } of all) end();
  assert.deepEqual(await Promise.all(all.map(({ done }) => done)), [0, 1, 2, 3, 4]);
});

test('what is too much is refused at once, and a place that is free again is taken', async () => {
  const queue = new HashQueue({ atOnce: 1, waiting: 2 });
  const running = new Set<number>();
  const all = [0, 1, 2].map((id) => held(queue, running, id));
  await assert.rejects(
    () => queue.run(() => Promise.resolve(0)),
    (error) => isLockstepError(error, 'tooManyRequests'),
  );
  for (const { end } of all) end();
  await Promise.all(all.map(({ done }) => done));
  assert.equal(await queue.run(() => Promise.resolve(7)), 7);
});

test('work that nobody waits for any more is not done, and failed work gives its place back', async () => {
  const queue = new HashQueue({ atOnce: 1, waiting: 2 });
  const running = new Set<number>();
  const first = held(queue, running, 0);
  const gone = new AbortController();
  const second = held(queue, running, 1, gone.signal);
  gone.abort();
  first.end();
  await assert.rejects(second.done, (error) => isLockstepError(error, 'timeout'));
  assert.equal(running.size, 0);
  await assert.rejects(
    queue.run(() => Promise.reject(new Error('broken'))),
    /broken/,
  );
  assert.equal(await queue.run(() => Promise.resolve(7)), 7);
});
