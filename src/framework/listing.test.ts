import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../errors.ts';
import { nextTurn } from '../lib/next-turn.ts';
import type { Page } from '../storage/store.ts';
import { listed, MOST_NAMES, namesOf } from './listing.ts';

const text = (at: number): string => String(at).padStart(7, '0');
const all = { after: '', limit: 0 };

/** `count` names, and how large the pages were that were read of them. */
function numbered(count: number) {
  const pages: number[] = [];
  const read = ({ after, limit }: Page): readonly string[] => {
    const from = after === undefined ? 0 : Number(after) + 1;
    const page = Array.from({ length: Math.max(0, Math.min(limit, count - from)) }, (_, at) => text(from + at));
    pages.push(page.length);
    return page;
  };
  return { read, pages };
}

test('a list is read in pages of a few thousand, each in a turn of its own', async () => {
  const { read, pages } = numbered(12_345);
  const found = namesOf({ read }, all);
  assert.ok(found instanceof Promise);
  assert.deepEqual(pages, [5_000]);
  await nextTurn();
  assert.deepEqual(pages, [5_000, 5_000]);
  assert.deepEqual(
    await found,
    Array.from({ length: 12_345 }, (_, at) => text(at)),
  );
  assert.deepEqual(pages, [5_000, 5_000, 2_345]);
});

test('what fits into one page is there at once', () => {
  assert.deepEqual(namesOf({ read: numbered(3).read }, all), ['0000000', '0000001', '0000002']);
  assert.deepEqual(namesOf({ read: numbered(9).read }, { after: '0000001', limit: 2 }), ['0000002', '0000003']);
  assert.deepEqual(namesOf({ read: numbered(5_000).read }, { after: '', limit: 5_000 }).valueOf(), [
    ...numbered(5_000).read({ limit: 5_000 }),
  ]);
});

test('a reply holds the most that it may, and is refused rather than cut when there is more', async () => {
  assert.equal((await namesOf({ read: numbered(MOST_NAMES).read }, all)).length, MOST_NAMES);
  const refused = (error: unknown): boolean =>
    isLockstepError(error, 'badRequest') && /more than the 100000 names.*limit=10000 and after=/.test(error.message);
  const more = { read: numbered(MOST_NAMES + 1).read };
  await assert.rejects(async () => namesOf(more, all), refused);
  await assert.rejects(async () => namesOf(more, { after: '', limit: MOST_NAMES + 1 }), refused);
  assert.equal((await namesOf(more, { after: '', limit: MOST_NAMES })).length, MOST_NAMES);
  assert.deepEqual(await namesOf(more, { after: text(MOST_NAMES - 1), limit: 0 }), [text(MOST_NAMES)]);
  await assert.rejects(async () => namesOf({ read: numbered(11).read, most: 10 }, all), /more than the 10 names/);
});

test('nothing is 404', async () => {
  assert.equal((await listed({ read: () => [] }, all)).status, 404);
  assert.deepEqual((await listed({ read: numbered(1).read }, all)).data, { keys: ['0000000'] });
});
