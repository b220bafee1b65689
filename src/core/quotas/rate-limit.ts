/** What a rate limit quota says, and with whom a request is counted. Pure. */
import type { WindowRule } from '../../lib/threads/shared-windows.ts';
import type { Placed, QuotaPlace } from './applicable.ts';

/** By whom requests are counted: `entity_then_…`, and for those without an entity the other. */
export const groupings = ['ip', 'none', 'entity_then_ip', 'entity_then_none'] as const;
export type Grouping = (typeof groupings)[number];

/** As stored and shown. Durations in seconds. */
export interface RateLimit extends QuotaPlace {
  /** Requests in an interval; a fraction counts as one more. */
  readonly rate: number;
  readonly interval: number;
  readonly blockInterval: number;
  readonly groupBy: Grouping;
  /** Of requests without an entity, where those with one are counted by it; 0: `rate`. */
  readonly secondaryRate: number;
}

export interface Counted extends Placed {
  readonly address: string;
  readonly entity: string;
}

/** Who shares a window, and how many uses it has. */
export function windowFor(quota: RateLimit, { address, entity }: Counted): { key: string; rule: WindowRule } {
  const { name, groupBy, rate, secondaryRate, interval, blockInterval } = quota;
  const byEntity = groupBy.startsWith('entity') && entity !== '';
  const alone = groupBy === 'none' || groupBy === 'entity_then_none';
  const who = byEntity ? `entity:${entity}` : alone ? 'all' : `ip:${networkOf(address)}`;
  const allowed = groupBy.startsWith('entity') && !byEntity && secondaryRate > 0 ? secondaryRate : rate;
  const rule = { limit: Math.ceil(allowed), intervalMs: interval * 1_000, blockMs: blockInterval * 1_000 };
  return { key: `${name}\0${who}`, rule };
}

const groupsOf = (text: string): readonly string[] => text.split(':').filter((group) => group !== '');

/** Whoever has an IPv6 address mostly has all 2^64 of its network (RFC 4291, 2.5.4): they count as one. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const gap = address.indexOf('::');
  if (gap === -1) return groupsOf(address).slice(0, 4).join(':');
  const [left, right] = [groupsOf(address.slice(0, gap)), groupsOf(address.slice(gap))];
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}
