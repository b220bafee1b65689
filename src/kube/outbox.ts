/**
 * What is told to the API server beside the work itself: statuses and events. Of each key the newest word alone, and while
 * something more urgent waits, slowly: a word costs the API server as much as a Secret.
 */
import { fullJitter, type Backoff } from '../lib/backoff.ts';
import { KubernetesProblem } from './problem.ts';

export interface OutboxOptions {
  /** How many are sent at once when nothing is urgent; else one. */
  readonly lines: number;
  /** Whether something waits that goes before; default never. */
  readonly urgent?: () => boolean;
  /** More are not kept: the newest are left out. Default: all are kept. */
  readonly most?: number;
  /** Milliseconds between two words while something is urgent. */
  readonly rest: number;
  /** Whether what failed is tried again; default: never. */
  readonly again?: (error: unknown) => boolean;
  /** Told of what is given up. */
  readonly lost?: (key: string, error: unknown) => void;
  readonly backoff?: Backoff;
  readonly random?: () => number;
}

interface Word {
  readonly key: string;
  readonly send: () => Promise<void>;
  readonly tried: PromiseWithResolvers<undefined>;
}

const BACKOFF: Backoff = { base: 500, cap: 30_000 };
/** Milliseconds for what is left when it is closed. */
const ENDING_MS = 10_000;

/** Whether an answer may be another one later: the API server was away or busy, or rights are missing that may be given. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof KubernetesProblem)) return false;
  const { status = 503 } = error;
  return status >= 500 || [401, 403, 408, 429].includes(status);
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #waiting = new Map<string, Word>();
  readonly #sending = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  /** Resolves when everything is told. */
  #ending: PromiseWithResolvers<undefined> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get depth(): number {
    return this.#waiting.size;
  }

  /** In place of what waits under that key. Resolves when it was tried once, or something newer took its place. */
  put(key: string, send: () => Promise<void>): Promise<void> {
    const { most = Number.POSITIVE_INFINITY } = this.#options;
    const before = this.#waiting.get(key);
    if (this.#ending !== undefined || (before === undefined && this.#waiting.size >= most)) return Promise.resolve();
    before?.tried.resolve(undefined);
    const word = { key, send, tried: Promise.withResolvers<undefined>() };
    this.#waiting.set(key, word);
    this.#start();
    return word.tried.promise;
  }

  /** Nothing of that key is to be told any more. */
  forget(key: string): void {
    this.#waiting.get(key)?.tried.resolve(undefined);
    this.#waiting.delete(key);
  }

  /** Tells what is left, for some seconds and without a second try; `tell` false: leaves it. */
  async close(tell: boolean): Promise<void> {
    this.#ending ??= Promise.withResolvers<undefined>();
    this.#wake();
    if (!tell) this.#drop();
    const limit = setTimeout(() => {
      this.#drop();
      this.#ending?.resolve(undefined);
    }, ENDING_MS);
    this.#start();
    if (this.#sending.size > 0) await this.#ending.promise;
    clearTimeout(limit);
  }

  #drop(): void {
    for (const key of [...this.#waiting.keys()]) this.forget(key);
  }

  #wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    const urgent = this.#isUrgent();
    for (const word of this.#waiting.values()) {
      if (this.#sending.size >= (urgent ? 1 : this.#options.lines)) return;
      // Of one key one after another: the older would come last otherwise.
      if (this.#sending.has(word.key)) continue;
      this.#waiting.delete(word.key);
      this.#sending.add(word.key);
      void this.#send(word);
    }
    if (this.#sending.size === 0) this.#ending?.resolve(undefined);
  }

  #isUrgent(): boolean {
    return this.#ending === undefined && this.#options.urgent?.() === true;
  }

  async #send(word: Word): Promise<void> {
    const { rest, lost } = this.#options;
    let pause = 0;
    try {
      await word.send();
      this.#failures = 0;
      pause = this.#isUrgent() ? rest : 0;
    } catch (error) {
      if (this.#isAgain(error)) pause = this.#again(word);
      else lost?.(word.key, error);
    }
    this.#sending.delete(word.key);
    word.tried.resolve(undefined);
    if (pause > 0) this.#startAfter(pause);
    else this.#start();
  }

  #isAgain(error: unknown): boolean {
    return this.#ending === undefined && this.#options.again?.(error) === true;
  }

  /** Milliseconds until it is tried again. */
  #again(word: Word): number {
    const { backoff = BACKOFF, random = Math.random } = this.#options;
    // What came meanwhile is newer.
    if (!this.#waiting.has(word.key)) this.#waiting.set(word.key, word);
    this.#failures += 1;
    return Math.max(1, fullJitter(backoff, this.#failures, random()));
  }

  #startAfter(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, ms);
  }
}
