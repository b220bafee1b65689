/** How one configured seal is, as it was last met. */
import type { Logger } from '../lib/log.ts';

export interface SealHealthOptions {
  readonly name: string;
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

export class SealHealth {
  readonly #options: SealHealthOptions;
  #lastSeen: number | undefined;
  #unhealthySince: number | undefined;
  #reason = '';
  /** Its wrapped key does not open the root key. */
  #broken = false;
  readonly counts = { wraps: 0, unwraps: 0, failures: 0 };

  /** `problem`: why it could not be set up; it is unhealthy for good then. */
  constructor(options: SealHealthOptions, problem?: string) {
    this.#options = options;
    if (problem !== undefined) this.failed(problem);
  }

  get healthy(): boolean {
    return this.#unhealthySince === undefined;
  }

  /** Wall-clock milliseconds; undefined while it was not met yet. */
  get lastSeen(): number | undefined {
    return this.#lastSeen;
  }

  get unhealthySince(): number | undefined {
    return this.#unhealthySince;
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** It answers. */
  seen(): void {
    const { now, log, name } = this.#options;
    this.#lastSeen = now();
    if (this.#broken || this.#unhealthySince === undefined) return;
    this.#unhealthySince = undefined;
    this.#reason = '';
    log.info('a seal is healthy again', { seal: name });
  }

  failed(reason: string): void {
    const { now, log, name } = this.#options;
    this.#unhealthySince ??= now();
    if (reason === this.#reason) return;
    this.#reason = reason;
    log.warn('a seal is unhealthy', { seal: name, reason });
  }

  /** What it wrapped does not open this node: only wrapping anew mends that. */
  broke(reason: string): void {
    this.#broken = true;
    this.failed(reason);
  }

  mended(): void {
    this.#broken = false;
    this.seen();
  }
}
