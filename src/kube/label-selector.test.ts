import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectorText, selects, type LabelSelector } from './label-selector.ts';

const all: LabelSelector = {
  matchLabels: { app: 'shop', 'example.com/tier': '' },
  matchExpressions: [
    { key: 'env', operator: 'In', values: ['eu', 'us-1'] },
    { key: 'env', operator: 'NotIn', values: ['test'] },
    { key: 'owner', operator: 'Exists' },
    { key: 'old', operator: 'DoesNotExist' },
  ],
};

test('a selector is asked for in the words of the API', () => {
  const text = 'app=shop,example.com/tier=,env in (eu,us-1),env notin (test),owner,!old';
  assert.equal(selectorText(all), text);
  assert.equal(selectorText({}), '');
});

test('what is no label is not asked for: it could be read as another selector', () => {
  const hostile: readonly LabelSelector[] = [
    { matchLabels: { app: 'shop,secret' } },
    { matchLabels: { 'app in (a)': 'x' } },
    { matchLabels: { app: 'a=b' } },
    { matchLabels: { '': 'x' } },
    { matchExpressions: [{ key: 'app', operator: 'In', values: ['a),(b'] }] },
    { matchExpressions: [{ key: 'app', operator: 'In', values: [] }] },
    { matchExpressions: [{ key: '!app', operator: 'Exists' }] },
    { matchExpressions: [{ key: 'app', operator: 'Like', values: ['a'] }] },
  ];
  for (const each of hostile)
    assert.throws(() => selectorText(each), { name: 'KubernetesProblem' }, JSON.stringify(each));
});

test('labels are judged alike here', () => {
  const fitting = { app: 'shop', 'example.com/tier': '', env: 'eu', owner: 'me' };
  assert.equal(selects(all, fitting), true);
  assert.equal(selects(all, { ...fitting, old: '' }), false);
  assert.equal(selects(all, { ...fitting, env: 'test' }), false);
});
