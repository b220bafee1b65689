import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail, isLockstepError } from '../errors.ts';
import { JoinedWrites } from './joined-writes.ts';
import { openMemoryStore } from './memory/open.ts';
import type { Transaction } from './store.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

function write(tx: Transaction, items: readonly string[]): readonly PromiseSettledResult<number>[] {
  return items.map((item, at) => {
    if (item === 'refused') return { status: 'rejected', reason: fail('badRequest', item) };
    tx.put(`k/${item}`, bytes(item));
    if (item === 'broken') throw fail('internal', item);
    return { status: 'fulfilled', value: at };
  });
}

test('writes that come together are one batch; one that is refused keeps back no other; later ones are a batch of their own', async () => {
  await using store = openMemoryStore();
  const writes = new JoinedWrites(store, write);
  const results = await Promise.allSettled(['a', 'refused', 'b'].map((item) => writes.add(item)));
  assert.deepEqual(
    results.map((each) => (each.status === 'fulfilled' ? each.value : isLockstepError(each.reason, 'badRequest'))),
    [0, true, 2],
  );
  assert.equal(store.position.sequence, 1);
  assert.deepEqual(store.snapshot().list('k/', { limit: 9 }), ['k/a', 'k/b']);
  assert.equal(await writes.add('c'), 0);
  assert.equal(store.position.sequence, 2);
});

test('a throw while writing ends all that came together, and none of them is there; the next are none of it', async () => {
  await using store = openMemoryStore();
  const writes = new JoinedWrites(store, write);
  const results = await Promise.allSettled(['a', 'broken', 'b'].map((item) => writes.add(item)));
  assert.ok(results.every((each) => each.status === 'rejected' && isLockstepError(each.reason, 'internal')));
  assert.equal(store.position.sequence, 0);
  assert.equal(await writes.add('a'), 0);
});

test('a store that takes none, then takes some: what comes then joins nothing that was refused', async () => {
  await using store = openMemoryStore();
  let open = false;
  const writes = new JoinedWrites(
    {
      transact: (work) => (open ? store.transact(work) : Promise.reject(fail('sealed'))),
    },
    write,
  );
  await assert.rejects(writes.add('a'), (error) => isLockstepError(error, 'sealed'));
  open = true;
  assert.equal(await writes.add('a'), 0);
});

test('a transaction that runs twice writes all of its items both times, and none that came meanwhile', async () => {
  await using store = openMemoryStore();
  const ran: (readonly string[])[] = [];
  const late: Promise<number>[] = [];
  const writes: JoinedWrites<string, number> = new JoinedWrites(
    {
      transact: (work) =>
        store.transact((tx) => {
          work(tx);
          return work(tx);
        }),
    },
    (tx, items) => {
      ran.push([...items]);
      if (ran.length === 1) late.push(writes.add('late'));
      return write(tx, items);
    },
  );
  assert.deepEqual(await Promise.all([writes.add('a'), writes.add('b')]), [0, 1]);
  assert.deepEqual(await Promise.all(late), [0]);
  assert.deepEqual(ran, [['a', 'b'], ['a', 'b'], ['late'], ['late']]);
});

test('no transaction grows without end', async () => {
  await using store = openMemoryStore();
  const writes = new JoinedWrites(store, write);
  await Promise.all(Array.from({ length: 250 }, (_, at) => writes.add(String(at))));
  assert.equal(store.position.sequence, 3);
});
