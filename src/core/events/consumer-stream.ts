/** What was sent on a consumer's stream, and what it says that it has: nothing is believed that cannot be checked. */
import { acknowledgeOn, sent, type AckProblem, type SentOn } from '../../regions/convergence.ts';
import { contentDigest } from '../../lib/crypto/content-digest.ts';
import { equalSecret } from '../../lib/crypto/hash.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Position } from '../../storage/store.ts';
import { decodeIndex, type Index } from '../freshness.ts';
import type { Ack } from './frames.ts';

interface Sent {
  readonly position: Position;
  readonly index: Index;
}

export interface ConsumerStreamOptions {
  readonly nonce: string;
  /** The name of this node's log. */
  readonly log: string;
  /** Whether the consumer may say anything of this path: its stream covers it, and its token may read it. */
  readonly covers: (path: string) => boolean;
  /** The data as a read answers it; undefined where that can no longer be told. */
  readonly dataAt: (path: string, version: number | undefined) => JsonObject | undefined;
}

export type AckRefusal = AckProblem | 'index' | 'path' | 'digest';

export interface Acknowledged {
  /** As this node sent it: nothing of the client's index counts but which one it is. */
  readonly index: Index;
  /** Files whose digest was recomputed and is right. */
  readonly verified: number;
}

/** Beyond so many unacknowledged indexes no marks are sent, and beyond so many the consumer is too slow. */
const MARKS = 256;
const MOST = 2_048;

export class ConsumerStream {
  readonly #options: ConsumerStreamOptions;
  readonly #indexes = new Map<number, Index>();
  #state: SentOn;

  constructor(options: ConsumerStreamOptions) {
    this.#options = options;
    this.#state = { nonce: options.nonce, pending: [], acknowledged: undefined };
  }

  /** False: too many are unacknowledged. */
  sent({ position, index }: Sent): boolean {
    if (this.#indexes.has(position.sequence)) return true;
    const next = sent(this.#state, position, MOST);
    if (next === undefined) return false;
    this.#state = next;
    this.#indexes.set(position.sequence, index);
    return true;
  }

  /** False: leave the mark out, there is enough to acknowledge. */
  marked(at: Sent): boolean {
    return this.#state.pending.length < MARKS && this.sent(at);
  }

  acknowledge(ack: Ack): Acknowledged | AckRefusal {
    const { log } = this.#options;
    const position = decodeIndex(ack.index)?.[log];
    if (position === undefined) return 'index';
    const next = acknowledgeOn(this.#state, { nonce: ack.nonce, position });
    if (typeof next === 'string') return next;
    const verified = this.#verify(ack);
    if (typeof verified === 'string') return verified;
    const index = this.#indexes.get(position.sequence);
    if (index === undefined) return 'neverSent';
    this.#state = next;
    for (const sequence of this.#indexes.keys()) if (sequence < position.sequence) this.#indexes.delete(sequence);
    return { index, verified };
  }

  #verify({ nonce, files }: Ack): number | AckRefusal {
    const { covers, dataAt } = this.#options;
    let verified = 0;
    for (const [path, { version, digest }] of files) {
      // Or it would tell whether a guess at a secret is right.
      if (!covers(path)) return 'path';
      const data = dataAt(path, version);
      if (data === undefined) continue;
      if (equalSecret(digest, contentDigest(nonce, data))) verified += 1;
      // Without versions the consumer may have what was there before.
      else if (version !== undefined) return 'digest';
    }
    return verified;
  }
}
