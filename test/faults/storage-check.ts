import assert from 'node:assert/strict';
import { isLockstepError } from '../../src/errors.ts';
import { openLmdbStore } from '../../src/storage/lmdb/open.ts';
import type { Snapshot, Store } from '../../src/storage/store.ts';
import { large, number, WRITERS } from './storage-writer.ts';

/** The newest count that each writer was told is durable, over all rounds. */
export class Acknowledged {
  readonly #counts = new Map<number, number>();
  #sequence = 0;
  #lines = 0;

  get lines(): number {
    return this.#lines;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Takes whole lines only: a line that the kill cut was not told to the end. */
  read(output: string): void {
    for (const line of output.split('\n').slice(0, -1)) {
      const [writer = Number.NaN, count = Number.NaN, sequence = Number.NaN] = line.split(' ').map(Number);
      assert.ok(Number.isInteger(writer + count + sequence), `not an acknowledgement: ${line}`);
      this.#counts.set(writer, Math.max(count, this.#counts.get(writer) ?? 0));
      this.#sequence = Math.max(sequence, this.#sequence);
      this.#lines += 1;
    }
  }

  count(writer: number): number {
    return this.#counts.get(writer) ?? 0;
  }
}

function checkCounts(snapshot: Snapshot, acknowledged: Acknowledged): number {
  let total = 0;
  for (let writer = 0; writer < WRITERS; writer++) {
    const count = number(snapshot.get(`count/${writer}`));
    const told = acknowledged.count(writer);
    assert.ok(count >= told, `writer ${writer}: ${told} was acknowledged, ${count} is there`);
    assert.equal(number(snapshot.get(`mirror/${writer}`)), count, 'half applied');
    const value = snapshot.get(`large/${writer}`);
    const last = count - (count % 16);
    if (last > 0) assert.ok(large(writer, last).equals(value ?? Buffer.alloc(0)), `large value of writer ${writer}`);
    total += count;
  }
  assert.equal(number(snapshot.get('total')), total, 'half applied over writers');
  return total;
}

/** Reads the log from its oldest record: gapless, chained (the store checks it), and ending in the state that is shown. */
async function checkLog(store: Store, snapshot: Snapshot): Promise<void> {
  const last = new Map<string, Uint8Array | undefined>();
  const stop = new AbortController();
  let previous = store.oldest;
  if (store.oldest.sequence === store.position.sequence) return;
  for await (const batch of store.changes(store.oldest, stop.signal)) {
    assert.deepEqual(batch.previous, previous);
    assert.equal(batch.position.sequence, previous.sequence + 1);
    for (const { key, value } of batch.writes) last.set(key, value);
    previous = batch.position;
    if (previous.sequence === store.position.sequence) stop.abort();
  }
  for (const [key, value] of last) {
    assert.ok(Buffer.from(snapshot.get(key) ?? '').equals(value ?? Buffer.alloc(0)), `${key}: log and data differ`);
  }
}

/** Opens what the process left behind and checks that nothing acknowledged is lost and nothing is half applied. */
export async function checkStore(path: string, acknowledged: Acknowledged): Promise<void> {
  await using store = await openLmdbStore({ path }).catch((error: unknown) => {
    throw isLockstepError(error) ? new Error(`the store does not open: ${error.message}`, { cause: error }) : error;
  });
  using snapshot = store.snapshot();
  const total = checkCounts(snapshot, acknowledged);
  assert.equal(store.position.sequence, total, 'one batch for each transaction');
  assert.ok(store.position.sequence >= acknowledged.sequence);
  await checkLog(store, snapshot);
}
