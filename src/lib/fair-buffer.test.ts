import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byEntity, FairBuffer } from './fair-buffer.ts';

const keysOf = (buffer: FairBuffer<{ namespace: string; entity: string }>): readonly string[] =>
  [...buffer.entries()].map(([key]) => key);

test('who is at their own bound loses their oldest, and nobody else anything', () => {
  const buffer = new FairBuffer({ most: 10, mostOfOne: 2, ownerOf: byEntity });
  buffer.add('b1', { namespace: 'n', entity: 'b' });
  for (const key of ['a1', 'a2', 'a3']) buffer.add(key, { namespace: 'n', entity: 'a' });
  assert.deepEqual(keysOf(buffer), ['b1', 'a2', 'a3']);
  assert.equal(buffer.get('a1'), undefined);
});

test('when all is full, the most of the fullest namespace gives way, however many share it', () => {
  const buffer = new FairBuffer({ most: 20_000, mostOfOne: 100, ownerOf: byEntity });
  buffer.add('one', { namespace: 'quiet', entity: 'one' });
  buffer.add('other', { namespace: 'loud', entity: 'other' });
  for (let entity = 0; entity < 300; entity += 1) {
    for (let at = 0; at < 100; at += 1) {
      buffer.add(`${String(entity)}/${String(at)}`, { namespace: 'loud', entity: String(entity) });
    }
  }
  assert.equal(buffer.size, 20_000);
  assert.ok(buffer.get('one'));
  assert.ok(buffer.get('other'));
  // Nor does one whose entities have one each.
  for (let at = 0; at < 1_000; at += 1) buffer.add(`x${String(at)}`, { namespace: 'mob', entity: `x${String(at)}` });
  for (let at = 0; at < 1_000; at += 1) buffer.add(`y${String(at)}`, { namespace: 'quiet', entity: 'two' });
  assert.equal(buffer.size, 20_000);
  assert.ok(buffer.get('one'));
});

test('what is deleted makes room, and leaves nothing behind', () => {
  const buffer = new FairBuffer({ most: 2, mostOfOne: 2, ownerOf: byEntity });
  buffer.add('a', { namespace: 'n', entity: 'a' });
  buffer.add('b', { namespace: 'm', entity: 'b' });
  assert.equal(buffer.delete('a'), true);
  assert.equal(buffer.delete('a'), false);
  buffer.add('c', { namespace: 'n', entity: 'c' });
  assert.deepEqual(keysOf(buffer), ['b', 'c']);
});

test('a group goes with all that is its own', () => {
  const buffer = new FairBuffer({ most: 3, mostOfOne: 2, ownerOf: byEntity });
  for (const key of ['a1', 'a2', 'b1']) buffer.add(key, { namespace: 'n', entity: key.slice(0, 1) });
  buffer.deleteGroup('n');
  buffer.deleteGroup('n');
  assert.equal(buffer.size, 0);
  for (const key of ['a3', 'a4', 'b2']) buffer.add(key, { namespace: 'n', entity: key.slice(0, 1) });
  assert.deepEqual(keysOf(buffer), ['a3', 'a4', 'b2'], 'none is counted twice');
});
