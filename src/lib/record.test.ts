import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { LockstepError } from '../errors.ts';
import { decodeFound, decodeRecord, encodeRecord } from './record.ts';

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
