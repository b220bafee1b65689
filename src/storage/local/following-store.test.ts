import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail } from '../../errors.ts';
import { Board } from '../../lib/threads/board.ts';
import { code } from '../conformance/subject.ts';
import { FollowingStore, type Standing } from './following-store.ts';

test('a damaged record of the log leaves no view open: open views keep pages from being used again', () => {
  const board = new Board();
  const epoch = { number: 1, id: 'epoch', forkedAt: 0 };
  const open = new Set<Standing>();
  let head = 1;
  const standing = (): Standing => {
    const place = (sequence: number) => ({ position: { epoch: '1.epoch', sequence }, hash: new Uint8Array() });
    const made: Standing = {
      view: {
        get: () => undefined,
        has: () => false,
        keysFrom: () => [],
        record: () => {
          throw fail('corrupt');
        },
        close: () => void open.delete(made),
      },
      head: place(head),
      oldest: place(1),
    };
    open.add(made);
    return made;
  };
  board.publish(head);
  const store = new FollowingStore({ log: 'log', epoch, open: standing }, board);
  board.publish((head = 2));
  assert.throws(() => store.catchUp(), code('corrupt'));
  assert.equal(open.size, 1);
  store.rest();
  assert.equal(open.size, 0, 'at rest, it holds none');
  assert.throws(() => store.get('a'), code('corrupt'));
  assert.equal(open.size, 0);
});
