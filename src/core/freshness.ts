/**
 * The index that replies carry and requests may ask for: a map from log id to position, since a region follows the hub's
 * log beside its own. Opaque to clients; a client's index is compared, never believed.
 */
import { fail } from '../errors.ts';
import type { Position, Store } from '../storage/store.ts';

export type Index = Readonly<Record<string, Position>>;

export interface FreshnessOptions {
  readonly store: Store;
  /** Other logs that this node follows: at a region, the hub's with the cursor. */
  readonly followed: () => Index;
  readonly waitMs: number;
  /** Waiting requests of one token; one more gets 412 at once. */
  readonly waitersPerToken: number;
}

const MAX_TEXT = 1_024;
const MAX_INDEXES = 16;

export function encodeIndex(index: Index): string {
  const flat = Object.entries(index).map(([log, { epoch, sequence }]) => [log, epoch, sequence]);
  return Buffer.from(JSON.stringify(flat), 'utf8').toString('base64url');
}

/** undefined when `text` is not an index of ours. */
export function decodeIndex(text: string): Index | undefined {
  if (text.length > MAX_TEXT) return undefined;
  try {
    const flat: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Array.isArray(flat)) return undefined;
    const index: Record<string, Position> = Object.create(null) as Record<string, Position>;
    for (const item of flat as readonly unknown[]) {
      if (!Array.isArray(item)) return undefined;
      const [log, epoch, sequence] = item as readonly unknown[];
      if (typeof log !== 'string' || typeof epoch !== 'string' || !Number.isSafeInteger(sequence)) return undefined;
      index[log] = { epoch, sequence: sequence as number };
    }
    return index;
  } catch {
    return undefined;
  }
}

/** Several, as a client sends what it saw on calls in parallel: in headers of one name, or with commas between them. */
function decodeIndexes(text: string): readonly Index[] | undefined {
  const parts = text.split(',', MAX_INDEXES + 1);
  if (parts.length > MAX_INDEXES) return undefined;
  const found = parts.map((part) => decodeIndex(part.trim()));
  return found.every((index) => index !== undefined) ? found : undefined;
}

export class Freshness implements Disposable {
  readonly #options: FreshnessOptions;
  readonly #waiting = new Set<() => void>();
  readonly #perToken = new Map<string, number>();
  readonly #observation: Disposable;
  #shown: { readonly at: Position; readonly text: string } | undefined;

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#observation = options.store.observe(() => {
      this.#shown = undefined;
      if (this.#waiting.size > 0) queueMicrotask(() => this.#wake());
    });
  }

  /** Requests that wait for an index. */
  get waiting(): number {
    return this.#waiting.size;
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#wake();
  }

  /** What reads show now. */
  get index(): Index {
    const { store, followed } = this.#options;
    return { [store.log]: store.position, ...followed() };
  }

  /** The value of `X-Vault-Index`. */
  get text(): string {
    const at = this.#options.store.position;
    if (this.#shown?.at !== at) this.#shown = { at, text: encodeIndex(this.index) };
    return this.#shown.text;
  }

  /**
   * Nothing when this node already shows `asked`; otherwise waits for it, a bounded time, then rejects with `behindIndex`.
   * Logs that this node does not follow are not waited for. `waiter`: under what its waiting is counted.
   */
  reach(asked: string | undefined, waiter: () => string): undefined | Promise<void> {
    if (asked === undefined || asked === '') return undefined;
    const wanted = decodeIndexes(asked);
    if (wanted === undefined) throw fail('badRequest', 'X-Vault-Index is not an index of this service');
    return this.#missing(wanted) ? this.#wait(wanted, waiter()) : undefined;
  }

  /** Whether this node shows `asked` now; false also for what is no index. */
  shows(asked: string | undefined): boolean {
    if (asked === undefined || asked === '') return true;
    const wanted = decodeIndexes(asked);
    return wanted !== undefined && !this.#missing(wanted);
  }

  #missing(wanted: readonly Index[]): boolean {
    const shown = this.index;
    return wanted.some((each) =>
      Object.entries(each).some(([log, { epoch, sequence }]) => {
        const here = shown[log];
        return here !== undefined && (here.epoch !== epoch || here.sequence < sequence);
      }),
    );
  }

  async #wait(wanted: readonly Index[], waiter: string): Promise<void> {
    const count = this.#perToken.get(waiter) ?? 0;
    if (count >= this.#options.waitersPerToken) throw fail('behindIndex');
    this.#perToken.set(waiter, count + 1);
    const deadline = AbortSignal.timeout(this.#options.waitMs);
    try {
      while (this.#missing(wanted)) {
        if (deadline.aborted) throw fail('behindIndex');
        await this.#next(deadline);
      }
    } finally {
      const left = (this.#perToken.get(waiter) ?? 1) - 1;
      if (left <= 0) this.#perToken.delete(waiter);
      else this.#perToken.set(waiter, left);
    }
  }

  #next(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        deadline.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      deadline.addEventListener('abort', done);
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}
