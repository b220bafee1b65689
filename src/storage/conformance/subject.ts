import type { TestContext } from 'node:test';
import { isLockstepError, type ErrorCode } from '../../errors.ts';
import type { Batch, Committed, Position, Store, Write } from '../store.ts';

export interface MakeOptions {
  /** Called when an observer throws, in place of what ends the process. */
  readonly die?: (error: unknown) => void;
  /** Asked after each run of work: true makes it run again. */
  readonly conflict?: () => boolean;
  /** Snapshots end once they are superseded by this many commits and this old. */
  readonly snapshotLimit?: { readonly commits: number; readonly milliseconds: number };
}

export interface Made {
  readonly store: Store;
  /** Opens the same data again, once the store before is closed. Absent: it lives in memory alone. */
  readonly reopen?: () => Promise<Store>;
  /** Flushes so far. Absent: nothing is flushed. */
  readonly flushes?: () => number;
}

export type Make = (options?: MakeOptions) => Promise<Made>;

export async function subject(t: TestContext, make: Make, options?: MakeOptions): Promise<Made> {
  const made = await make(options);
  t.after(() => made.store[Symbol.asyncDispose]());
  return made;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);

export function put(store: Store, key: string, value: string): Promise<Committed<void>> {
  return store.transact((tx) => tx.put(key, bytes(value)));
}

export async function putAll(store: Store, keys: readonly string[]): Promise<void> {
  await store.transact((tx) => {
    for (const key of keys) tx.put(key, bytes(key));
  });
}

export function read(store: Store, key: string): string | undefined {
  using snapshot = store.snapshot();
  return text(snapshot.get(key));
}

/** For `assert.throws` and `assert.rejects`. */
export const code =
  (expected: ErrorCode) =>
  (error: unknown): boolean =>
    isLockstepError(error, expected);

export const start = (store: Store): Position => ({ epoch: store.position.epoch, sequence: 0 });

/** The batches after `from`, up to where the store stands now. */
export async function batchesSince(store: Store, from: Position): Promise<Batch[]> {
  const found: Batch[] = [];
  const stop = new AbortController();
  const last = store.position.sequence;
  if (from.sequence === last) return found;
  for await (const batch of store.changes(from, stop.signal)) {
    found.push(batch);
    if (batch.position.sequence >= last) stop.abort();
  }
  return found;
}

export const shown = (writes: readonly Write[]): readonly (readonly [string, string | undefined])[] =>
  writes.map(({ key, value }) => [key, text(value)] as const);
