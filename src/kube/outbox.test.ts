import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { mayPass, Outbox, type OutboxOptions } from './outbox.ts';
import { KubernetesProblem } from './problem.ts';

/** Words that are sent when `finish` or `fail` says so. */
function outboxOf(options: Partial<OutboxOptions> = {}) {
  const begun: string[] = [];
  const lost: string[] = [];
  const open = new Map<string, PromiseWithResolvers<undefined>>();
  const outbox = new Outbox({ lines: 2, rest: 100, random: () => 1, lost: (key) => lost.push(key), ...options });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  return {
    ...{ outbox, begun, lost, settle },
    put: (key: string, text = key): Promise<void> =>
      outbox.put(key, () => {
        begun.push(text);
        const sent = Promise.withResolvers<undefined>();
        open.set(text, sent);
        return sent.promise;
      }),
    finish: async (text: string) => {
      open.get(text)?.resolve(undefined);
      await settle();
    },
    fail: async (text: string, status?: number) => {
      open.get(text)?.reject(new KubernetesProblem('no', status === undefined ? {} : { status }));
      await settle();
    },
  };
}

const mocked = (t: TestContext): void => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
};

test('of each key the newest alone is sent, and never two of one key at once', async () => {
  const { put, begun, finish } = outboxOf();
  void put('a', 'a1');
  const replaced = put('a', 'a2');
  void put('a', 'a3');
  await replaced;
  assert.deepEqual(begun, ['a1']);
  await finish('a1');
  assert.deepEqual(begun, ['a1', 'a3']);
});

test('while something is urgent one is sent at a time, with rests; then as many as there are lines', async (t) => {
  mocked(t);
  let urgent = true;
  const { put, begun, finish } = outboxOf({ urgent: () => urgent });
  for (const key of ['a', 'b', 'c', 'd']) void put(key);
  assert.deepEqual(begun, ['a']);
  await finish('a');
  assert.deepEqual(begun, ['a'], 'it rests');
  t.mock.timers.tick(100);
  assert.deepEqual(begun, ['a', 'b']);
  urgent = false;
  await finish('b');
  assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
});

test('what may pass is tried again, unless something newer came; what may not is given up', async (t) => {
  mocked(t);
  const { put, begun, fail, lost } = outboxOf({ lines: 1, again: mayPass });
  const tried = put('a');
  await fail('a');
  await tried;
  void put('b');
  t.mock.timers.tick(500);
  assert.deepEqual(begun, ['a', 'a']);
  void put('a', 'newer');
  await fail('a', 503);
  t.mock.timers.tick(2_000);
  assert.deepEqual(begun, ['a', 'a', 'b']);
  await fail('b', 422);
  assert.deepEqual([begun, lost], [['a', 'a', 'b', 'newer'], ['b']]);
});

test('what is left is told at the end, or left, and nothing comes after it', async () => {
  const { outbox, put, begun, finish } = outboxOf({ lines: 1, urgent: () => true });
  void put('a');
  void put('b');
  const closed = outbox.close(true);
  await finish('a');
  await finish('b');
  await closed;
  void put('c');
  assert.deepEqual(begun, ['a', 'b']);
  const other = outboxOf({ lines: 1 });
  void other.put('a');
  void other.put('b');
  const left = other.outbox.close(false);
  await other.finish('a');
  await left;
  assert.deepEqual([other.begun, other.outbox.depth], [['a'], 0]);
});

test('beyond the bound the newest are left out', () => {
  const { outbox, put } = outboxOf({ lines: 1, most: 2 });
  for (const key of ['a', 'b', 'c', 'd']) void put(key);
  assert.equal(outbox.depth, 2);
});
