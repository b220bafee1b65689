/** When a PushSecret is to be pushed again. */
import { durationMs } from '../../lib/duration.ts';
import { syncedVersion } from '../external-secret/hash.ts';
import type { PushSecret } from './plan.ts';

/** Milliseconds; undefined: never by itself. Throws `badRequest` for what is no duration. */
export function intervalOf({ spec }: Pick<PushSecret, 'spec'>): number | undefined {
  const interval = durationMs(spec.refreshInterval ?? '1h', 'refreshInterval');
  return interval === 0 ? undefined : interval;
}

/**
 * What a generator made stays until its time is over, whoever looks at it in between. Milliseconds until then, 0: never by
 * itself; undefined: it is due, as everything else that is read from a Secret is always.
 */
export function restOf(push: PushSecret, now: number): number | undefined {
  const { metadata, spec, status = {} } = push;
  const ready = status.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') === true;
  const at = Date.parse(status.refreshTime ?? '');
  if (spec.selector.generatorRef === undefined || !ready || Number.isNaN(at)) return undefined;
  if (status.syncedResourceVersion !== syncedVersion(metadata) || at > now) return undefined;
  const interval = intervalOf(push);
  if (interval === undefined) return 0;
  return at + interval > now ? at + interval - now : undefined;
}

/** Whether it follows its Secret; what is pushed once does not. */
export function isPeriodic(push: PushSecret): boolean {
  try {
    return intervalOf(push) !== undefined;
  } catch {
    // No duration: the look at it says so.
    return false;
  }
}
