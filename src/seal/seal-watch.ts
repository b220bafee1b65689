/**
 * Looks after the seals while the node runs: whether each answers and, on an unsealed node, whether what it wrapped opens
 * it. What is missing or damaged is wrapped anew as soon as its seal is healthy. Vault's times.
 */
import type { Store } from '../storage/store.ts';
import { rewrap, storedIn } from './rewrap.ts';
import type { AutoSeal, Seals } from './seals.ts';
import type { Stored } from './stored.ts';
import { standingOf } from './standing.ts';

export interface SealWatchOptions {
  readonly raw: Store;
  readonly seals: Seals;
  readonly sealed: () => boolean;
  /** A reading that never goes back, in milliseconds. */
  readonly clock?: () => number;
}

const HEALTHY_MS = 600_000;
const UNHEALTHY_MS = 60_000;
const CHECK_TIMEOUT_MS = 10_000;
const REWRAP_TIMEOUT_MS = 30_000;

export class SealWatch implements Disposable {
  readonly #options: SealWatchOptions;
  readonly #over = new AbortController();
  #due = 0;
  #running: Promise<void> | undefined;

  constructor(options: SealWatchOptions) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  /** Called about once a second; waits for nobody. */
  tick(): void {
    const { seals, clock = () => performance.now() } = this.#options;
    if (!seals.auto || this.#running !== undefined || this.#over.signal.aborted || clock() < this.#due) return;
    void this.run();
  }

  /** The next tick is due: after an unseal. */
  soon(): void {
    this.#due = 0;
  }

  /** Resolves when nothing is looked at any more. */
  get idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Once. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#once().finally(() => {
      const { seals, clock = () => performance.now() } = this.#options;
      const healthy = seals.enabled.every(({ health }) => health.healthy);
      this.#due = clock() + (healthy ? HEALTHY_MS : UNHEALTHY_MS);
      this.#running = undefined;
    });
    return this.#running;
  }

  async #once(): Promise<void> {
    const { seals, raw, sealed } = this.#options;
    try {
      const stored = storedIn(raw);
      const steady = stored !== undefined && !sealed() && !standingOf(seals, stored).migrates;
      await Promise.all(seals.enabled.map((seal) => this.#check(seal, steady ? stored : undefined)));
      if (!steady || sealed()) return;
      const signal = AbortSignal.any([this.#over.signal, AbortSignal.timeout(REWRAP_TIMEOUT_MS)]);
      if (await rewrap({ raw, seals }, signal)) {
        const names = storedIn(raw)?.wrapped.map(({ name }) => name);
        seals.log.info('the unseal key is wrapped anew', { seals: names });
      }
    } catch (error) {
      if (this.#over.signal.aborted) return;
      const reason = error instanceof Error ? error.message : 'unknown';
      seals.log.warn('the unseal key is not wrapped anew', { reason });
    }
  }

  async #check(seal: AutoSeal, stored: Stored | undefined): Promise<void> {
    const { seals } = this.#options;
    if (seal.seal === undefined) return;
    const signal = AbortSignal.any([this.#over.signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]);
    try {
      const found = await seal.seal.check(signal);
      if (this.#over.signal.aborted) return;
      if (found !== 'healthy') {
        seal.health.failed('it does not answer');
        return;
      }
      seal.health.seen();
      if (stored === undefined || seals.wrappedBy(seal, stored.wrapped) === undefined) return;
      await seals.openBy(seal, stored, signal, () => this.#over.signal.aborted);
    } catch {
      // `openBy` has told its health.
    }
  }
}
