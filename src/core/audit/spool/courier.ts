/**
 * Brings what stands in a spool to where it belongs: in order, without a gap, at the pace of the other side. An entry
 * counts as delivered once the other side has answered for it; where it does not answer (streams), once its connection
 * has held for a while, or was closed by both sides. Until then it is brought again: at least once, never lost.
 */
import { fullJitter } from '../../../lib/backoff.ts';
import type { SpoolCipher } from './cipher.ts';
import { dropBefore, writeCursor, type Place } from './folder.ts';
import { SpoolReader, type SpooledEntry } from './reader.ts';
import type { OpenSink, RemoteSink } from './remote-sink.ts';
import type { SpoolState } from './state.ts';

/** What a stream took is brought again if its connection ends within this time. */
export const SETTLE_MS = 2_000;
/** For what is under way when it ends. */
const GRACE_MS = 1_000;
const RETRY = { base: 200, cap: 30_000 } as const;

export interface DeliveryMeter {
  readonly delivered: (entries: number) => void;
  readonly failed: () => void;
}

export interface CourierOptions {
  readonly folder: string;
  readonly from: Place;
  readonly state: SpoolState;
  readonly open: OpenSink;
  readonly cipher?: SpoolCipher | undefined;
  readonly meter: DeliveryMeter;
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
  /** Milliseconds that never go back. */
  readonly monotonic?: () => number;
}

/** What a stream took, and when. */
interface Sent {
  readonly end: Place;
  readonly bytes: number;
  readonly at: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Courier implements AsyncDisposable {
  readonly #options: CourierOptions;
  readonly #reader: SpoolReader;
  readonly #sink: RemoteSink;
  readonly #now: () => number;
  #confirmed: Place;
  /** The cursor as it is on disk. */
  #kept: Place;
  /** The cursor's writing; undefined while it is as it should be. */
  #keeping: Promise<void> | undefined;
  #sent: Sent[] = [];
  /** Since when not everything is sent. */
  #behind: number | undefined;
  #failures = 0;
  #lost = false;
  #closed = false;
  readonly #waiters: Waiter[] = [];
  /** Ends the pause after a failure. */
  #hurry: () => void = () => undefined;
  #settling: NodeJS.Timeout | undefined;
  readonly #running: Promise<void>;

  constructor(options: CourierOptions) {
    const { folder, from, state, open, cipher } = options;
    this.#options = options;
    this.#now = options.monotonic ?? (() => performance.now());
    this.#confirmed = from;
    this.#kept = from;
    const skipped = (reason: string, bytes: number, piece: number): void => {
      state.add(-bytes);
      options.warn(reason, { folder, piece, bytes });
    };
    this.#reader = new SpoolReader({ folder, from, state, cipher, skipped });
    this.#sink = open(() => {
      this.#lost = true;
      state.wake();
    });
    this.#running = this.#run();
  }

  /** Milliseconds for which something has waited to be sent; 0 when nothing does. */
  get lag(): number {
    return this.#behind === undefined ? 0 : this.#now() - this.#behind;
  }

  /** Resolves once all that was recorded before is sent; rejects when the next try fails. */
  sent(): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('it is closed'));
    const done = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    this.hurry();
    return done;
  }

  /** Tries again at once. */
  hurry(): void {
    this.#hurry();
    this.#options.state.wake();
  }

  /** Ends what is under way. What is not delivered stays in the spool. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return this.#running;
    this.#closed = true;
    this.hurry();
    // An end that is slow to answer must not hold up the seal: what it may have taken is brought again.
    const timer = setTimeout(() => {
      this.#sink.reset();
    }, GRACE_MS);
    await this.#running;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const { state } = this.#options;
      const seen = state.writes;
      // Kept before what is read next is sent, so that a failure brings it again.
      if (this.#lost) this.#rewind();
      const failed = await this.#bring().catch((error: unknown) => this.#failed(error));
      if (failed === true) await this.#pause();
      else if (failed === 'idle') await state.changed(seen);
    }
    clearTimeout(this.#settling);
    this.#refuse(new Error('the audit device is closed'));
    if (await this.#sink.close()) this.#settle(Number.POSITIVE_INFINITY);
    await this.#keeping;
    await this.#reader[Symbol.asyncDispose]();
  }

  /** `idle`: there is nothing to bring. */
  async #bring(): Promise<'idle' | false> {
    // Whoever asks later can have recorded what this look at the spool does not see.
    const asked = this.#waiters.length;
    const entries = await this.#reader.next();
    if (entries.length === 0) {
      this.#behind = undefined;
      for (const { resolve } of this.#waiters.splice(0, asked)) resolve();
      return 'idle';
    }
    this.#behind ??= this.#now();
    const count = await this.#sink.send(entries.map(({ line }) => line));
    this.#took(entries.slice(0, count), count < entries.length);
    return false;
  }

  #took(entries: readonly SpooledEntry[], more: boolean): void {
    const end = entries.at(-1)?.end;
    if (end === undefined) return;
    if (more) this.#reader.seek(end);
    if (this.#failures > 0) this.#options.warn('audit device delivers again', { folder: this.#options.folder });
    this.#failures = 0;
    this.#options.meter.delivered(entries.length);
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    this.#sent.push({ end, bytes, at: this.#now() });
    this.#settle(this.#sink.confirms ? Number.POSITIVE_INFINITY : this.#now() - SETTLE_MS);
  }

  /** What was sent until then counts as delivered. */
  #settle(until: number): void {
    const settled = this.#sent.filter(({ at }) => at <= until);
    const last = settled.at(-1);
    if (last !== undefined) {
      this.#sent = this.#sent.slice(settled.length);
      this.#confirmed = last.end;
      this.#options.state.add(-settled.reduce((sum, { bytes }) => sum + bytes, 0));
      this.#keeping ??= this.#keep();
    }
    this.#settleLater();
  }

  /** Writes the cursor, and lets go of pieces that are delivered. Never rejects. */
  async #keep(): Promise<void> {
    const { folder, warn } = this.#options;
    while (this.#kept !== this.#confirmed) {
      const place = this.#confirmed;
      try {
        await writeCursor(folder, place);
        if (place.piece > this.#kept.piece) await dropBefore(folder, place.piece);
      } catch (error) {
        // A cursor that is too old costs duplicates after a restart, nothing else.
        warn('the audit spool keeps what is delivered', { folder, reason: messageOf(error) });
      }
      this.#kept = place;
    }
    this.#keeping = undefined;
  }

  #settleLater(): void {
    if (this.#settling !== undefined || this.#sent.length === 0 || this.#closed) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#settle(this.#now() - SETTLE_MS);
    }, SETTLE_MS);
    this.#settling.unref();
  }

  #rewind(): void {
    this.#lost = false;
    this.#sent = [];
    this.#reader.seek(this.#confirmed);
  }

  #failed(error: unknown): true {
    const { folder, warn, meter } = this.#options;
    this.#failures += 1;
    meter.failed();
    this.#sink.reset();
    this.#rewind();
    this.#behind ??= this.#now();
    if (this.#failures === 1) warn('audit device does not deliver', { folder, reason: messageOf(error) });
    this.#refuse(error);
    return true;
  }

  async #pause(): Promise<void> {
    if (this.#closed) return;
    const delay = fullJitter(RETRY, this.#failures, Math.random());
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delay);
      timer.unref();
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = () => undefined;
  }

  #refuse(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
