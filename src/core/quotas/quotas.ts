/** The rate limit quotas of a node: what is set stands in the shared records, what was used is counted in the memory of this process. */
import { fail, type LockstepError } from '../../errors.ts';
import type { Counter } from '../../lib/metrics/metrics.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { SharedWindows } from '../../lib/threads/shared-windows.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { Applicable } from './applicable.ts';
import { QuotaRecords } from './quota-records.ts';
import { windowFor, type Counted, type RateLimit } from './rate-limit.ts';

export interface QuotaConfig {
  /** Whether requests that are refused stand in the audit. */
  readonly auditLogging: boolean;
  /** Whether each reply says what is left. */
  readonly responseHeaders: boolean;
  /** Paths from the root namespace on, or with `*` at their end: never refused. */
  readonly exemptPaths: readonly string[];
}

/** As by OpenBao: what a node is looked after and opened by. */
export const USUAL_CONFIG: QuotaConfig = {
  auditLogging: false,
  responseHeaders: false,
  exemptPaths: ['sys/generate-root/attempt', 'sys/generate-root/update', 'sys/health', 'sys/seal-status', 'sys/unseal'],
};

export interface Admission {
  /** Headers that tell what is left. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** 429, where there is too much. */
  readonly refusal: LockstepError | undefined;
}

const FREE: Admission = { headers: undefined, refusal: undefined };

export interface QuotasOptions {
  readonly store: Store;
  readonly windows: SharedWindows;
  readonly now: () => number;
  readonly violations: Counter;
}

interface Compiled {
  readonly limits: Applicable<RateLimit>;
  readonly config: QuotaConfig;
}

export class Quotas implements Disposable {
  readonly records: QuotaRecords<RateLimit>;
  readonly #options: QuotasOptions;
  readonly #observation: Disposable;
  #compiled: Compiled | undefined;

  constructor(options: QuotasOptions) {
    this.#options = options;
    this.records = new QuotaRecords(options.store, keys.rateLimits);
    this.#observation = options.store.observe((batch) => {
      if (this.#compiled === undefined) return;
      if (this.records.in(batch) || batch.writes.some(({ key }) => key === keys.quotaConfig))
        this.#compiled = undefined;
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#compiled = undefined;
  }

  #current(): Compiled {
    return (this.#compiled ??= { limits: new Applicable(this.records.all()), config: this.config });
  }

  /** Whether any request is counted at all. */
  get active(): boolean {
    return this.#current().limits.size > 0;
  }

  get config(): QuotaConfig {
    return recordAt<QuotaConfig>(this.#options.store, keys.quotaConfig) ?? USUAL_CONFIG;
  }

  async configure(given: Partial<QuotaConfig>): Promise<void> {
    await this.#options.store.transact((tx) => {
      const before = recordAt<QuotaConfig>(tx, keys.quotaConfig) ?? USUAL_CONFIG;
      tx.put(keys.quotaConfig, encodeRecord({ ...before, ...given } satisfies QuotaConfig));
    });
  }

  #quotaFor(counted: Counted): RateLimit | undefined {
    const { limits, config } = this.#current();
    return config.exemptPaths.some((path) => covers(path, counted.path)) ? undefined : limits.for(counted);
  }

  /** The one that would count it. undefined: none. */
  nameFor(counted: Counted): string | undefined {
    return this.#quotaFor(counted)?.name;
  }

  /** Counts a request. */
  admit(counted: Counted): Admission {
    const quota = this.#quotaFor(counted);
    return quota === undefined ? FREE : this.#take(quota, counted);
  }

  /**
   * Of a request whose body is not read yet: its refusal, counted, where there is too much already. undefined: it may be read,
   * since it is to be on record, or since a quota is of the role that the body names.
   */
  admitUnread(counted: Counted): Admission | undefined {
    if (this.audited) return undefined;
    let asksRole = false;
    const role = (): undefined => {
      asksRole = true;
    };
    const quota = this.#quotaFor({ ...counted, role });
    if (quota === undefined || asksRole) return undefined;
    const { key, rule } = windowFor(quota, counted);
    const { windows, now } = this.#options;
    return windows.refuses(key, rule, now()) ? this.#take(quota, counted) : undefined;
  }

  /**
   * Counts a login once it is known which role judged it, where that has a quota of its own: its request did not say. Throws
   * `tooManyRequests`.
   */
  admitLogin(counted: Counted): void {
    const quota = this.#quotaFor(counted);
    if (quota === undefined || quota.role === '') return;
    const { refusal } = this.#take(quota, counted);
    if (refusal !== undefined) throw refusal;
  }

  #take(quota: RateLimit, counted: Counted): Admission {
    const { config } = this.#current();
    const { windows, now, violations } = this.#options;
    const { key, rule } = windowFor(quota, counted);
    const { allowed, remaining, resetMs } = windows.take(key, rule, now());
    const seconds = String(Math.ceil(resetMs / 1_000));
    const headers = config.responseHeaders
      ? {
          'X-Ratelimit-Limit': String(rule.limit),
          'X-Ratelimit-Remaining': String(remaining),
          'X-Ratelimit-Reset': seconds,
        }
      : undefined;
    if (allowed) return { headers, refusal: undefined };
    violations.add();
    const refusal = fail('tooManyRequests', `request path "${counted.path}": rate limit quota exceeded`);
    return { headers: { ...headers, 'Retry-After': seconds }, refusal };
  }

  get audited(): boolean {
    return this.#current().config.auditLogging;
  }
}

function covers(exempt: string, path: string): boolean {
  return exempt.endsWith('*') ? path.startsWith(exempt.slice(0, -1)) : exempt === path || `${exempt}/` === path;
}
