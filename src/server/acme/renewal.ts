/** Keeps a listener's certificate: orders it when it is due, and goes on trying while the old one is served. */
import { readFile } from 'node:fs/promises';
import type { Log } from '../listener.ts';
import { dueAt, placeOf } from './place.ts';
import type { AcmeSettings, Challenge } from './settings.ts';

export interface RenewalOptions {
  readonly settings: AcmeSettings;
  readonly log: Log;
  /** Puts a new certificate in place. */
  readonly order: (settings: AcmeSettings, challenge: Challenge) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** From 0 to 1. */
  readonly random?: () => number;
  /** Calls back after so many milliseconds. */
  readonly after?: (milliseconds: number, call: () => void) => () => void;
}

const MINUTE_MS = 60_000;
/** ACME servers commonly allow five failed validations of a name in an hour. */
const FIRST_PAUSE_MS = 5 * MINUTE_MS;
const LONGEST_PAUSE_MS = 6 * 60 * MINUTE_MS;
/** How often the file is looked at, since the clock may jump. */
const LOOK_MS = 60 * MINUTE_MS;

/** Half of it for sure, the rest by chance, so that nodes that failed together do not come back together. */
export function pauseAfter(failures: number, random: number): number {
  const whole = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1));
  return whole * (0.5 + random / 2);
}

function afterTimer(milliseconds: number, call: () => void): () => void {
  const timer = setTimeout(call, milliseconds).unref();
  return () => {
    clearTimeout(timer);
  };
}

export class Renewal implements Disposable {
  readonly #options: RenewalOptions;
  #failures = 0;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #ended = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Looks now, whatever pause it is in: at the start, and on SIGHUP. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#cancel?.();
  }

  async #run(): Promise<void> {
    this.#cancel?.();
    const { now = Date.now, random = Math.random } = this.#options;
    let pause: number;
    try {
      const due = await this.#due();
      if (due <= now()) await this.#order();
      const next = await this.#due();
      // Of a clock that is wrong, or a server that issues what is old: to order at once again would use its quota up.
      if (next <= now()) throw new Error('the new certificate is due for renewal already: check the clock');
      this.#failures = 0;
      pause = Math.min(LOOK_MS, Math.max(MINUTE_MS, next - now()));
    } catch (error) {
      this.#failures += 1;
      pause = pauseAfter(this.#failures, random());
      const reason = error instanceof Error ? error.message.slice(0, 500) : 'unknown';
      const { settings, log } = this.#options;
      const again = Math.round(pause / 1_000);
      log.error('no certificate by ACME, what is there stays', {
        domains: settings.domains,
        reason,
        again_in_s: again,
      });
    }
    if (this.#ended) return;
    this.#cancel = (this.#options.after ?? afterTimer)(pause, () => void this.run());
  }

  async #due(): Promise<number> {
    return dueAt(await readFile(placeOf(this.#options.settings).certificate, 'utf8').catch(() => ''));
  }

  /** One challenge after the other, where there are two: what keeps one from working may not keep the other. */
  async #order(): Promise<void> {
    const { settings, order, log } = this.#options;
    const { challenges, domains, directory } = settings;
    const challenge = challenges[this.#failures % challenges.length] ?? 'tls-alpn-01';
    log.info('ordering a certificate by ACME', { domains, directory, challenge });
    await order(settings, challenge);
    log.info('a certificate by ACME is in place', { domains });
  }
}
