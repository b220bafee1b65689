/** Where a quota holds, and which of several holds for a request or a lease. The same for all kinds of quotas. Pure. */
export interface QuotaPlace {
  readonly name: string;
  /** A path from the root namespace on: empty for all, a namespace's or a mount's with its closing slash, a path, or one with `*` at its end. */
  readonly path: string;
  readonly role: string;
  /** Of a namespace's quota: whether it holds in those below it too. */
  readonly inheritable: boolean;
}

/** What a quota is looked for. */
export interface Placed {
  /** From the root namespace on. */
  readonly path: string;
  /** The path of its namespace, with its closing slash; empty for the root one. */
  readonly namespace: string;
  /** The path of its mount, from the root namespace on. */
  readonly mount: string | undefined;
  /** The role that it logs in by. Asked for where a quota names one. */
  readonly role: () => string | undefined;
}

const roleKey = (path: string, role: string): string => `${path}\0${role}`;

/** Quotas in the order in which one is looked for: a role's, a path's, then the longest that the path begins with. */
export class Applicable<Q extends QuotaPlace> {
  readonly #roles = new Map<string, Q>();
  readonly #mountsWithRoles = new Set<string>();
  readonly #exact = new Map<string, Q>();
  readonly #prefixes: readonly (readonly [prefix: string, quota: Q])[];

  constructor(quotas: readonly Q[]) {
    const prefixes: (readonly [string, Q])[] = [];
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

  for({ path, namespace, mount, role }: Placed): Q | undefined {
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
function holdsIn({ path, inheritable }: QuotaPlace, namespace: string): boolean {
  const ofNamespace = namespace !== '' && path.endsWith('/') && namespace.startsWith(path);
  return !ofNamespace || inheritable || namespace === path;
}
