/** Who follows this node's log over the API: `sys/monitor`. */
import { formatRecord, type LogFormat, type LogLevel, type LogRecord } from '../lib/log.ts';
import type { LogSource } from '../lib/log-source.ts';
import type { Batch, Store } from '../storage/store.ts';

/** Lines that wait for a slow reader; beyond it they are left out, and counted. */
const MOST_WAITING = 512;

export interface Monitoring {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** The caller's token goes with this batch. */
  readonly ends: (batch: Batch) => boolean;
  /** This batch may have changed what `allowed` says. */
  readonly matters: (batch: Batch) => boolean;
  readonly allowed: () => boolean;
}

/** The lines of a log from now on. It ends when it is told to, or when its reader does. */
class LogMonitor implements AsyncIterableIterator<string> {
  readonly #format: LogFormat;
  readonly #allowed: () => boolean;
  #waiting: LogRecord[] = [];
  #left = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #gone: () => void;

  constructor({ format, allowed }: Pick<Monitoring, 'format' | 'allowed'>, gone: () => void) {
    this.#format = format;
    this.#allowed = allowed;
    this.#gone = gone;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  take(record: LogRecord): void {
    if (this.#waiting.length >= MOST_WAITING) this.#left += 1;
    else this.#waiting.push(record);
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    // A right may end by time alone, without a batch.
    if (!this.#ended && !this.#allowed()) return this.return();
    // What waits at its end is still told.
    if (this.#waiting.length === 0) return { done: true, value: undefined };
    return { done: false, value: this.#text() };
  }

  return(): Promise<IteratorResult<string, undefined>> {
    this.#waiting = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#gone();
    this.#wake?.();
  }

  #text(): string {
    const records = this.#waiting.splice(0);
    const last = records.at(-1);
    if (this.#left > 0 && last !== undefined) {
      const message = 'lines of the log were left out: they were read too slowly';
      records.push({ ...last, name: 'monitor', level: 'warn', message, details: { lines: this.#left } });
      this.#left = 0;
    }
    return records.map((record) => `${formatRecord(record, this.#format)}\n`).join('');
  }
}

export class LogMonitors {
  readonly #source: LogSource;
  readonly #open = new Set<LogMonitor>();

  constructor(source: LogSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Follows the log until the caller may not, goes away, or the node is sealed. */
  open(store: Store, { level, format, ends, matters, allowed }: Monitoring): AsyncIterable<string> {
    const monitor = new LogMonitor({ format, allowed }, () => {
      this.#open.delete(monitor);
      tap[Symbol.dispose]();
      observation[Symbol.dispose]();
    });
    const tap = this.#source.tap(level, (record) => {
      monitor.take(record);
    });
    const observation = store.observe((batch) => {
      if (ends(batch)) monitor.end();
      else if (matters(batch)) {
        // Readers see a batch once all observers have.
        setImmediate(() => {
          if (this.#open.has(monitor) && !allowed()) monitor.end();
        });
      }
    });
    this.#open.add(monitor);
    return monitor;
  }

  endAll(): void {
    for (const monitor of this.#open) monitor.end();
  }
}
