/**
 * What a region says of its consumers to the hub: who is registered, and what each has. Kept here over broken streams,
 * and said again on each new one: the roster first, an acknowledgement once the hub knows that this copy stands there.
 */
import type { ConsumerReports } from '../core/cluster.ts';
import type { Position } from '../storage/store.ts';
import { MAX_ROSTER_ENTRIES, type RegionFrame, type RosterEntry } from './protocol.ts';

interface Vouch {
  readonly position: Position;
  readonly digest: Uint8Array;
}

export class Vouching implements ConsumerReports {
  readonly #send: (frame: RegionFrame) => void;
  readonly #roster = new Map<string, RosterEntry>();
  readonly #vouches = new Map<string, Vouch>();
  /** Consumers whose newest acknowledgement was not said on the stream that is open. */
  readonly #unsaid = new Set<string>();
  #nonce: string | undefined;
  /** Where the hub knows, by this stream, that the copy stands. */
  #shown: Position | undefined;

  constructor(send: (frame: RegionFrame) => void) {
    this.#send = send;
  }

  readonly registered = (consumer: string, expires: number | undefined): void => {
    const entry: RosterEntry = {
      consumer,
      gone: false,
      expires: expires === undefined ? undefined : Math.ceil(expires),
    };
    this.#roster.set(consumer, entry);
    // It is connected anew: what it had counts once it shows it again.
    if (expires === undefined) this.#vouches.delete(consumer);
    this.#change(entry);
  };

  readonly deregistered = (consumer: string): void => {
    this.#roster.delete(consumer);
    this.#vouches.delete(consumer);
    this.#unsaid.delete(consumer);
    this.#change({ consumer, gone: true, expires: undefined });
  };

  readonly acknowledged = (consumer: string, position: Position, digest: Uint8Array): void => {
    this.#vouches.set(consumer, { position, digest });
    this.#unsaid.add(consumer);
    this.#say();
  };

  /** The hub has welcomed: `shown` is the copy's position where the stream resumes from it. */
  welcomed(nonce: string, shown: Position | undefined): void {
    this.#nonce = nonce;
    this.#shown = shown;
    const entries = [...this.#roster.values()];
    this.#send({ type: 'roster', nonce, part: 'begin', entries: [] });
    for (let at = 0; at < entries.length; at += MAX_ROSTER_ENTRIES) {
      this.#send({ type: 'roster', nonce, part: 'more', entries: entries.slice(at, at + MAX_ROSTER_ENTRIES) });
    }
    this.#send({ type: 'roster', nonce, part: 'end', entries: [] });
    for (const consumer of this.#vouches.keys()) this.#unsaid.add(consumer);
    this.#say();
  }

  /** The copy's position was acknowledged on this stream. */
  showed(position: Position): void {
    this.#shown = position;
    this.#say();
  }

  ended(): void {
    this.#nonce = undefined;
    this.#shown = undefined;
  }

  #change(entry: RosterEntry): void {
    if (this.#nonce !== undefined) this.#send({ type: 'roster', nonce: this.#nonce, part: 'change', entries: [entry] });
  }

  #say(): void {
    const nonce = this.#nonce;
    const shown = this.#shown;
    if (nonce === undefined || shown === undefined) return;
    for (const consumer of this.#unsaid) {
      const vouch = this.#vouches.get(consumer);
      if (vouch === undefined || vouch.position.epoch !== shown.epoch) this.#unsaid.delete(consumer);
      else if (vouch.position.sequence <= shown.sequence) {
        this.#unsaid.delete(consumer);
        this.#send({ type: 'consumerAck', nonce, consumer, ...vouch });
      }
    }
  }
}
