/**
 * What is to be looked at, by key: each key once, however often it was added; one at a time for a key; the more urgent
 * first, then in order; again later, with growing pauses after failures.
 */
import { fullJitter, type Backoff } from '../lib/backoff.ts';

/** The most urgent is served first. */
export const priorities = ['new', 'changed', 'due'] as const;
export type Priority = (typeof priorities)[number];

const BACKOFF: Backoff = { base: 1_000, cap: 420_000 };
/** What is due later than this is so up to as much later. */
const COARSE_MS = 10_000;

export interface QueueOptions {
  readonly workers: number;
  /** Resolves with the milliseconds after which to look again; undefined: when it changes. A rejection is a failure. */
  readonly handle: (key: string) => Promise<number | undefined>;
  /** Told of each failure. */
  readonly failed?: (key: string, error: unknown) => void;
  readonly random?: () => number;
  readonly backoff?: Backoff;
}

export class WorkQueue {
  readonly #options: QueueOptions;
  readonly #waiting = new Map<Priority, Set<string>>(priorities.map((each) => [each, new Set<string>()]));
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #failures = new Map<string, number>();
  readonly #working = new Set<string>();
  /** Added while they were worked on. */
  readonly #again = new Map<string, Priority>();
  /** Who waits for the next look at a key. */
  readonly #told = new Map<string, (() => void)[]>();
  readonly #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** How many wait to be looked at now. */
  get depth(): number {
    return [...this.#waiting.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Of that priority. */
  waiting(priority: Priority): number {
    return this.#waiting.get(priority)?.size ?? 0;
  }

  add(key: string, priority: Priority): void {
    if (this.#closed) return;
    if (this.#working.has(key)) {
      this.#again.set(key, urgent(this.#again.get(key), priority));
      return;
    }
    this.#unschedule(key);
    const known = priorities.find((each) => this.#waiting.get(each)?.has(key) === true);
    const wanted = urgent(known, priority);
    if (known === wanted) return;
    if (known !== undefined) this.#waiting.get(known)?.delete(key);
    this.#waiting.get(wanted)?.add(key);
    this.#start();
  }

  /** Resolves when a look at it that begins from now on is over, well or not; or when there will be none. */
  handled(key: string, priority: Priority): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const waiting = this.#told.get(key) ?? [];
    this.#told.set(key, [...waiting, () => resolve(undefined)]);
    this.add(key, priority);
    return promise;
  }

  /** Nothing of it is of interest any more. */
  forget(key: string): void {
    this.#unschedule(key);
    this.#failures.delete(key);
    this.#again.delete(key);
    for (const keys of this.#waiting.values()) keys.delete(key);
    if (!this.#working.has(key)) this.#tell(key);
  }

  /** Resolves when nothing is worked on; what waits is left. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const keys of this.#waiting.values()) keys.clear();
    for (const key of [...this.#told.keys()]) this.#tell(key);
    if (this.#working.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #start(): void {
    while (!this.#closed && this.#working.size < this.#options.workers) {
      const key = this.#next();
      if (key === undefined) return;
      this.#working.add(key);
      void this.#work(key);
    }
  }

  #next(): string | undefined {
    for (const keys of this.#waiting.values()) {
      const { value: key } = keys.values().next();
      if (key === undefined) continue;
      keys.delete(key);
      return key;
    }
    return undefined;
  }

  async #work(key: string): Promise<void> {
    const { handle, failed = () => undefined } = this.#options;
    const told = this.#told.get(key) ?? [];
    this.#told.delete(key);
    let later: number | undefined;
    try {
      later = await handle(key);
      this.#failures.delete(key);
    } catch (error) {
      failed(key, error);
      later = this.#pause(key);
    }
    this.#working.delete(key);
    for (const resolve of told) resolve();
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined) this.add(key, again);
    else if (later !== undefined) this.#schedule(key, later);
    this.#start();
    if (this.#working.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #tell(key: string): void {
    for (const resolve of this.#told.get(key) ?? []) resolve();
    this.#told.delete(key);
  }

  #pause(key: string): number {
    const { random = Math.random, backoff = BACKOFF } = this.#options;
    const tries = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, tries);
    return fullJitter(backoff, tries, random());
  }

  #schedule(key: string, ms: number): void {
    if (this.#closed) return;
    // Node fires longer ones at once: such a key is looked at sooner than asked, which does no harm.
    const timer = setTimeout(this.#isDue, Math.min(coarse(ms), 2 ** 31 - 1), key);
    this.#timers.set(key, timer);
  }

  readonly #isDue = (key: string): void => {
    this.add(key, 'due');
  };

  #unschedule(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }
}

/** Node keeps a list for each length: thousands of keys, each with one of its own, would have as many. */
const coarse = (ms: number): number => (ms < COARSE_MS ? ms : Math.ceil(ms / COARSE_MS) * COARSE_MS);

function urgent(one: Priority | undefined, other: Priority): Priority {
  if (one === undefined) return other;
  return priorities.indexOf(one) <= priorities.indexOf(other) ? one : other;
}
