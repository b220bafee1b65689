import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch } from './batch.ts';

const lines = ['{"n":1}\n', '{"name":"Zoë 💧"}\n', `{"long":"${'é'.repeat(50_000)}"}\n`, '{"n":4}\n'];

function batchOf(): { readonly batch: Batch; readonly told: readonly Promise<void>[] } {
  const batch = new Batch();
  return { batch, told: lines.map((line) => batch.add(line)) };
}

test('a batch holds its lines as UTF-8 in their order, behind a newline where a line was cut off', () => {
  const { batch } = batchOf();
  const text = lines.join('');
  assert.equal(batch.size, Buffer.byteLength(text));
  assert.equal(Buffer.from(batch.bytes(false)).toString(), text);
  assert.equal(Buffer.from(batch.bytes(true)).toString(), `\n${text}`);
});

test('wherever a write ends, a line counts once its last byte is written, and what is behind it is torn', () => {
  const { batch } = batchOf();
  for (const torn of [false, true]) {
    const bytes = Buffer.from(batch.bytes(torn));
    const edges = lines.map((_, at) => Buffer.byteLength(lines.slice(0, at + 1).join('')) + (torn ? 1 : 0));
    for (const written of [0, 1, 2, ...edges.flatMap((edge) => [edge - 1, edge, edge + 1])]) {
      if (written > bytes.length) continue;
      const file = (torn ? '{"cut' : '') + bytes.subarray(0, written).toString('latin1');
      const complete = edges.filter((edge) => edge <= written).length;
      assert.deepEqual(batch.outcomeOf(torn, written), { complete, torn: file !== '' && !file.endsWith('\n') });
    }
  }
});

test('each line is told what came of it', async () => {
  const { batch, told } = batchOf();
  batch.settle({ complete: 2, error: new Error('no space'), flushError: undefined });
  const results = await Promise.allSettled(told);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  const flushed = batchOf();
  flushed.batch.settle({ complete: 4, error: undefined, flushError: new Error('no flush') });
  for (const each of flushed.told) await assert.rejects(each, /no flush/);
});

test('lines that are given together are on record once the last of them is', async () => {
  for (const complete of [0, 1, 2]) {
    const batch = new Batch();
    const told = batch.add('{"n":1}\n', '{"n":2}\n');
    batch.settle({ complete, error: new Error('no space'), flushError: undefined });
    if (complete === 2) await told;
    else await assert.rejects(told, /no space/);
  }
});

test('memory that another batch can use is given back, and nothing of the lines is left in it', () => {
  const batch = new Batch(Buffer.alloc(64 * 1024));
  void batch.add('{"clear":"secret"}\n');
  const memory = batch.settle({ complete: 1, error: undefined, flushError: undefined });
  assert.equal(
    memory?.some((byte) => byte !== 0),
    false,
  );
  const grown = batchOf().batch.settle({ complete: 4, error: undefined, flushError: undefined });
  assert.equal(grown, undefined);
});
