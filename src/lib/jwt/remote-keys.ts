/**
 * The keys of an issuer that publishes them. They are kept and go on working while it is down or slow; it is asked by one
 * request at a time, for all who wait, and not more often than `between`, whatever tokens come.
 */
import type { KeyList, KeySource } from './keys.ts';
import { ServerUnavailable } from '../outgoing/unavailable.ts';

export interface RemoteTimes {
  /** Milliseconds, all. From the beginning of one request to the next, at least. */
  readonly between: number;
  /** Keys of this age are asked for anew, before they are used. */
  readonly fresh: number;
  /** How long that is waited for when there are keys already. */
  readonly patience: number;
  /** Without any word of the issuer, keys are used for so long. */
  readonly stale: number;
  /** As `between`, after a request that failed; absent: `between`. */
  readonly afterFailure?: number;
  /**
   * Who needs newer keys than those of a request that began before it came waits until the next may begin. Absent: is told
   * that there are none.
   */
  readonly waitsForNewer?: boolean;
}

const HOUR = 3_600_000;
export const remoteTimes: RemoteTimes = { between: 10_000, fresh: 300_000, patience: 2_000, stale: 24 * HOUR };

export interface RemoteOptions<T = KeyList> {
  /** Rejects with `ServerUnavailable`; ends by itself. */
  readonly load: () => Promise<T>;
  /** What it said once, so many milliseconds ago: as if it had been asked here. */
  readonly held?: { readonly value: T; readonly age: number } | undefined;
  /** Milliseconds after which the issuer wants to be asked again; absent, or longer than that: `fresh`. */
  readonly hint?: (value: T) => number | undefined;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly times?: RemoteTimes;
  /** Resolves after so many milliseconds, or when aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** As `KeySource`, of anything that an issuer publishes. */
export interface RemoteSource<T> {
  readonly current: (signal: AbortSignal) => Promise<T>;
  readonly newer: (than: T, signal: AbortSignal) => Promise<T | undefined>;
}

interface Held<T> {
  readonly value: T;
  readonly at: number;
}

interface Asking {
  readonly began: number;
  /** Never rejects. */
  readonly done: Promise<ServerUnavailable | undefined>;
}

const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });

/** `promise`, or the signal's reason if that comes first. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    reject(signal.reason);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

class Remote<T> implements RemoteSource<T> {
  readonly #load: () => Promise<T>;
  readonly #now: () => number;
  readonly #times: RemoteTimes;
  readonly #pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #hint: (value: T) => number | undefined;
  #held: Held<T> | undefined;
  #asking: Asking | undefined;
  #asked = -Infinity;
  #failure: ServerUnavailable | undefined;

  constructor(options: RemoteOptions<T>) {
    const { load, held, hint = () => undefined, now = () => performance.now(), pause = wait } = options;
    const { times = remoteTimes } = options;
    this.#load = load;
    this.#hint = hint;
    this.#held = held === undefined ? undefined : { value: held.value, at: now() - held.age };
    this.#now = now;
    this.#times = times;
    this.#pause = pause;
  }

  readonly current = async (signal: AbortSignal): Promise<T> => {
    const held = this.#held;
    if (held === undefined) return this.#first(signal);
    const age = this.#now() - held.at;
    if (age < Math.min(this.#times.fresh, this.#hint(held.value) ?? Infinity)) return held.value;
    const asking = this.#ask();
    if (age >= this.#times.stale) return this.#after(asking, signal);
    if (asking !== undefined) await this.#briefly(asking, signal);
    return this.#held?.value ?? held.value;
  };

  readonly newer = async (than: T, signal: AbortSignal): Promise<T | undefined> => {
    if (this.#held !== undefined && this.#held.value !== than) return this.#held.value;
    await (this.#times.waitsForNewer === true ? this.#askedSince(than, signal) : this.#askedLately(signal));
    const value = this.#held?.value;
    return value === than ? undefined : value;
  };

  /** Asked a moment ago: what is not there is not there, unless nobody could be asked. */
  async #askedLately(signal: AbortSignal): Promise<void> {
    const asking = this.#ask();
    const failure = asking === undefined ? this.#failure : await unlessAborted(asking.done, signal);
    if (failure !== undefined) throw failure;
  }

  /** Until there is something else than `than`, or a request that began from now on has brought nothing else. */
  async #askedSince(than: T, signal: AbortSignal): Promise<void> {
    const came = this.#now();
    for (;;) {
      const asking = this.#ask();
      const failure = asking === undefined ? this.#failure : await unlessAborted(asking.done, signal);
      if (failure !== undefined) throw failure;
      if (this.#held?.value !== than || this.#asked >= came) return;
      await this.#pause(Math.ceil(this.#asked + this.#between() - this.#now()), signal);
      signal.throwIfAborted();
    }
  }

  #between(): number {
    const { between, afterFailure = between } = this.#times;
    return this.#failure === undefined ? between : afterFailure;
  }

  async #first(signal: AbortSignal): Promise<T> {
    return this.#after(this.#ask(), signal);
  }

  /** What the issuer says, or said a moment ago. */
  async #after(asking: Asking | undefined, signal: AbortSignal): Promise<T> {
    const failure = asking === undefined ? this.#failure : await unlessAborted(asking.done, signal);
    if (failure !== undefined) throw failure;
    if (this.#held === undefined) throw new ServerUnavailable('it has not answered');
    return this.#held.value;
  }

  /** Of a slow issuer, those who come first wait a little, and those who come later not at all. */
  async #briefly(asking: Asking, signal: AbortSignal): Promise<void> {
    const left = asking.began + this.#times.patience - this.#now();
    if (left <= 0) return;
    const over = new AbortController();
    try {
      await unlessAborted(Promise.race([asking.done, this.#pause(left, over.signal)]), signal);
    } finally {
      over.abort();
    }
  }

  /** The request that is under way, or a new one; undefined when the last one is too recent. */
  #ask(): Asking | undefined {
    if (this.#asking !== undefined) return this.#asking;
    const began = this.#now();
    if (began - this.#asked < this.#between()) return undefined;
    this.#asked = began;
    const asking = { began, done: this.#loaded() };
    this.#asking = asking;
    return asking;
  }

  async #loaded(): Promise<ServerUnavailable | undefined> {
    try {
      const value = await this.#load();
      this.#held = { value, at: this.#now() };
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error instanceof ServerUnavailable ? error : new ServerUnavailable('unknown', { cause: error });
    } finally {
      this.#asking = undefined;
    }
    return this.#failure;
  }
}

export function remote<T>(options: RemoteOptions<T>): RemoteSource<T> {
  return new Remote(options);
}

export function remoteKeys(options: RemoteOptions): KeySource {
  return new Remote(options);
}
