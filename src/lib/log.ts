/** Logs: a constant message plus key-values. Never a secret in either. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
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

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'standard' | 'json';
  readonly write: (line: string) => void;
  readonly now: () => number;
}

const RANK: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 };

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return /[\s"=]/.test(text) || text === '' ? JSON.stringify(text) : text;
}

export function createLogger(options: LogOptions, name = ''): Logger {
  const line = (level: LogLevel, message: string, details: Details): string => {
    const time = new Date(options.now()).toISOString();
    if (options.format === 'json') {
      return JSON.stringify({ '@timestamp': time, '@level': level, '@module': name, '@message': message, ...details });
    }
    const pairs = Object.entries(details).map(([key, value]) => ` ${key}=${shown(value)}`);
    return `${time} [${level.toUpperCase()}] ${name === '' ? '' : `${name}: `}${message}${pairs.join('')}`;
  };
  const at =
    (level: LogLevel) =>
    (message: string, details: Details = {}): void => {
      if (RANK[level] >= RANK[options.level]) options.write(`${line(level, message, details)}\n`);
    };
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    named: (part) => createLogger(options, name === '' ? part : `${name}.${part}`),
  };
}

export const silent: Logger = createLogger({ level: 'error', format: 'json', write: () => undefined, now: () => 0 });
