import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayUse } from './conditions.ts';
import type { StoreCondition } from './definition.ts';

const shop = { name: 'shop-a', labels: { team: 'shop', 'kubernetes.io/metadata.name': 'shop-a' } };

const holds = (...conditions: readonly StoreCondition[]): boolean => mayUse(conditions, shop);

test('without conditions every namespace may, with some one of them has to hold', () => {
  assert.equal(mayUse(undefined, shop), true);
  assert.equal(holds(), true);
  assert.equal(holds({ namespaces: ['other'] }), false);
  assert.equal(holds({ namespaces: ['other'] }, { namespaces: ['shop-a'] }), true);
  assert.equal(holds({}), false, 'a condition without content lets nobody in');
});

test('labels select as label selectors do', () => {
  const expression = (operator: string, key: string, ...values: string[]) =>
    holds({ namespaceSelector: { matchExpressions: [{ key, operator, values }] } });
  assert.equal(holds({ namespaceSelector: { matchLabels: { team: 'shop' } } }), true);
  assert.equal(holds({ namespaceSelector: { matchLabels: { team: 'shop', more: '' } } }), false);
  assert.equal(holds({ namespaceSelector: {} }), true);
  assert.deepEqual(
    [
      expression('In', 'team', 'a', 'shop'),
      expression('NotIn', 'team', 'shop'),
      expression('NotIn', 'none', 'x'),
      expression('Exists', 'team'),
      expression('DoesNotExist', 'team'),
    ],
    [true, false, true, true, false],
  );
  assert.equal(holds({ namespaceSelector: { matchLabels: { toString: 'x' } } }), false);
  assert.throws(() => expression('Like', 'team'), /no operator/);
});

test('patterns match anywhere in the name, on RE2', () => {
  assert.equal(holds({ namespaceRegexes: ['^shop-'] }), true);
  assert.equal(holds({ namespaceRegexes: ['hop'] }), true, 'as in Go: anchors have to be written');
  assert.equal(holds({ namespaceRegexes: ['^shop$'] }), false);
  assert.throws(() => holds({ namespaceRegexes: ['('] }), /namespaceRegexes/);
});
