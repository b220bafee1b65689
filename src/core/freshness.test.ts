import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryStore } from '../storage/memory/open.ts';
import { decodeIndex, encodeIndex, Freshness } from './freshness.ts';

const write = (store: ReturnType<typeof openMemoryStore>) =>
  store.transact((tx) => {
    tx.put('l/root/x', Buffer.from('1'));
  });

function fresh(waitMs = 10_000) {
  const store = openMemoryStore();
  const freshness = new Freshness({ store, followed: () => ({}), waitMs, waitersPerToken: 2 });
  const ahead = (by: number) =>
    encodeIndex({ [store.log]: { ...store.position, sequence: store.position.sequence + by } });
  return { store, freshness, ahead };
}

test('an index is read back as it was written, and nothing else is one', () => {
  const index = { log: { epoch: '1.a', sequence: 7 } };
  assert.deepEqual({ ...decodeIndex(encodeIndex(index)) }, index);
  for (const text of ['', 'x', 'W10x', Buffer.from('[["a","b","c"]]').toString('base64url')]) {
    assert.equal(decodeIndex(text), undefined, text);
  }
});

test('a request waits for the newest of the indexes that it carries', async () => {
  const { store, freshness, ahead } = fresh();
  const [one, two] = [ahead(1), ahead(2)];
  const waiting = Promise.resolve(freshness.reach(`${two}, ${one}`, () => 't')).then(() => store.position.sequence);
  await write(store);
  await new Promise(setImmediate);
  await write(store);
  assert.equal(await waiting, 2, 'the first write was not enough');
  assert.equal(
    freshness.reach(two, () => 't'),
    undefined,
    'what is shown is not waited for',
  );
});

test('a wait ends with 412, at once when a token has too many, and for another history', async () => {
  const { store, freshness, ahead } = fresh(1);
  await assert.rejects(async () => freshness.reach(ahead(1), () => 't'), { code: 'behindIndex' });
  const other = encodeIndex({ [store.log]: { epoch: '9.other', sequence: 0 } });
  await assert.rejects(async () => freshness.reach(other, () => 't'), { code: 'behindIndex' });
  const slow = fresh();
  const waiting = [slow.freshness.reach(slow.ahead(1), () => 't'), slow.freshness.reach(slow.ahead(1), () => 't')];
  await assert.rejects(async () => slow.freshness.reach(slow.ahead(1), () => 't'), { code: 'behindIndex' });
  await write(slow.store);
  await Promise.all(waiting.map((each) => Promise.resolve(each)));
});

test('an index of another log is not waited for, and garbage is refused', () => {
  const { freshness } = fresh();
  assert.equal(
    freshness.reach(encodeIndex({ elsewhere: { epoch: '1.a', sequence: 99 } }), () => 't'),
    undefined,
  );
  assert.throws(() => freshness.reach('garbage', () => 't'), { code: 'badRequest' });
});
