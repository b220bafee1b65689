/** What `debug` asks a server, once or again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Writable } from 'node:stream';
import type { Client } from '../../client/client.ts';
import { ApiError } from '../../client/api-error.ts';
import { ConnectionError } from '../../client/connection-error.ts';
import { toJson } from '../go-format.ts';
import type { File } from './bundle.ts';

/** Vault's targets; `pprof` is of another runtime. */
export const targets = ['config', 'host', 'log', 'metrics', 'replication-status', 'requests', 'server-status'] as const;
export type Target = (typeof targets)[number];

export interface Failure {
  readonly target: Target;
  readonly error: string;
  readonly timestamp: string;
}

export interface Plan {
  readonly targets: readonly Target[];
  /** Milliseconds. */
  readonly duration: number;
  readonly interval: number;
  readonly metricsInterval: number;
  readonly logFormat: string;
}

interface Polled {
  readonly file: string;
  readonly every: 'once' | 'interval' | 'metricsInterval';
  /** By the name that the answer stands under; with a closing slash it is a list that is asked for. */
  readonly asks: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

/** A sealed server answers too. */
const EVEN_SEALED = { sealedcode: '200', uninitcode: '200', standbyok: 'true' };

const POLLED: Readonly<Record<Exclude<Target, 'log'>, Polled>> = {
  config: { file: 'config.json', every: 'once', asks: { config: 'sys/config/state/sanitized' } },
  host: { file: 'host_info.json', every: 'interval', asks: { host: 'sys/host-info' } },
  metrics: { file: 'metrics.json', every: 'metricsInterval', asks: { metrics: 'sys/metrics' } },
  // Of a region its link to the hub, of a hub its regions.
  'replication-status': {
    file: 'replication_status.json',
    every: 'interval',
    asks: { link: 'sys/regions', regions: 'sys/regions/' },
  },
  requests: { file: 'requests.json', every: 'interval', asks: { requests: 'sys/in-flight-req' } },
  'server-status': {
    file: 'server_status.json',
    every: 'interval',
    asks: { health: 'sys/health', seal: 'sys/seal-status' },
    query: EVEN_SEALED,
  },
};

/** Bytes of log that are kept, the first ones: a bundle is held in memory. */
const MOST_LOG = 64 * 1024 * 1024;

/** Asks until the time is over or `ended` aborts; what cannot be had is told and does not end it. */
export class Collector {
  readonly failures: Failure[] = [];
  readonly #client: Client;
  readonly #plan: Plan;
  readonly #polled = new Map<Exclude<Target, 'log'>, unknown[]>();
  readonly #log: Buffer[] = [];

  constructor(client: Client, plan: Plan) {
    this.#client = client;
    this.#plan = plan;
  }

  async collect(ended: AbortSignal): Promise<void> {
    const { targets: wanted, duration } = this.#plan;
    const over = AbortSignal.any([ended, AbortSignal.timeout(duration)]);
    await Promise.all(wanted.map((target) => (target === 'log' ? this.#follow(over) : this.#poll(target, over))));
  }

  get files(): readonly File[] {
    const polled = [...this.#polled].map(([target, samples]) => {
      const { file, every } = POLLED[target];
      return { name: file, text: `${toJson(every === 'once' ? (samples[0] ?? null) : samples)}\n` };
    });
    const log = this.#plan.targets.includes('log')
      ? [{ name: 'lockstep.log', text: Buffer.concat(this.#log).toString() }]
      : [];
    return [...polled, ...log].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #poll(target: Exclude<Target, 'log'>, over: AbortSignal): Promise<void> {
    const samples: unknown[] = [];
    this.#polled.set(target, samples);
    const { every } = POLLED[target];
    for (;;) {
      samples.push(await this.#sample(target));
      if (every === 'once' || !(await paused(this.#plan[every], over))) return;
    }
  }

  async #sample(target: Exclude<Target, 'log'>): Promise<object> {
    const timestamp = new Date().toISOString();
    const answers = Object.entries(POLLED[target].asks).map(
      async ([name, path]) => [name, await this.#ask(target, path)] as const,
    );
    return { timestamp, ...Object.fromEntries(await Promise.all(answers)) };
  }

  async #ask(target: Exclude<Target, 'log'>, path: string): Promise<unknown> {
    const { query } = POLLED[target];
    const options = { reasons: true, ...(query === undefined ? {} : { query }) };
    try {
      const found = path.endsWith('/')
        ? await this.#client.list(path.slice(0, -1), options)
        : await this.#client.read(path, options);
      return found?.data ?? null;
    } catch (error) {
      this.#failed(target, error);
      return null;
    }
  }

  async #follow(over: AbortSignal): Promise<void> {
    let kept = 0;
    const sink = (): Writable =>
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          const part = chunk.subarray(0, MOST_LOG - kept);
          kept += part.length;
          this.#log.push(part);
          done();
        },
      });
    const query = { log_level: 'trace', log_format: this.#plan.logFormat };
    const options = { query, silenceMs: Number.POSITIVE_INFINITY, signal: over };
    try {
      await this.#client.download('sys/monitor', sink, options);
    } catch (error) {
      if (!over.aborted) this.#failed('log', error);
    }
  }

  #failed(target: Target, error: unknown): void {
    if (!(error instanceof ApiError) && !(error instanceof ConnectionError)) throw error;
    const said = error instanceof ApiError ? `${String(error.status)}: ${error.errors.join('; ')}` : error.message;
    // Told once: it is asked again and again.
    if (this.failures.some((each) => each.target === target && each.error === said)) return;
    this.failures.push({ target, error: said, timestamp: new Date().toISOString() });
  }
}

/** False when it is over. */
async function paused(ms: number, over: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal: over });
    return true;
  } catch {
    return false;
  }
}
