/** Where a process's log comes from: levels by name that change while it runs, and listeners beside the output. */
import { formatRecord, LOG_RANK, loggerOf, type LogFormat, type Logger, type LogLevel, type LogRecord } from './log.ts';

/** Shown for the log that has no name. */
const ROOT = 'core';
const NONE = Number.POSITIVE_INFINITY;

/** What another thread must know to send what is wanted. */
export interface LogState {
  readonly level: LogLevel;
  readonly named: Readonly<Record<string, LogLevel>>;
  /** The lowest rank that a listener takes; null: there is none. */
  readonly tapped: number | null;
}

export interface LogSourceOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly write: (line: string) => void;
  readonly now: () => number;
  /** Instead of formatting and writing it here: for a thread that hands its log over. */
  readonly handOver?: (record: LogRecord) => void;
}

interface Tap {
  readonly rank: number;
  readonly listener: (record: LogRecord) => void;
}

const shownName = (name: string): string => (name === '' ? ROOT : name);

export class LogSource {
  readonly #options: LogSourceOptions;
  readonly #known = new Set<string>([ROOT]);
  readonly #taps = new Set<Tap>();
  #level: LogLevel;
  #named = new Map<string, LogLevel>();
  #tapped = NONE;
  readonly #followers = new Set<(state: LogState) => void>();
  readonly log: Logger;

  constructor(options: LogSourceOptions) {
    this.#options = options;
    this.#level = options.level;
    this.log = loggerOf({
      name: '',
      known: (name) => this.#known.add(shownName(name)),
      wants: (level, name) => LOG_RANK[level] >= Math.min(LOG_RANK[this.levelOf(shownName(name))], this.#tapped),
      emit: ({ level, name, message, details }) => {
        const record = { time: options.now(), level, name, message, details };
        if (options.handOver === undefined) this.take(record);
        else options.handOver(record);
      },
    });
  }

  /** A record of this thread, or of another one. */
  take(record: LogRecord): void {
    const rank = LOG_RANK[record.level];
    if (rank >= LOG_RANK[this.levelOf(shownName(record.name))]) {
      this.#options.write(`${formatRecord(record, this.#options.format)}\n`);
    }
    for (const tap of this.#taps) if (rank >= tap.rank) tap.listener(record);
  }

  levelOf(name: string): LogLevel {
    return this.#named.get(name) ?? this.#level;
  }

  /** Every name that something logs under. */
  get names(): readonly string[] {
    return [...this.#known].sort();
  }

  setAll(level: LogLevel): void {
    this.#level = level;
    this.#named.clear();
    this.#changed();
  }

  set(name: string, level: LogLevel): void {
    this.#named.set(name, level);
    this.#changed();
  }

  /** To the level of the configuration. */
  reset(name: string): void {
    this.set(name, this.#options.level);
  }

  resetAll(): void {
    this.setAll(this.#options.level);
  }

  /** `listener` is given every record from `level` on, also those that the output leaves out. */
  tap(level: LogLevel, listener: (record: LogRecord) => void): Disposable {
    const tap = { rank: LOG_RANK[level], listener };
    this.#taps.add(tap);
    this.#retap();
    return {
      [Symbol.dispose]: () => {
        this.#taps.delete(tap);
        this.#retap();
      },
    };
  }

  #retap(): void {
    const lowest = Math.min(NONE, ...[...this.#taps].map(({ rank }) => rank));
    if (lowest === this.#tapped) return;
    this.#tapped = lowest;
    this.#changed();
  }

  /** Told of every change from now on: for the threads whose records are taken here. */
  follow(follower: (state: LogState) => void): void {
    this.#followers.add(follower);
  }

  /** What another thread's source shall let through. */
  apply({ level, named, tapped }: LogState): void {
    this.#level = level;
    this.#named = new Map(Object.entries(named));
    this.#tapped = tapped ?? NONE;
  }

  get state(): LogState {
    return {
      level: this.#level,
      named: Object.fromEntries(this.#named),
      tapped: this.#tapped === NONE ? null : this.#tapped,
    };
  }

  #changed(): void {
    const { state } = this;
    for (const follower of this.#followers) follower(state);
  }
}
