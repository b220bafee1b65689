/** When an ExternalSecret is to be read from its store again. */
import { durationMs } from '../../lib/duration.ts';
import type { ExternalSecret } from './definition.ts';
import { opensAt } from './sync-windows.ts';
import { syncedVersion } from './hash.ts';

export interface LastRefresh {
  /** Of the object that was synced: `status.syncedResourceVersion`. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Its store has something newer: it is due now. */
  readonly expired?: boolean;
}

const HOUR = 3_600_000;

/** Milliseconds; 0: never by itself. Throws `badRequest` for what is no duration. */
export const intervalOf = ({ spec }: ExternalSecret): number =>
  spec.refreshInterval === undefined ? HOUR : durationMs(spec.refreshInterval, 'refreshInterval');

/** By what the status says, for a controller that has just begun. */
export function lastRefreshOf({ status = {} }: ExternalSecret): LastRefresh | undefined {
  const at = Date.parse(status.refreshTime ?? '');
  const { syncedResourceVersion: version } = status;
  return version === undefined || version === '' || Number.isNaN(at) ? undefined : { version, at };
}

export function isDue(es: ExternalSecret, last: LastRefresh | undefined, now: number): boolean {
  if (last === undefined) return true;
  const changed = last.version !== syncedVersion(es.metadata);
  if (es.spec.refreshPolicy === 'CreatedOnce') return false;
  if (es.spec.refreshPolicy === 'OnChange') return changed;
  const interval = intervalOf(es);
  if (interval === 0) return false;
  const due = last.expired === true || last.at > now || last.at + interval <= now;
  return changed || (due && opensAt(es.spec.syncWindows, now) <= now);
}

/** Whether it follows its store at all; what is made once, or when its object changes, does not. */
export function isPeriodic(es: ExternalSecret): boolean {
  const { refreshPolicy = 'Periodic' } = es.spec;
  try {
    return refreshPolicy === 'Periodic' && intervalOf(es) > 0;
  } catch {
    // No duration: the look at it says so.
    return false;
  }
}

/**
 * Milliseconds until it is due by time; undefined: when it changes. `random` in [0, 1) draws up to a twentieth off, so that
 * what was made together is not read together for ever.
 */
export function untilDue(es: ExternalSecret, last: LastRefresh, now: number, random: number): number | undefined {
  const { refreshPolicy = 'Periodic' } = es.spec;
  const interval = refreshPolicy === 'Periodic' ? intervalOf(es) : 0;
  if (interval === 0) return undefined;
  const due = last.expired === true ? now : now + Math.max(0, last.at + interval - now) * (1 - random / 20);
  const opens = opensAt(es.spec.syncWindows, due);
  return Number.isFinite(opens) ? opens - now : undefined;
}
