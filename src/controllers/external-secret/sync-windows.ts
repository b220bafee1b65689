/** `spec.syncWindows`: when what is due by time alone may be read again, in UTC. */
import { Cron } from 'croner';
import { durationMs } from '../../lib/duration.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { ExternalSecretSpec } from './definition.ts';

type SyncWindows = NonNullable<ExternalSecretSpec['syncWindows']>;

interface Window {
  readonly begins: Cron;
  /** Milliseconds. */
  readonly lasts: number;
}

/** Windows that follow on each other are one; beyond so many they count as without end. */
const MOST = 1_000;

function windowOf({ schedule, duration }: SyncWindows['windows'][number]): Window {
  const lasts = durationMs(duration, 'syncWindows.windows[].duration');
  if (lasts <= 0) throw new ProviderProblem('invalid', 'syncWindows.windows[].duration must be more than nothing');
  try {
    return { begins: new Cron(schedule, { timezone: 'UTC', mode: '5-part', paused: true }), lasts };
  } catch {
    throw new ProviderProblem('invalid', `syncWindows.windows[].schedule "${schedule}" is no schedule of cron`);
  }
}

const next = ({ begins }: Window, after: number): number =>
  begins.nextRun(new Date(after))?.getTime() ?? Number.POSITIVE_INFINITY;

/** Its end, while it is open; undefined: it is not. */
function endOf(window: Window, at: number): number | undefined {
  const begun = next(window, at - window.lasts);
  return begun <= at ? begun + window.lasts : undefined;
}

/**
 * Milliseconds since the epoch: now, or when the time comes again; Infinity: never. Throws `ProviderProblem`, or `badRequest`
 * for what is no duration.
 */
export function opensAt(sync: SyncWindows | undefined, now: number): number {
  if (sync === undefined) return now;
  const windows = sync.windows.map(windowOf);
  if (sync.kind === 'allow') {
    const isOpen = windows.some((each) => endOf(each, now) !== undefined);
    return isOpen ? now : Math.min(...windows.map((each) => next(each, now)));
  }
  let at = now;
  for (let n = 0; n < MOST; n++) {
    const end = windows.map((each) => endOf(each, at)).find((each) => each !== undefined);
    if (end === undefined) return at;
    at = end;
  }
  return Number.POSITIVE_INFINITY;
}
