/** One subscriber: what it wants, how far it was told, what waits for its socket. */
import type { DataChange } from '../../framework/plugin.ts';
import type { Position } from '../../storage/store.ts';
import type { Index } from '../freshness.ts';
import type { Mounted } from '../mounts/mount-table.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import { cloudEvent } from './cloud-event.ts';
import type { ConsumerStream } from './consumer-stream.ts';
import { frames, type ClosingReason } from './frames.ts';
import { covers, typeMatches, type Pattern } from './patterns.ts';
import type { Selected } from './selection.ts';

/** A connection, as the server gives it. */
export interface Carrier {
  readonly send: (text: string) => void;
  /** What is sent until `release` leaves in one piece: a packet costs more than what is in it. */
  readonly hold: () => void;
  readonly release: () => void;
  /** Calls once, when everything that was sent has left this process; never when the connection ends before. */
  readonly whenDrained: (call: () => void) => void;
  /** Bytes that were sent and have not left this process. */
  readonly buffered: () => number;
  /** Ends it, with a close code of RFC 6455; what is buffered goes out first, for a bounded time. */
  readonly close: (code: number, reason: string) => void;
}

/** `vault`: CloudEvents alone. `lockstep`: `lockstep.changes.v1`. */
export type Dialect = 'vault' | 'lockstep';

export interface Wants {
  readonly dialect: Dialect;
  /** The event type, with `*` for any text. */
  readonly types: string;
  /** From the root namespace on. */
  readonly patterns: readonly Pattern[];
  /** In which it was asked: paths are told as they are below it. */
  readonly namespace: Namespace;
  /** What else an event must be. */
  readonly selects?: Selected;
}

/** How far a subscriber was told. */
export interface Reached {
  readonly position: Position;
  readonly index: Index;
}

/** An event on its way: who gets it is still to be decided. */
export interface Told {
  readonly mounted: Mounted;
  readonly change: DataChange;
  /** The API path under which the data is read, from the root namespace on. */
  readonly path: string;
  readonly index: Index;
  readonly position: Position;
  readonly time: number;
  /** The frame of `lockstep.changes.v1` for who asked in the namespace of this path, made once for all. */
  readonly frame: (base: string) => string;
}

export interface SubscriptionOptions {
  readonly wants: Wants;
  /** Storage key of the token. */
  readonly tokenKey: string;
  readonly carrier: Carrier;
  readonly consumer: ConsumerStream | undefined;
  /** Whether today's policies of a token that is alive let it have this event. */
  readonly permits: (told: Told) => boolean;
  /** Called when the carrier takes more again. */
  readonly drained: () => void;
  readonly now: () => number;
  /** The newest that the node has told of. */
  readonly tip: () => Reached;
}

const CODES: Readonly<Record<ClosingReason, number>> = {
  slow: 1013,
  revoked: 1008,
  sealed: 1001,
  shutdown: 1001,
  badAck: 1008,
  invalid: 1008,
};
/** Bytes that may wait for a socket before its subscriber is told no more until they have left. */
const HIGH_WATER = 65_536;

/** `joining`: not welcomed yet. `behind`: its socket takes no more, or history is being told. `live`: told as it happens. */
export type Stage = 'joining' | 'behind' | 'live' | 'over';

export class Subscription {
  readonly wants: Wants;
  readonly tokenKey: string;
  readonly consumer: ConsumerStream | undefined;
  readonly #options: SubscriptionOptions;
  stage: Stage = 'joining';
  #told: Reached;
  /** The position of the last mark. */
  marked: Position | undefined;
  /** Milliseconds: when the last frame was sent, and since when nothing has left its socket. */
  sentAt: number;
  behindSince: number | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#told = options.tip();
    this.wants = options.wants;
    this.tokenKey = options.tokenKey;
    this.consumer = options.consumer;
    this.sentAt = options.now();
  }

  readonly wantsPath = (path: string): boolean => this.wants.patterns.some((pattern) => covers(pattern, path));

  /** Everything up to here was told. */
  get told(): Reached {
    return this.stage === 'live' ? this.#options.tip() : this.#told;
  }

  get full(): boolean {
    return this.#options.carrier.buffered() > HIGH_WATER;
  }

  send(text: string): void {
    if (this.stage === 'over') return;
    this.#options.carrier.send(text);
    this.sentAt = this.#options.now();
  }

  hold(): void {
    this.#options.carrier.hold();
  }

  release(): void {
    this.#options.carrier.release();
  }

  /** Tells what it may know of these, all of one entry or one stretch of history. False: it takes no more, cut it off. */
  tell(events: readonly Told[]): boolean {
    const { dialect, types, namespace, selects } = this.wants;
    for (const event of events) {
      if (!typeMatches(types, event.change.type) || selects?.(event) === false) continue;
      if (!this.#options.permits(event)) continue;
      if (this.consumer?.told(event) === false) return false;
      this.send(dialect === 'vault' ? cloudEvent(event, types) : event.frame(namespace.path));
    }
    return true;
  }

  /** Says that everything up to `told` was sent. */
  mark(text?: string): void {
    if (this.wants.dialect === 'vault' || this.consumer?.marked(this.told) === false) return;
    this.marked = this.told.position;
    this.send(text ?? frames.mark(this.told.index));
  }

  /** From now on it is told history from `at` on, until it has caught up. */
  tellFrom(at: Reached): void {
    this.#told = at;
    this.stage = 'behind';
  }

  /** Its socket takes no more: it goes on after `at` when what is buffered has left. */
  fallBehind(at: Reached): void {
    this.tellFrom(at);
    this.behindSince = this.#options.now();
    this.#options.carrier.whenDrained(this.#options.drained);
  }

  catchUp(): void {
    this.stage = 'live';
    this.behindSince = undefined;
  }

  /** The last word. */
  end(reason: ClosingReason): void {
    if (this.stage === 'over') return;
    const { carrier } = this.#options;
    if (this.wants.dialect === 'lockstep') this.send(frames.closing(reason, this.told.index));
    this.#told = this.told;
    this.stage = 'over';
    carrier.close(CODES[reason], reason);
  }

  /** The connection is gone. */
  lost(): void {
    this.stage = 'over';
  }
}
