/** Another content for a store, made beside the old one, which goes on serving until the new one is complete. */
import type { Write, Epoch } from '../store.ts';
import type { Medium, Place } from './medium.ts';

/** The history that a replaced store goes on with. */
export interface NewHistory {
  readonly log: string;
  readonly epoch: Epoch;
  /** Where its log begins: it is empty, so that followers of the old one load anew. */
  readonly head: Place;
}

export interface Replacement {
  /** What has been written so far. */
  get(key: string): Uint8Array | undefined;
  /** In order; a later write of a key replaces an earlier one. One call at a time. Throws for keys as `checkKey`. */
  write(writes: readonly Write[]): Promise<void>;
  /** Makes it whole and durable. It still counts for nothing: a crash leaves the old content. */
  complete(history: NewHistory): Promise<void>;
  /** Puts it into the old one's place, durably and at once, after `complete`: for the store alone. */
  install(): Promise<Medium>;
  /** Drops it, at any time before `install`. */
  discard(): Promise<void>;
}
