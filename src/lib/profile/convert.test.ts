import assert from 'node:assert/strict';
import { test } from 'node:test';
import { converted, EVAL_TYPES, type EvalType } from './convert.ts';

/** What OpenBao 2.7.2 answers; `-` where it refuses. */
const TABLE: readonly (readonly [value: unknown, answers: Readonly<Partial<Record<EvalType, unknown>>>])[] = [
  ['5', { string: '5', int: 5, float64: 5, bool: '-', '[]string': ['5'], map: '-' }],
  [5, { string: '5', int: 5, float64: 5, bool: true, '[]string': ['5'], map: '-' }],
  [1.5, { string: '1.5', int: 1, float64: 1.5, bool: true, '[]string': ['1.5'], map: '-' }],
  [true, { string: '1', int: 1, float64: 1, bool: true, '[]string': ['1'], map: '-' }],
  [false, { string: '0', int: 0, float64: 0, bool: false, '[]string': ['0'], map: '-' }],
  ['', { string: '', int: 0, float64: 0, bool: false, '[]string': [''], map: '-' }],
  ['true', { string: 'true', int: '-', float64: '-', bool: true, '[]string': ['true'], map: '-' }],
  ['a,b', { string: 'a,b', int: '-', float64: '-', bool: '-', '[]string': ['a,b'], map: '-' }],
  [['a', 1], { string: '-', int: '-', float64: '-', bool: '-', '[]string': ['a', '1'], map: '-' }],
  [[], { string: '-', int: '-', float64: '-', bool: '-', '[]string': [], map: {} }],
  [{ a: 1 }, { string: '-', int: '-', float64: '-', bool: '-', '[]string': '-', map: { a: 1 } }],
  [{}, { string: '-', int: '-', float64: '-', bool: '-', '[]string': [], map: {} }],
  [null, { string: '', int: 0, float64: 0, bool: false, map: null }],
];

test('values become what eval_type says, as at OpenBao', () => {
  for (const [value, answers] of TABLE) {
    for (const [type, answer] of Object.entries(answers)) {
      const found = converted(value, type as EvalType);
      assert.deepEqual(found, answer === '-' ? undefined : answer, `${JSON.stringify(value)} to ${type}`);
    }
    for (const type of ['any', 'interface{}', ''] as const) assert.deepEqual(converted(value, type), value);
    for (const type of ['map[string]any', 'map[string]interface{}'] as const) {
      assert.deepEqual(converted(value, type), converted(value, 'map'));
    }
  }
});

test('nothing becomes a number that JSON has not', () => {
  for (const value of ['1e999', '9'.repeat(400), '0x10', ' 5', '5 ', 'Infinity', 'NaN', '1_0', Infinity, NaN]) {
    for (const type of ['int', 'float64'] as const) assert.equal(converted(value, type), undefined, String(value));
  }
  assert.equal(EVAL_TYPES.length, new Set(EVAL_TYPES).size);
});
