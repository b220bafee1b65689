import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transaction } from '../store.ts';
import { batchesSince, bytes, code, put, putAll, read, shown, start, subject, text, type Make } from './subject.ts';

export function transactionCases(make: Make): void {
  isolationCases(make);
  outcomeCases(make);
  concurrencyCases(make);
}

function isolationCases(make: Make): void {
  test('a transaction sees its own writes, in get, has, list and children', async (t) => {
    const { store } = await subject(t, make);
    await putAll(store, ['a', 'b', 'c/x', 'd']);
    await store.transact((tx) => {
      tx.put('a', bytes('new'));
      tx.delete('b');
      tx.delete('c/x');
      tx.put('aa', bytes('1'));
      tx.put('e/y', bytes('2'));
      assert.equal(text(tx.get('a')), 'new');
      assert.equal(tx.get('b'), undefined);
      assert.deepEqual(
        ['a', 'aa', 'b', 'd', 'e'].map((key) => tx.has(key)),
        [true, true, false, true, false],
      );
      assert.deepEqual(tx.list('', { limit: 10 }), ['a', 'aa', 'd', 'e/y']);
      assert.deepEqual(tx.children('', { limit: 10 }), ['a', 'aa', 'd', 'e/']);
      assert.deepEqual(tx.list('', { after: 'a', limit: 2 }), ['aa', 'd']);
      tx.put('b', bytes('back'));
      assert.equal(text(tx.get('b')), 'back');
    });
    assert.equal(read(store, 'b'), 'back');
  });

  test('what a transaction writes is shown to nobody before it is committed', async (t) => {
    const { store } = await subject(t, make);
    await put(store, 'k', 'old');
    const before = store.position;
    const pending = store.transact((tx) => {
      tx.put('k', bytes('new'));
      assert.equal(read(store, 'k'), 'old');
    });
    assert.equal(read(store, 'k'), 'old');
    assert.deepEqual(store.position, before);
    await pending;
    assert.equal(read(store, 'k'), 'new');
  });

  test('a snapshot stays of its moment while writes go on', async (t) => {
    const { store } = await subject(t, make);
    await putAll(store, ['a', 'b', 'c']);
    using snapshot = store.snapshot();
    using twin = store.snapshot();
    assert.deepEqual([twin.has('a'), twin.has('n0'), twin.has('')], [true, false, false]);
    const { position } = snapshot;
    for (let round = 0; round < 50; round++) {
      await store.transact((tx) => {
        tx.put('a', bytes(`round ${round}`));
        tx.put(`n${round}`, bytes('x'));
        tx.delete('b');
      });
    }
    for (const old of [snapshot, twin]) {
      assert.equal(text(old.get('a')), 'a');
      assert.deepEqual(old.list('', { limit: 100 }), ['a', 'b', 'c']);
      assert.deepEqual(old.position, position);
    }
    twin[Symbol.dispose]();
    assert.equal(text(snapshot.get('b')), 'b', 'disposing one snapshot does not touch another one of its position');
    assert.equal(read(store, 'b'), undefined);
    assert.equal(text(store.get('a')), 'round 49', 'the store itself reads what is newest');
    assert.deepEqual(
      [store.get('b'), store.has('b'), store.has('n49'), store.has('')],
      [undefined, false, true, false],
    );
  });

  test('the bytes that were put are those of the call, whatever the caller does to them later', async (t) => {
    const { store } = await subject(t, make);
    const value = bytes('secret');
    const pending = store.transact((tx) => {
      tx.put('k', value);
      value.fill(0);
    });
    await pending;
    assert.equal(read(store, 'k'), 'secret');
    const [batch] = await batchesSince(store, start(store));
    assert.deepEqual(shown(batch?.writes ?? []), [['k', 'secret']]);
  });
}

function outcomeCases(make: Make): void {
  test('work that throws writes nothing and rejects with what it threw', async (t) => {
    const { store } = await subject(t, make);
    await put(store, 'k', 'old');
    const before = store.position;
    const thrown = new Error('no');
    const failing = store.transact((tx) => {
      tx.put('k', bytes('new'));
      tx.put('other', bytes('new'));
      throw thrown;
    });
    const following = store.transact((tx) => text(tx.get('k')));
    await assert.rejects(failing, (error) => error === thrown);
    assert.equal((await following).value, 'old', 'a transaction behind it does not see what it wrote');
    assert.deepEqual(store.position, before);
    assert.equal(read(store, 'k'), 'old');
    assert.equal(read(store, 'other'), undefined);
  });

  test('a transaction without writes makes no batch', async (t) => {
    const { store } = await subject(t, make);
    const first = await put(store, 'k', 'v');
    const empty = await store.transact((tx) => text(tx.get('k')));
    assert.deepEqual(empty, { value: 'v', position: first.position });
    assert.deepEqual(store.position, first.position);
  });

  test('a key written twice in one transaction is one write, the last', async (t) => {
    const { store } = await subject(t, make);
    await store.transact((tx) => {
      tx.put('k', bytes('1'));
      tx.put('k', bytes('2'));
      tx.put('gone', bytes('1'));
      tx.delete('gone');
    });
    const [batch] = await batchesSince(store, start(store));
    assert.deepEqual(new Map(shown(batch?.writes ?? [])), new Map([['k', '2'], ['gone', undefined]])); // prettier-ignore
    assert.equal(read(store, 'gone'), undefined);
  });

  test('work that returns a promise is refused and writes nothing', async (t) => {
    const { store } = await subject(t, make);
    await assert.rejects(
      store.transact(async (tx) => tx.put('k', bytes('v'))),
      code('internal'),
    );
    assert.equal(store.position.sequence, 0);
  });

  test('a transaction ends with its work', async (t) => {
    const { store } = await subject(t, make);
    let kept: Transaction | undefined;
    await store.transact((tx) => {
      kept = tx;
      tx.put('k', bytes('v'));
    });
    assert.throws(() => kept?.get('k'), code('internal'));
    assert.throws(() => kept?.put('k', bytes('late')), code('internal'));
    await assert.rejects(
      store.transact((tx) => {
        kept = tx;
        throw new Error('no');
      }),
    );
    assert.throws(() => kept?.put('k', bytes('late')), code('internal'));
  });
}

function concurrencyCases(make: Make): void {
  test('concurrent increments are all counted, each a batch of its own', async (t) => {
    const { store } = await subject(t, make);
    const increment = (tx: Transaction): number => {
      const next = Number(text(tx.get('n')) ?? '0') + 1;
      tx.put('n', bytes(String(next)));
      return next;
    };
    const all = await Promise.all(Array.from({ length: 200 }, () => store.transact(increment)));
    assert.deepEqual(all.map(({ value }) => value), Array.from({ length: 200 }, (_, at) => at + 1)); // prettier-ignore
    assert.deepEqual(all.map(({ position }) => position.sequence), all.map(({ value }) => value)); // prettier-ignore
    assert.equal(read(store, 'n'), '200');
  });

  test('transactions that share a flush list what those before them wrote, and not what one of them took back', async (t) => {
    const { store } = await subject(t, make);
    await putAll(store, ['a', 'b']);
    const listed = (key: string) => (tx: Transaction) => {
      tx.put(key, bytes('1'));
      return tx.list('', { limit: 10 });
    };
    const refused = store.transact((tx) => {
      tx.delete('a');
      tx.put('x', bytes('1'));
      tx.list('', { limit: 10 });
      throw new Error('taken back');
    });
    const all = await Promise.all([
      store.transact((tx) => tx.delete('b')),
      store.transact(listed('c')),
      assert.rejects(refused, /taken back/),
      store.transact((tx) => tx.put('b', bytes('again'))),
      store.transact(listed('aa')),
    ]);
    assert.deepEqual(all[1].value, ['a', 'c']);
    assert.deepEqual(all[4].value, ['a', 'aa', 'b', 'c']);
  });

  test('what nobody is shown yet is told with what it decodes to, and so is the batch; what was taken back is not', async (t) => {
    const { store } = await subject(t, make);
    await putAll(store, ['k', 'gone']);
    const [first, second] = [1, 2].map((n) => ({ record: { n }, bytes: 1 }));
    const told: unknown[] = [];
    using _observer = store.observe(({ writes }) => {
      told.push(...writes.map(({ key, decoded }) => [key, decoded]));
    });
    const refused = store.transact((tx) => {
      tx.put('k', bytes('0'), first);
      assert.equal(tx.written('k')?.decoded, first);
      throw new Error('taken back');
    });
    await Promise.all([
      assert.rejects(refused, /taken back/),
      store.transact((tx) => {
        assert.equal(tx.written('k'), undefined);
        tx.put('k', bytes('1'), first);
        tx.delete('gone');
      }),
      store.transact((tx) => {
        assert.equal(tx.written('k')?.decoded, first);
        assert.deepEqual([tx.written('gone')?.decoded, tx.written('gone') === undefined], [undefined, false]);
        tx.put('k', bytes('2'), second);
        assert.equal(tx.written('k')?.decoded, second);
      }),
    ]);
    await store.transact((tx) => {
      assert.equal(tx.written('k'), undefined, 'it is shown now');
      tx.put('k', bytes('3'));
      assert.deepEqual([tx.written('k')?.decoded, tx.written('k') === undefined], [undefined, false]);
    });
    assert.deepEqual(told, [['k', first], ['gone', undefined], ['k', second], ['k', undefined]]); // prettier-ignore
  });

  test('concurrent transactions share a flush', async (t) => {
    const { store, flushes } = await subject(t, make);
    if (flushes === undefined) return t.skip('this store flushes nothing');
    const before = flushes();
    await Promise.all(Array.from({ length: 100 }, (_, at) => put(store, `k${at}`, 'v')));
    assert.ok(flushes() - before <= 2, `100 transactions took ${flushes() - before} flushes`);
    assert.equal(store.position.sequence, 100);
  });

  test('a writer on its own waits for one flush', async (t) => {
    const { store, flushes } = await subject(t, make);
    if (flushes === undefined) return t.skip('this store flushes nothing');
    const before = flushes();
    for (let round = 0; round < 10; round++) await put(store, 'k', String(round));
    assert.equal(flushes() - before, 10);
  });

  test('on a conflict, work runs again on the newer state and leaves nothing of the run before', async (t) => {
    let conflicts = 0;
    const { store } = await subject(t, make, { conflict: () => conflicts-- > 0 });
    await put(store, 'n', '1');
    conflicts = 2;
    const seen: (string | undefined)[] = [];
    const first = store.transact((tx) => {
      seen.push(text(tx.get('n')));
      tx.put(`run${seen.length}`, bytes('x'));
      tx.put('n', bytes(`${text(tx.get('n'))}+a`));
    });
    // Both conflict once and are tried again in their order.
    const second = store.transact((tx) => tx.put('n', bytes(`${text(tx.get('n'))}+b`)));
    await Promise.all([first, second]);
    assert.equal(seen.length, 2);
    assert.equal(read(store, 'run1'), undefined, 'the run that conflicted wrote nothing');
    assert.equal(read(store, 'run2'), 'x');
    assert.equal(read(store, 'n'), '1+a+b');
    conflicts = 1;
    const third = store.transact((tx) => seen.push(text(tx.get('n'))));
    await put(store, 'n', 'between');
    await third;
    assert.equal(seen.at(-1), 'between', 'the second run sees what was committed meanwhile');
  });
}
