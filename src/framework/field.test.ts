import assert from 'node:assert/strict';
import { test } from 'node:test';
import { field } from './field.ts';

test('an empty text is no, as by Vault; other texts are no booleans', () => {
  const { coerce } = field.boolean('');
  assert.deepEqual(
    [coerce('', 'b'), coerce('T', 'b'), coerce(0, 'b'), coerce(undefined, 'b')],
    [false, true, false, undefined],
  );
  assert.throws(() => coerce(' ', 'b'), /field "b": expected a boolean/);
});

test('a number of seconds has no fraction; a text with a unit may', () => {
  for (const { coerce } of [field.duration(''), field.signedDuration('')]) {
    assert.deepEqual([coerce(60, 'ttl'), coerce('1.5h', 'ttl')], [60, 5_400]);
    assert.throws(() => coerce(1.5, 'ttl'), /field "ttl": expected whole seconds, or a number with its unit/);
  }
});

test('text where an object is expected names the way that a command line can send one', () => {
  const { coerce } = field.object('');
  assert.deepEqual(coerce({ a: 1 }, 'claims'), { a: 1 });
  assert.throws(() => coerce('{"a":1}', 'claims'), /field "claims": expected an object, not text: .*JSON document/);
  assert.throws(() => coerce(1, 'claims'), /field "claims": expected an object$/);
});
