import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isLockstepError } from '../../errors.ts';
import { DATA_FILE, prepareDirectory } from './data-directory.ts';
import { openEnvironment } from './environment.ts';
import { fillLength, pagesOf } from './file-length.ts';
import { directory } from './fixture.ts';

test('a file that LMDB left shorter than its pages is filled up, and then opened like any other', async (t) => {
  const path = directory(t);
  prepareDirectory(path);
  const file = join(path, DATA_FILE);
  const environment = openEnvironment(path, { flushing: true });
  const { root, parts } = environment;
  // Pages at the end of the file, taken and given back by one transaction.
  root.transactionSync(() => {
    const keys = Array.from({ length: 20 }, (_, at) => Buffer.from([1, at]));
    for (const key of keys) void parts.put(key, Buffer.alloc(3_000));
    for (const key of keys) void parts.remove(key);
  });
  assert.ok(statSync(file).size < pagesOf(root).length, 'LMDB wrote all of them: then nothing is to be filled');
  assert.throws(() => openEnvironment(path), (error) => isLockstepError(error, 'corrupt')); // prettier-ignore
  fillLength(root, file);
  assert.equal(statSync(file).size, pagesOf(root).length);
  await root.close();
  await openEnvironment(path).root.close();
});
