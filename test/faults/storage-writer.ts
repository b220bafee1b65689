/**
 * The process that storage fault tests end: writers that count, each acknowledged count printed as one line
 * `<writer> <count> <sequence>`. Usage: node storage-writer.ts <directory> [failpoints]
 */
import { writeSync } from 'node:fs';
import { armFailpoints } from '../../src/lib/failpoint.ts';
import { openLmdbStore } from '../../src/storage/lmdb/open.ts';
import type { Store, Transaction } from '../../src/storage/store.ts';

export const WRITERS = 8;
/** Every so many counts, a writer also writes a value that lies in several parts. */
const LARGE_EVERY = 16;

export const number = (bytes: Uint8Array | undefined): number => Number(Buffer.from(bytes ?? '0').toString());

export const large = (writer: number, count: number): Buffer => Buffer.alloc(150_000, `${writer}:${count};`);

/** All that one acknowledgement stands for: the count, its mirror, the total of all writers, at times a large value. */
function count(tx: Transaction, writer: number): number {
  const next = number(tx.get(`count/${writer}`)) + 1;
  tx.put(`count/${writer}`, Buffer.from(String(next)));
  tx.put('total', Buffer.from(String(number(tx.get('total')) + 1)));
  if (next % LARGE_EVERY === 0) tx.put(`large/${writer}`, large(writer, next));
  tx.put(`mirror/${writer}`, Buffer.from(String(next)));
  return next;
}

async function write(store: Store, writer: number): Promise<never> {
  for (;;) {
    const { value, position } = await store.transact((tx) => count(tx, writer));
    writeSync(1, `${writer} ${value} ${position.sequence}\n`);
    // Now and then the log loses its older half, so that compaction is caught in the middle too.
    if (position.sequence % 300 === 0) {
      await store.compact({ epoch: position.epoch, sequence: position.sequence - 100 });
    }
  }
}

async function main(path: string, failpoints: string): Promise<void> {
  // Before it opens: what the process before left is brought back then.
  armFailpoints(failpoints);
  // Often, so that a run of a second meets many.
  const checkpoint = { bytes: 1024 * 1024, commits: 20, milliseconds: 50 };
  const store = await openLmdbStore({ path, checkpoint });
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(store, writer)));
}

const [, script, path, failpoints] = process.argv;
if (script === import.meta.filename && path !== undefined) await main(path, failpoints ?? '');
