import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { LockstepError } from '../errors.ts';
import { decodeFound, decodeRecord, encodeRecord, recordAt, textAt } from './record.ts';

const CANARY = 'CANARY-5e1d';

test('what is written is read back', () => {
  for (const value of [{ a: [1, 'ü'] }, 'text', 0, false]) assert.deepEqual(decodeRecord(encodeRecord(value)), value);
  assert.equal(decodeFound(undefined), undefined);
});

test('a damaged record is corrupt: its key and what to do are named, what it holds is not', () => {
  for (const text of [CANARY, `{"a":"${CANARY}`, '', 'null', `{"${CANARY}":1}}`]) {
    for (const [key, name] of [
      ['s/root/namespaces/a', /s\/root\/namespaces\/a/],
      [undefined, /a stored record/],
    ] as const) {
      // prettier-ignore
      assert.throws(
        () => decodeRecord(Buffer.from(text), key),
        (error: unknown) => {
          assert.ok(error instanceof LockstepError && error.code === 'corrupt', text);
          assert.match(error.message, name);
          assert.match(error.message, /server -recovery|restore a snapshot/);
          return !inspect(error, { depth: 9 }).includes(CANARY);
        },
        text,
      );
    }
  }
});

test('the record of a key is named by its whole key where it is damaged, also where it is of another kind', () => {
  const records = new Map(Object.entries({ a: '{"b":1}', b: '"text"', c: CANARY, d: '7', e: 'null' }));
  const from = {
    get: (key: string) => (records.has(key) ? Buffer.from(records.get(key) ?? '') : undefined),
    fullKey: (key: string) => `s/mount/${key}`,
  };
  assert.deepEqual(recordAt(from, 'a'), { b: 1 });
  assert.equal(textAt(from, 'b'), 'text');
  assert.deepEqual([recordAt(from, 'none'), textAt(from, 'none')], [undefined, undefined]);
  const wrong = [
    ...[...'bcde'].map((key) => ({ key, read: recordAt })),
    ...[...'acde'].map((key) => ({ key, read: textAt })),
  ];
  for (const { key, read } of wrong) {
    assert.throws(
      () => read(from, key),
      (error: unknown) =>
        error instanceof LockstepError &&
        error.code === 'corrupt' &&
        error.message.includes(`the record s/mount/${key} is damaged`) &&
        !inspect(error, { depth: 9 }).includes(CANARY),
      key,
    );
  }
  assert.throws(() => recordAt({ get: from.get }, 'b'), /the record b is damaged, it is no object/);
});
