import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { WorkQueue, type QueueOptions } from './work-queue.ts';

/** Handles one key at a time, each until `finish`. */
function queueOf(options: Partial<QueueOptions> = {}) {
  const begun: string[] = [];
  const open = new Map<string, PromiseWithResolvers<number | undefined>>();
  const failures: string[] = [];
  const queue = new WorkQueue({
    workers: 1,
    handle: (key) => {
      begun.push(key);
      const work = Promise.withResolvers<number | undefined>();
      open.set(key, work);
      return work.promise;
    },
    failed: (key) => failures.push(key),
    random: () => 1,
    ...options,
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return {
    ...{ queue, begun, failures },
    finish: async (key: string, later?: number) => {
      open.get(key)?.resolve(later);
      await settle();
    },
    fail: async (key: string) => {
      open.get(key)?.reject(new Error('no'));
      await settle();
    },
  };
}

const mocked = (t: TestContext): void => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
};

test('a key that was added often is looked at once, and again only when it was added meanwhile', async () => {
  const { queue, begun, finish } = queueOf();
  queue.add('a', 'changed');
  queue.add('b', 'changed');
  queue.add('b', 'changed');
  assert.deepEqual([begun, queue.depth], [['a'], 1]);
  queue.add('a', 'changed');
  queue.add('a', 'changed');
  assert.equal(queue.depth, 1, 'a is worked on: it does not run twice at once');
  await finish('a');
  await finish('b');
  await finish('a');
  assert.deepEqual(begun, ['a', 'b', 'a']);
});

test('the more urgent goes first, whatever came before', async () => {
  const { queue, begun, finish } = queueOf();
  queue.add('busy', 'due');
  for (const [key, priority] of [
    ['due', 'due'],
    ['changed', 'changed'],
    ['new', 'new'],
    ['raised', 'due'],
  ] as const) {
    queue.add(key, priority);
  }
  queue.add('raised', 'new');
  queue.add('new', 'due');
  for (const key of ['busy', 'new', 'raised', 'changed', 'due']) await finish(key);
  assert.deepEqual(begun, ['busy', 'new', 'raised', 'changed', 'due']);
});

test('so many are worked on at once as there are workers', async () => {
  const { queue, begun, finish } = queueOf({ workers: 2 });
  for (const key of ['a', 'b', 'c']) queue.add(key, 'new');
  assert.deepEqual(begun, ['a', 'b']);
  await finish('b');
  assert.deepEqual(begun, ['a', 'b', 'c']);
});

test('it comes again when asked, and sooner when it is added', async (t) => {
  mocked(t);
  const { queue, begun, finish } = queueOf();
  queue.add('a', 'new');
  await finish('a', 5_000);
  t.mock.timers.tick(4_999);
  assert.equal(begun.length, 1);
  t.mock.timers.tick(1);
  assert.equal(begun.length, 2);
  await finish('a', 5_000);
  queue.add('a', 'changed');
  assert.equal(begun.length, 3);
  await finish('a');
  t.mock.timers.tick(60_000);
  assert.equal(begun.length, 3, 'the former timer is gone');
});

test('failures make the pauses grow, a success ends that', async (t) => {
  mocked(t);
  const { queue, begun, failures, fail, finish } = queueOf({ backoff: { base: 1_000, cap: 3_000 } });
  queue.add('a', 'new');
  for (const pause of [1_000, 2_000, 3_000, 3_000]) {
    await fail('a');
    const before = begun.length;
    t.mock.timers.tick(pause - 1);
    assert.equal(begun.length, before);
    t.mock.timers.tick(1);
    assert.equal(begun.length, before + 1);
  }
  assert.equal(failures.length, 4);
  await finish('a');
  queue.add('a', 'changed');
  await fail('a');
  t.mock.timers.tick(1_000);
  assert.equal(begun.length, 7);
});

test('what is forgotten does not come again, nor anything after the end', async (t) => {
  mocked(t);
  const { queue, begun, finish } = queueOf();
  queue.add('a', 'new');
  await finish('a', 1_000);
  queue.forget('a');
  t.mock.timers.tick(2_000);
  queue.add('b', 'new');
  queue.add('c', 'new');
  const closed = queue.close();
  await finish('b');
  await closed;
  queue.add('d', 'new');
  assert.deepEqual(begun, ['a', 'b']);
});

test('whoever waits for a look is told when one that began later is over, well or not', async () => {
  const { queue, begun, finish, fail } = queueOf();
  queue.add('a', 'new');
  let told = 0;
  // The look that runs already may have read before what changed.
  const waiting = queue.handled('a', 'changed').then(() => (told += 1));
  await finish('a');
  assert.deepEqual([begun, told], [['a', 'a'], 0]);
  await fail('a');
  await waiting;
  assert.equal(told, 1);
  await queue.close();
  await queue.handled('a', 'changed');
});
