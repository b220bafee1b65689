/**
 * Secrets that are gone at their stores, and whether that is believed: what is gone for the grace period is; many of one store
 * together are not, until somebody says so. A store that was emptied by mistake, or restored from an old copy, looks the same
 * as one that somebody cleaned up.
 */
export interface LossRule {
  /** Milliseconds that a secret must be gone. */
  readonly grace: number;
  /** More than so many of one store … */
  readonly objects: number;
  /** … and more than this share of those that read it, from 0 to 1 … */
  readonly share: number;
  /** … within so many milliseconds. */
  readonly window: number;
}

export interface LossesOptions {
  readonly rule: LossRule;
  /** How many ExternalSecrets read the store. */
  readonly readers: (store: string) => number;
  readonly now: () => number;
}

export interface Loss {
  /** The ExternalSecret. */
  readonly key: string;
  readonly stores: readonly string[];
  /** By its status, in milliseconds since the epoch; undefined: it was there when it was looked at last. */
  readonly since: number | undefined;
  /** Losses up to this moment are meant, somebody has said. */
  readonly confirmed: number | undefined;
}

export type Verdict =
  | { readonly do: 'believe' }
  /** Until then. */
  | { readonly do: 'wait'; readonly since: number; readonly until: number }
  | { readonly do: 'hold'; readonly since: number; readonly store: string; readonly lost: number };

interface Known {
  readonly stores: readonly string[];
  readonly since: number;
  /** When it was believed; undefined: it is not yet. */
  believed: number | undefined;
}

export class Losses {
  readonly #options: LossesOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  /** What a status says of one, for a controller that has just begun: it counts before it is looked at. */
  remember({ key, stores, since }: Pick<Loss, 'key' | 'stores'> & { readonly since: number }): void {
    if (!this.#known.has(key)) this.#known.set(key, { stores, since, believed: undefined });
  }

  /** It is there again, or nobody asks for it any more. */
  forget(key: string): void {
    if (this.#known.get(key)?.believed === undefined) this.#known.delete(key);
  }

  judge({ key, stores, since, confirmed }: Loss): Verdict {
    const { rule, now } = this.#options;
    const before = this.#known.get(key);
    const first = before?.believed === undefined ? (before?.since ?? since ?? now()) : now();
    const known: Known = { stores, since: first, believed: undefined };
    this.#known.set(key, known);
    if (confirmed === undefined || confirmed < first) {
      const held = this.#holding(stores);
      if (held !== undefined) return { do: 'hold', since: first, ...held };
      if (first + rule.grace > now()) return { do: 'wait', since: first, until: first + rule.grace };
    }
    known.believed = now();
    return { do: 'believe' };
  }

  /** Not believed yet. */
  get pending(): number {
    return [...this.#known.values()].filter(({ believed }) => believed === undefined).length;
  }

  /** Stores that lost too many at once. */
  get holding(): readonly string[] {
    const stores = new Set([...this.#known.values()].flatMap((known) => known.stores));
    return [...stores].filter((store) => this.#holding([store]) !== undefined);
  }

  #holding(stores: readonly string[]): { readonly store: string; readonly lost: number } | undefined {
    const { rule, readers } = this.#options;
    this.#sweep();
    for (const store of stores) {
      const lost = [...this.#known.values()].filter((known) => known.stores.includes(store)).length;
      if (lost > rule.objects && lost > rule.share * readers(store)) return { store, lost };
    }
    return undefined;
  }

  #sweep(): void {
    const from = this.#options.now() - this.#options.rule.window;
    for (const [key, { believed }] of this.#known)
      if (believed !== undefined && believed < from) this.#known.delete(key);
  }
}
