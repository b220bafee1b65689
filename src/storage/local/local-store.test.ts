import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { bytes, code, put, read, text } from '../conformance/subject.ts';
import { MemoryMedium } from '../memory/open.ts';
import { LocalStore } from './local-store.ts';
import type { Chained } from './medium.ts';
import { Overlay } from './transaction.ts';

/** Each commit waits until it is let go. */
class SlowDisk extends MemoryMedium {
  #begun = Promise.withResolvers<undefined>();
  #written = Promise.withResolvers<undefined>();
  #quick = false;

  override async commit(group: readonly Chained[]): Promise<void> {
    this.#begun.resolve(undefined);
    if (!this.#quick) await this.#written.promise;
    this.#written = Promise.withResolvers();
    await super.commit(group);
  }

  /** Resolves once a commit waits that nobody was told of before. */
  async begun(): Promise<void> {
    await this.#begun.promise;
    this.#begun = Promise.withResolvers();
  }

  write(): void {
    this.#written.resolve(undefined);
  }

  /** Nothing waits from now on. */
  quicken(): void {
    this.#quick = true;
    this.write();
  }

  break(error: Error): void {
    this.#written.reject(error);
  }
}

function slowStore(t: TestContext, die: (error: unknown) => void = assert.ifError) {
  const disk = new SlowDisk();
  const store = new LocalStore(disk, { die });
  t.after(async () => {
    disk.quicken();
    await store[Symbol.asyncDispose]();
  });
  return { disk, store };
}

/** Resolves once work that is handed in now has run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('work that comes during a flush runs on what is being flushed, and is told after a flush of its own', async (t) => {
  const { disk, store } = slowStore(t);
  const told: string[] = [];
  const first = put(store, 'a', '1').then(() => told.push('first'));
  await disk.begun();
  const seen: unknown[] = [];
  const second = store
    .transact((tx) => {
      seen.push(text(tx.get('a')), tx.has('a'), [...tx.list('', { limit: 9 })]);
      tx.delete('a');
      tx.put('b', bytes('2'));
    })
    .then(() => told.push('second'));
  const third = store
    .transact((tx) => {
      seen.push(tx.get('a'), tx.has('a'), [...tx.list('', { limit: 9 })]);
      throw new Error('no');
    })
    .catch(() => told.push('third'));
  await turn();
  assert.deepEqual(seen, ['1', true, ['a'], undefined, false, ['b']], 'it ran while the first is flushed');
  assert.deepEqual([read(store, 'a'), read(store, 'b'), store.position.sequence], [undefined, undefined, 0]);

  disk.write();
  await first;
  await disk.begun();
  assert.deepEqual([told, read(store, 'a'), read(store, 'b')], [['first'], '1', undefined]);

  disk.write();
  await Promise.all([second, third]);
  assert.deepEqual([told, read(store, 'a'), read(store, 'b')], [['first', 'second', 'third'], undefined, '2']);
  assert.equal(store.position.sequence, 2);
});

test('a third group lists what the first and the second wrote, each in its place', async (t) => {
  const { disk, store } = slowStore(t);
  const first = put(store, 'a', '1');
  await disk.begun();
  const second = store.transact((tx) => {
    assert.deepEqual(tx.list('', { limit: 9 }), ['a']);
    tx.put('b', bytes('2'));
  });
  await turn();
  disk.write();
  await first;
  await disk.begun();
  const third = store.transact((tx) => tx.list('', { limit: 9 }));
  disk.write();
  await second;
  assert.deepEqual((await third).value, ['a', 'b']);
});

test('a flush that fails takes with it what ran on top of it', async (t) => {
  const died: unknown[] = [];
  const { disk, store } = slowStore(t, (error) => died.push(error));
  const first = put(store, 'a', '1');
  await disk.begun();
  const second = put(store, 'b', '2');
  const reader = store.transact((tx) => tx.has('a'));
  await turn();
  const broken = new Error('the disk is gone');
  disk.break(broken);
  await Promise.all([first, second, reader].map((each) => assert.rejects(each, code('storeClosed'))));
  assert.deepEqual(died, [broken]);
});

test('work within work runs behind it', async (t) => {
  const { disk, store } = slowStore(t);
  const first = put(store, 'a', '1');
  await disk.begun();
  let inner: Promise<{ readonly value: string | undefined }> | undefined;
  const outer = store.transact((tx) => {
    tx.put('a', bytes('2'));
    inner = store.transact((later) => text(later.get('a')));
    tx.put('a', bytes('3'));
  });
  await turn();
  disk.write();
  await first;
  await disk.begun();
  disk.write();
  await outer;
  assert.equal((await inner)?.value, '3');
});

test('what is published is not kept on top of it', () => {
  const first = new Overlay();
  first.add([{ key: 'a', value: bytes('1'), decoded: undefined }]);
  const second = new Overlay(first);
  second.add([{ key: 'b', value: bytes('2'), decoded: undefined }]);
  assert.deepEqual(
    [...second.sorted.from('', false)].map(([key]) => key),
    ['a', 'b'],
  );
  second.published();
  assert.equal(second.get('a'), undefined);
  assert.deepEqual(
    [...second.sorted.from('', false)].map(([key]) => key),
    ['b'],
  );
});
