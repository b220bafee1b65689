import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countingStore } from '../../../test/support/counting-store.ts';
import type { MountTransaction } from '../../framework/plugin.ts';
import { decodeRecord, encodeRecord, putRecord } from '../../lib/record.ts';
import { staged, stageable } from '../requests/staged.ts';
import { compartment } from './compartment.ts';
import { KeptRecords } from './kept-records.ts';

interface Counter {
  readonly n: number;
}

function counters() {
  const { store, read } = countingStore();
  const opened = compartment({ store: stageable(store), kept: new KeptRecords(store), prefix: 'm/', writable: true });
  const current = (tx: Pick<MountTransaction, 'kept'>): Counter | undefined => tx.kept('n', decodeRecord<Counter>);
  const add = () =>
    opened.transact((tx) => {
      const n = (current(tx)?.n ?? 0) + 1;
      putRecord(tx, 'n', { n } satisfies Counter);
      return n;
    });
  return { store, read, opened, current, add };
}

test('writers of one record read it once, whether they come one by one or at once, and count right', async () => {
  const { opened, read, current, add } = counters();
  assert.equal(await add(), 1);
  assert.equal(await add(), 2);
  read();
  assert.equal(await add(), 3);
  assert.deepEqual(await Promise.all([add(), add(), add()]), [4, 5, 6]);
  assert.equal(current(opened)?.n, 6);
  assert.equal(opened.has('n'), true);
  assert.equal(read(), 0);
});

test('what other writers wrote as bytes, deleted or took back is what the next one finds', async () => {
  const { opened, current, add } = counters();
  await add();
  await add();
  const refused = opened.transact((tx) => {
    putRecord(tx, 'n', { n: 100 });
    throw new Error('taken back');
  });
  const found = await Promise.all([
    assert.rejects(refused, /taken back/),
    opened.transact(current),
    opened.transact((tx) => tx.put('n', encodeRecord({ n: 20 }))),
    add(),
    opened.transact((tx) => tx.delete('n')),
    opened.transact(current),
    add(),
  ]);
  assert.deepEqual([found[1], found[3], found[5], found[6]], [{ n: 2 }, 21, undefined, 1]);
  assert.deepEqual(current(opened), { n: 1 });
  await opened.transact((tx) => tx.delete('n'));
  assert.deepEqual([current(opened), opened.has('n')], [undefined, false]);
});

test('a staged request relies on nothing that is kept: what changes meanwhile makes it run again', async () => {
  const { store, opened, current, add } = counters();
  await add();
  await add();
  assert.equal(current(opened)?.n, 2);
  let runs = 0;
  const last = await staged(
    store,
    async () => {
      runs += 1;
      const n = await add();
      if (runs === 1) {
        await store.transact((tx) => {
          tx.put('m/n', encodeRecord({ n: 40 }));
        });
      }
      return n;
    },
    () => undefined,
  );
  assert.deepEqual([runs, last, current(opened)], [2, 41, { n: 41 }]);
});
