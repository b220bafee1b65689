/**
 * The newest batches of the hub's log, as regions get them, kept for all streams together: a batch is read, decrypted
 * and its hash blinded once, however many regions follow. A stream that is further behind reads the log.
 */
import type { Batch, Position } from '../storage/store.ts';
import { samePosition } from './protocol.ts';

export interface LogTailOptions {
  /** As much is kept as one read of the log gives. */
  readonly batches: number;
  readonly bytes: number;
  /** Hashes of the log's chain as regions see them (`ClusterAuthority.blind`). */
  readonly blind: (hash: Uint8Array) => Uint8Array;
}

interface Kept {
  readonly batch: Batch;
  readonly bytes: number;
}

/** The bytes of what regions may get of a batch, near enough. Decrypts; throws what a damaged record throws. */
export function sharedBytes({ writes }: Batch): number {
  return writes.reduce(
    (sum, write) => (write.key.startsWith('s/') ? sum + write.key.length + (write.value?.length ?? 0) : sum),
    0,
  );
}

export class LogTail {
  readonly #options: LogTailOptions;
  #kept: Kept[] = [];
  #bytes = 0;
  /** Not looked at yet: within a publication nothing may throw. */
  #fresh: Batch[] = [];

  constructor(options: LogTailOptions) {
    this.#options = options;
  }

  /** The next batch of the log. Never throws; call `settle` once it is published. */
  append(batch: Batch): void {
    this.#fresh.push(batch);
  }

  /** Takes up what was appended, and lets go of what is too much. */
  settle(): void {
    const { blind, batches, bytes } = this.#options;
    try {
      for (const batch of this.#fresh.splice(0)) {
        const size = sharedBytes(batch);
        this.#kept.push({ batch: { ...batch, hash: blind(batch.hash) }, bytes: size });
        this.#bytes += size;
      }
    } catch {
      // Damaged or sealed: each stream meets it in the log by itself, and says so.
      this.clear();
    }
    while (this.#kept.length > batches || this.#bytes > bytes) this.#bytes -= this.#kept.shift()?.bytes ?? 0;
  }

  clear(): void {
    this.#kept = [];
    this.#fresh = [];
    this.#bytes = 0;
  }

  /** What follows `from`, up to the newest; undefined when the log must be asked. */
  after(from: Position): readonly Batch[] | undefined {
    this.settle();
    const first = this.#kept.findLastIndex(({ batch }) => samePosition(batch.previous, from));
    return first === -1 ? undefined : this.#kept.slice(first).map(({ batch }) => batch);
  }
}
