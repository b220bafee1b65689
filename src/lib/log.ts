/** Logs: a constant message plus key-values. Never a secret in either. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'standard' | 'json';
type Details = Readonly<Record<string, unknown>>;

export interface Logger {
  readonly trace: (message: string, details?: Details) => void;
  readonly debug: (message: string, details?: Details) => void;
  readonly info: (message: string, details?: Details) => void;
  readonly warn: (message: string, details?: Details) => void;
  readonly error: (message: string, details?: Details) => void;
  /** The same log under a name. */
  readonly named: (name: string) => Logger;
}

/** One entry, before it is text. */
export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly level: LogLevel;
  /** Empty for the log that has none. */
  readonly name: string;
  readonly message: string;
  readonly details: Details;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly write: (line: string) => void;
  readonly now: () => number;
}

export const LOG_RANK: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 };

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return /[\s"=]/.test(text) || text === '' ? JSON.stringify(text) : text;
}

/** One line, without its end. */
export function formatRecord({ time: at, level, name, message, details }: LogRecord, format: LogFormat): string {
  const time = new Date(at).toISOString();
  if (format === 'json') {
    return JSON.stringify({ '@timestamp': time, '@level': level, '@module': name, '@message': message, ...details });
  }
  const pairs = Object.entries(details).map(([key, value]) => ` ${key}=${shown(value)}`);
  return `${time} [${level.toUpperCase()}] ${name === '' ? '' : `${name}: `}${message}${pairs.join('')}`;
}

interface Emitting {
  readonly name: string;
  readonly wants: (level: LogLevel, name: string) => boolean;
  readonly emit: (record: Omit<LogRecord, 'time'>) => void;
  /** Told of each name that is given. */
  readonly known?: (name: string) => void;
}

export function loggerOf(emitting: Emitting): Logger {
  const { name, wants, emit, known } = emitting;
  known?.(name);
  const at =
    (level: LogLevel) =>
    (message: string, details: Details = {}): void => {
      if (wants(level, name)) emit({ level, name, message, details });
    };
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    named: (part) => loggerOf({ ...emitting, name: name === '' ? part : `${name}.${part}` }),
  };
}

/** A log whose level stays. */
export function createLogger({ level: lowest, format, write, now }: LogOptions): Logger {
  return loggerOf({
    name: '',
    wants: (level) => LOG_RANK[level] >= LOG_RANK[lowest],
    emit: (record) => {
      write(`${formatRecord({ ...record, time: now() }, format)}\n`);
    },
  });
}

export const silent: Logger = createLogger({ level: 'error', format: 'json', write: () => undefined, now: () => 0 });
