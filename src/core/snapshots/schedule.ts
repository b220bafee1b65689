/** When a scheduled snapshot is due, what it is named, and which ones go. Decides; does nothing. */

export interface Schedule {
  /** Milliseconds from one to the next. */
  readonly interval: number;
  /** Milliseconds by which each is late, so that many nodes do not come at once; drawn once for a node. */
  readonly jitter: number;
}

/** What is known of the past. Milliseconds since the epoch. */
export interface Past {
  /** When the newest one that stands was begun; undefined when there is none. */
  readonly last: number | undefined;
  /** When the last try was begun. */
  readonly tried: number | undefined;
  /** Tries since the last one that succeeded. */
  readonly failures: number;
}

const FIRST_RETRY = 60_000;
const LARGEST_DOUBLING = 10;

/** At most a tenth of the interval, and a minute. */
export function jitterOf(interval: number, fraction: number): number {
  return Math.floor(Math.min(interval / 10, 60_000) * fraction);
}

/** After a failure sooner than the interval, from a minute on, each time twice as long. */
export function retryAfter(interval: number, failures: number): number {
  return Math.min(interval, FIRST_RETRY * 2 ** Math.min(failures - 1, LARGEST_DOUBLING));
}

/** A clock that went back does not put the next one off by more than the interval. */
export function atMost(past: Past, now: number): Past {
  const bound = (time: number | undefined): number | undefined =>
    time === undefined ? undefined : Math.min(time, now);
  return { ...past, last: bound(past.last), tried: bound(past.tried) };
}

/** When the next one is to begin. However many were missed, it is one; a time in the past means now. */
export function nextStart({ interval, jitter }: Schedule, { last, tried, failures }: Past, opened: number): number {
  if (failures > 0 && tried !== undefined) return tried + retryAfter(interval, failures);
  return last === undefined ? opened + jitter : last + interval + jitter;
}

const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/;
const ENDING = '.snap';

/** What the names of one history's snapshots begin with: no other node's begin so, even in the same place. */
export function namePrefix(filePrefix: string, epoch: string): string {
  return `${filePrefix}-${epoch.slice(0, 16)}-`;
}

/** `<prefix>20261128T081500123Z.snap`: in the order of time. */
export function nameOf(prefix: string, time: number): string {
  return `${prefix}${new Date(time).toISOString().replaceAll(/[-:.]/g, '')}${ENDING}`;
}

/** undefined for what is no such name. */
export function timeOf(prefix: string, name: string): number | undefined {
  if (!name.startsWith(prefix) || !name.endsWith(ENDING)) return undefined;
  const parts = STAMP.exec(name.slice(prefix.length, -ENDING.length));
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second, ms] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** The names that go now that `written` stands: the oldest, beyond `retain`, and never `written`, whatever its time. */
export function surplus(kept: readonly string[], written: string, retain: number): readonly string[] {
  const others = kept.filter((name) => name !== written).sort();
  return others.slice(0, Math.max(0, others.length - (retain - 1)));
}
