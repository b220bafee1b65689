import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnseenStatuses } from './unseen-statuses.ts';

const sources = [{ store: 'ours', key: 'db', version: 2 }] as never;

test('what waits is what the next status is made of, until the cache has it', () => {
  const unseen = new UnseenStatuses();
  const said = unseen.say('a/db', { staleSince: 'then', syncedResourceVersion: '1' }, { sources, staleSince: null });
  assert.deepEqual(unseen.get('a/db'), { sources, syncedResourceVersion: '1' });
  unseen.changed('a/db');
  assert.deepEqual(unseen.get('a/db')?.sources, sources, 'another change came before it was sent');
  said.written();
  assert.deepEqual(unseen.get('a/db')?.sources, sources, 'the cache does not have it yet');
  unseen.changed('a/db');
  assert.equal(unseen.get('a/db'), undefined);
});

test('one that took the place of another is not seen with that', () => {
  const unseen = new UnseenStatuses();
  const first = unseen.say('a/db', {}, { syncedResourceVersion: '1' });
  unseen.say('a/db', unseen.get('a/db') ?? {}, { staleSince: 'now' });
  first.written();
  first.lost();
  unseen.changed('a/db');
  assert.deepEqual(unseen.get('a/db'), { syncedResourceVersion: '1', staleSince: 'now' });
  unseen.forget('a/db');
  assert.equal(unseen.get('a/db'), undefined);
});

test('what the cache has is not kept, though the answer comes later; what is given up neither', () => {
  const unseen = new UnseenStatuses();
  const said = unseen.say('a/db', {}, { syncedResourceVersion: '1', staleSince: null });
  unseen.changed('a/db', { syncedResourceVersion: '0' });
  assert.deepEqual(unseen.get('a/db'), { syncedResourceVersion: '1' });
  unseen.changed('a/db', { syncedResourceVersion: '1' });
  said.written();
  assert.equal(unseen.get('a/db'), undefined);
  unseen.say('a/db', {}, { syncedResourceVersion: '2' }).lost();
  assert.equal(unseen.get('a/db'), undefined);
});
