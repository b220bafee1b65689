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
  /** As this node sent it: nothing of the client's index counts but which one it is. Absent: not further than before. */
  readonly index: Index | undefined;
  /** Files whose digest was recomputed and is right. */
  readonly verified: number;
}

/** Unacknowledged marks beyond which no more are sent, and unacknowledged events beyond which the consumer is too slow. */
const MARKS = 256;
const EVENTS = 65_536;

export class ConsumerStream {
  readonly #options: ConsumerStreamOptions;
  /** By the sequence of a mark, its index as it was sent. */
  readonly #marks = new Map<number, Index>();
  /** Sequences of events since the last acknowledged mark. */
  #events = new Set<number>();
  #state: SentOn;

  constructor(options: ConsumerStreamOptions) {
    this.#options = options;
    this.#state = { nonce: options.nonce, pending: [], acknowledged: undefined };
  }

  /** False: too many are unacknowledged. */
  told({ position }: Sent): boolean {
    this.#events.add(position.sequence);
    return this.#events.size <= EVENTS;
  }

  /** False: leave the mark out, there is enough to acknowledge. */
  marked({ position, index }: Sent): boolean {
    if (this.#marks.has(position.sequence)) return true;
    const next = sent(this.#state, position, MARKS);
    if (next === undefined) return false;
    this.#state = next;
    this.#marks.set(position.sequence, index);
    return true;
  }

  acknowledge(ack: Ack): Acknowledged | AckRefusal {
    const position = decodeIndex(ack.index)?.[this.#options.log];
    if (position === undefined) return 'index';
    if (ack.nonce !== this.#state.nonce) return 'nonce';
    const verified = this.#verify(ack);
    if (typeof verified === 'string') return verified;
    const meant = this.#events.has(position.sequence) ? this.#markBefore(position) : position;
    if (meant === undefined) return { index: undefined, verified };
    const next = acknowledgeOn(this.#state, { nonce: ack.nonce, position: meant });
    if (typeof next === 'string') return next;
    this.#state = next;
    return { index: this.#forget(meant), verified };
  }

  /**
   * An event alone does not say that everything before it was sent: of several changes of one path the last is told. So
   * its index stands for the last mark up to it. undefined: that is acknowledged already.
   */
  #markBefore({ epoch, sequence }: Position): Position | undefined {
    return this.#state.pending.findLast((mark) => mark.epoch === epoch && mark.sequence <= sequence);
  }

  #forget(acknowledged: Position): Index | undefined {
    for (const sequence of this.#marks.keys()) if (sequence < acknowledged.sequence) this.#marks.delete(sequence);
    this.#events = new Set([...this.#events].filter((sequence) => sequence > acknowledged.sequence));
    return this.#marks.get(acknowledged.sequence);
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
