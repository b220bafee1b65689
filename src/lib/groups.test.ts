import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Groups } from './groups.ts';

test('a group is forgotten with its last member', () => {
  const groups = new Groups();
  groups.add('a', 'one');
  groups.add('a', 'two');
  groups.add('b', 'one');
  assert.deepEqual([...groups.get('a')], ['one', 'two']);
  groups.delete('a', 'one');
  assert.deepEqual([groups.size, [...groups.get('a')]], [2, ['two']]);
  groups.delete('a', 'two');
  groups.delete('none', 'two');
  assert.deepEqual([groups.size, [...groups.get('a')]], [1, []]);
});
