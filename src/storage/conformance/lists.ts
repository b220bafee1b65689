import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Snapshot } from '../store.ts';
import { putAll, subject, type Make } from './subject.ts';

async function holding(t: TestContext, make: Make, keys: readonly string[]): Promise<Snapshot> {
  const { store } = await subject(t, make);
  await putAll(store, keys);
  return store.snapshot();
}

/** All entries, read page by page. */
function paged(page: (after: string | undefined) => readonly string[]): string[] {
  const found: string[] = [];
  for (;;) {
    const next = page(found.at(-1));
    if (next.length === 0) return found;
    found.push(...next);
  }
}

export function listCases(make: Make): void {
  orderCases(make);
  childrenCases(make);
}

function orderCases(make: Make): void {
  test('keys are listed by their UTF-8 bytes', async (t) => {
    const keys = ['a', 'B', 'é', '\uffff', '😀', '\ue000', '\ud7ff', 'a/b', 'a b', 'a\0', 'aa', 'z', '\0', '\u0001'];
    using snapshot = await holding(t, make, keys);
    const expected = keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    assert.deepEqual(snapshot.list('', { limit: 100 }), expected);
    for (const limit of [1, 2, 3, 5]) {
      assert.deepEqual(paged((after) => snapshot.list('', { limit, ...(after !== undefined && { after }) })), expected); // prettier-ignore
    }
  });

  test('a list holds what begins with its prefix, the prefix itself too', async (t) => {
    using snapshot = await holding(t, make, ['a', 'a/', 'a/b', 'a/b/c', 'a0', 'b', 'ab']);
    assert.deepEqual(snapshot.list('a/', { limit: 10 }), ['a/', 'a/b', 'a/b/c']);
    assert.deepEqual(snapshot.list('a', { limit: 10 }), ['a', 'a/', 'a/b', 'a/b/c', 'a0', 'ab']);
    assert.deepEqual(snapshot.list('c', { limit: 10 }), []);
    assert.deepEqual(snapshot.list('a/b/c/d', { limit: 10 }), []);
  });

  test('a prefix that ends in the highest bytes has an end', async (t) => {
    const edges = ['ÿ', '\u{10ffff}', '\uffff', '\u007f', '\u07ff', '\ud7ff'];
    const keys = edges.flatMap((edge) => [`p${edge}`, `p${edge}x`, `p${edge}${edge}`]);
    using snapshot = await holding(t, make, [...keys, 'p', 'q']);
    for (const edge of edges) {
      const prefix = `p${edge}`;
      const found = snapshot.list(prefix, { limit: 100 });
      assert.deepEqual(new Set(found), new Set(keys.filter((key) => key.startsWith(prefix))), JSON.stringify(edge));
    }
  });

  test('a page starts behind `after`, be it there or not, before the prefix or behind it', async (t) => {
    using snapshot = await holding(t, make, ['a', 'b/1', 'b/3', 'c']);
    assert.deepEqual(snapshot.list('b/', { after: 'b/1', limit: 10 }), ['b/3']);
    assert.deepEqual(snapshot.list('b/', { after: 'b/2', limit: 10 }), ['b/3']);
    assert.deepEqual(snapshot.list('b/', { after: 'b/3', limit: 10 }), []);
    assert.deepEqual(snapshot.list('b/', { after: 'a', limit: 10 }), ['b/1', 'b/3']);
    assert.deepEqual(snapshot.list('b/', { after: '', limit: 10 }), ['b/1', 'b/3']);
    assert.deepEqual(snapshot.list('b/', { after: 'b/', limit: 10 }), ['b/1', 'b/3']);
    assert.deepEqual(snapshot.list('b/', { after: 'c', limit: 10 }), []);
  });

  test('a limit of zero or less gives an empty page', async (t) => {
    using snapshot = await holding(t, make, ['a', 'b/c']);
    for (const limit of [0, -1, Number.NaN]) {
      assert.deepEqual(snapshot.list('', { limit }), []);
      assert.deepEqual(snapshot.children('', { limit }), []);
    }
  });
}

function childrenCases(make: Make): void {
  test('children are the next path segments: leaf, subtree, or both', async (t) => {
    using snapshot = await holding(t, make, ['p/a', 'p/a-b', 'p/a/1', 'p/a/2/3', 'p/b/1', 'p/c', 'p', 'q/x']);
    assert.deepEqual(snapshot.children('p/', { limit: 10 }), ['a', 'a-b', 'a/', 'b/', 'c']);
    assert.deepEqual(snapshot.children('p/a/', { limit: 10 }), ['1', '2/']);
    assert.deepEqual(snapshot.children('', { limit: 10 }), ['p', 'p/', 'q/']);
    assert.deepEqual(snapshot.children('p/a', { limit: 10 }), ['-b', '/']);
    assert.deepEqual(snapshot.children('nothing/', { limit: 10 }), []);
  });

  test('a page of children starts behind the child', async (t) => {
    using snapshot = await holding(t, make, ['p/a', 'p/a-b', 'p/a/1', 'p/a/2', 'p/a0', 'p/b']);
    assert.deepEqual(snapshot.children('p/', { after: 'a', limit: 10 }), ['a-b', 'a/', 'a0', 'b']);
    assert.deepEqual(snapshot.children('p/', { after: 'a/', limit: 10 }), ['a0', 'b']);
    assert.deepEqual(snapshot.children('p/', { after: 'a/2', limit: 10 }), ['a0', 'b']);
    assert.deepEqual(snapshot.children('p/', { after: 'aa', limit: 10 }), ['b']);
    assert.deepEqual(snapshot.children('p/', { after: '', limit: 2 }), ['a', 'a-b']);
    assert.deepEqual(snapshot.children('p/', { after: 'b', limit: 10 }), []);
    for (const limit of [1, 2, 3]) {
      const all = paged((after) => snapshot.children('p/', { limit, ...(after !== undefined && { after }) }));
      assert.deepEqual(all, ['a', 'a-b', 'a/', 'a0', 'b']);
    }
  });

  test('empty segments are children like others; the prefix itself is none', async (t) => {
    using snapshot = await holding(t, make, ['p/', 'p//a', 'p///b', 'p/x//', '/root', '//']);
    assert.deepEqual(snapshot.children('p/', { limit: 10 }), ['/', 'x/']);
    assert.deepEqual(snapshot.children('p//', { limit: 10 }), ['/', 'a']);
    assert.deepEqual(snapshot.children('p/x/', { limit: 10 }), ['/']);
    assert.deepEqual(snapshot.children('', { limit: 10 }), ['/', 'p/']);
    assert.deepEqual(snapshot.children('p/', { after: '/', limit: 10 }), ['x/']);
  });

  test('children keep byte order beyond ASCII', async (t) => {
    using snapshot = await holding(t, make, ['p/😀/1', 'p/\uffff', 'p/é/2', 'p/é', 'p/z', 'p/\u{10ffff}/x/y']);
    assert.deepEqual(snapshot.children('p/', { limit: 10 }), ['z', 'é', 'é/', '\uffff', '😀/', '\u{10ffff}/']);
    assert.deepEqual(snapshot.children('p/', { after: 'é/', limit: 2 }), ['\uffff', '😀/']);
  });

  test('a large subtree costs one step', async (t) => {
    const { store } = await subject(t, make);
    await store.transact((tx) => {
      for (let at = 0; at < 20_000; at++) tx.put(`p/big/${at}`, Uint8Array.of(1));
      tx.put('p/small', Uint8Array.of(1));
    });
    using snapshot = store.snapshot();
    const started = performance.now();
    for (let round = 0; round < 200; round++) {
      assert.deepEqual(snapshot.children('p/', { limit: 10 }), ['big/', 'small']);
    }
    // Walking the subtree would take 4,000,000 steps: seconds.
    assert.ok(performance.now() - started < 1_000);
  });
}
