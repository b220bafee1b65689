import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLockstepError } from '../../../errors.ts';
import { encodeRecord } from '../../../lib/record.ts';
import { decodeMetadata, newMetadata } from './records.ts';

const [first, second, third] = ['10:00', '11:00', '12:00'].map((time) => `2026-12-01T${time}:00.000Z`);
const stored = { ...newMetadata(''), currentVersion: 3 };

test('a version of which only the time is stored follows the one before it', () => {
  const { versions } = decodeMetadata(encodeRecord({ ...stored, versions: [first, second, third] }));
  assert.deepEqual(versions, [
    { version: 1, createdTime: first },
    { version: 2, createdTime: second },
    { version: 3, createdTime: third },
  ]);
});

test('versions that were changed by hand are refused by the name of their record, and none is taken for another', () => {
  const changed = [
    [first, third],
    [null],
    [5],
    'abc',
    undefined,
    [{ version: '2' }, third],
    [first, second, third, third],
  ];
  for (const versions of changed) {
    assert.throws(
      () => decodeMetadata(encodeRecord({ ...stored, versions }), 's/root/data/m/metadata/a'),
      (error) => isLockstepError(error, 'corrupt') && error.message.includes('s/root/data/m/metadata/a'),
      JSON.stringify(versions),
    );
  }
});
