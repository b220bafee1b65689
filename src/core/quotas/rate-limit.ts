/** What a rate limit quota says, and which of several a request is counted by. Pure. */
import type { WindowRule } from '../../lib/threads/shared-windows.ts';

/** By whom requests are counted: `entity_then_…`, and for those without an entity the other. */
export const groupings = ['ip', 'none', 'entity_then_ip', 'entity_then_none'] as const;
export type Grouping = (typeof groupings)[number];

/** As stored and shown. Durations in seconds. */
export interface RateLimit {
  readonly name: string;
  /** A path from the root namespace on: empty for all, a namespace's or a mount's with its closing slash, a path, or one with `*` at its end. */
  readonly path: string;
  readonly role: string;
  /** Requests in an interval; a fraction counts as one more. */
  readonly rate: number;
  readonly interval: number;
  readonly blockInterval: number;
  /** Of a namespace's quota: whether it holds in those below it too. */
  readonly inheritable: boolean;
  readonly groupBy: Grouping;
  /** Of requests without an entity, where those with one are counted by it; 0: `rate`. */
  readonly secondaryRate: number;
}

export interface Counted {
  /** From the root namespace on. */
  readonly path: string;
  /** The path of its namespace, with its closing slash; empty for the root one. */
  readonly namespace: string;
  /** The path of its mount, from the root namespace on. */
  readonly mount: string | undefined;
  /** The role that it logs in by. Asked for where a quota names one. */
  readonly role: () => string | undefined;
  readonly address: string;
  readonly entity: string;
}

const roleKey = (path: string, role: string): string => `${path}\0${role}`;

/** Quotas in the order in which one is looked for: a role's, a path's, then the longest that the path begins with. */
export class RateLimits {
  readonly #roles = new Map<string, RateLimit>();
  readonly #mountsWithRoles = new Set<string>();
  readonly #exact = new Map<string, RateLimit>();
  readonly #prefixes: readonly (readonly [prefix: string, quota: RateLimit])[];

  constructor(quotas: readonly RateLimit[]) {
    const prefixes: (readonly [string, RateLimit])[] = [];
    for (const quota of quotas) {
      const { path, role } = quota;
      if (role !== '') {
        this.#roles.set(roleKey(path, role), quota);
        this.#mountsWithRoles.add(path);
      } else if (path === '' || path.endsWith('/')) prefixes.push([path, quota]);
      else if (path.endsWith('*')) prefixes.push([path.slice(0, -1), quota]);
      else this.#exact.set(path, quota);
    }
    this.#prefixes = prefixes.sort(([a], [b]) => b.length - a.length);
  }

  get size(): number {
    return this.#roles.size + this.#exact.size + this.#prefixes.length;
  }

  for({ path, namespace, mount, role }: Counted): RateLimit | undefined {
    const named = mount !== undefined && this.#mountsWithRoles.has(mount) ? role() : undefined;
    const ofRole = named === undefined ? undefined : this.#roles.get(roleKey(mount ?? '', named));
    if (ofRole !== undefined) return ofRole;
    // Paths are served with a closing slash too, and lists always have one: it must not lead around a quota.
    const exact = this.#exact.get(path.endsWith('/') ? path.slice(0, -1) : path);
    if (exact !== undefined) return exact;
    return this.#prefixes.find(([prefix, quota]) => path.startsWith(prefix) && holdsIn(quota, namespace))?.[1];
  }
}

/** The quota of a namespace holds below it where it is inheritable; that of all always does. */
function holdsIn({ path, inheritable }: RateLimit, namespace: string): boolean {
  const ofNamespace = namespace !== '' && path.endsWith('/') && namespace.startsWith(path);
  return !ofNamespace || inheritable || namespace === path;
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
