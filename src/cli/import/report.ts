/** What an import did, and what it could not do. */
import { headedTable } from '../table.ts';

export const kinds = [
  'namespace',
  'mount',
  'auth mount',
  'policy',
  'password policy',
  'token role',
  'AppRole role',
  'KV v1 secret',
  'KV v2 settings',
  'KV v2 secret',
  'other',
] as const;
export type Kind = (typeof kinds)[number];

/** `same`: nothing to do. `uncopied`: what no import can copy. `conflict`: it differs, and not only by what we wrote. */
export const outcomes = ['created', 'updated', 'same', 'conflict', 'failed', 'uncopied'] as const;
export type Outcome = (typeof outcomes)[number];

export interface Item {
  readonly kind: Kind;
  readonly path: string;
  readonly outcome: Outcome;
  readonly reason?: string | undefined;
}

const printable = (text: string): string => text.replaceAll(/\p{C}/gu, '\ufffd');

/** Counts everything, and keeps by name what somebody has to look at. */
export class Report {
  readonly #counts = new Map<Kind, Map<Outcome, number>>();
  readonly #kept: Item[] = [];
  readonly #told: (item: Item, total: number) => void;
  readonly #keep: (item: Item) => boolean;
  #total = 0;

  constructor(told: (item: Item, total: number) => void, keep: (item: Item) => boolean) {
    this.#told = told;
    this.#keep = keep;
  }

  /** Names and reasons are other servers' texts: what a terminal would obey does not get into it. */
  add(given: Item): void {
    const reason = given.reason === undefined ? {} : { reason: printable(given.reason) };
    const item = { ...given, path: printable(given.path), ...reason };
    const counts = this.#counts.get(item.kind) ?? new Map<Outcome, number>();
    this.#counts.set(item.kind, counts);
    counts.set(item.outcome, (counts.get(item.outcome) ?? 0) + 1);
    this.#total += 1;
    if (item.reason !== undefined || this.#keep(item)) this.#kept.push(item);
    this.#told(item, this.#total);
  }

  count(...wanted: readonly Outcome[]): number {
    let sum = 0;
    for (const counts of this.#counts.values()) for (const outcome of wanted) sum += counts.get(outcome) ?? 0;
    return sum;
  }

  /** By kind, the outcomes that occurred. */
  get counts(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return Object.fromEntries(
      kinds.flatMap((kind) => {
        const counts = this.#counts.get(kind);
        return counts === undefined ? [] : [[kind, Object.fromEntries(counts)] as const];
      }),
    );
  }

  /** In the order of their paths, whatever order they were worked through in. */
  get items(): readonly Item[] {
    return this.#kept.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }

  /** `names`: what the outcomes are called in this mode. */
  table(names: Readonly<Record<Outcome, string>>): string {
    const shown = outcomes.filter((outcome) => this.count(outcome) > 0);
    const rows = kinds.flatMap((kind) => {
      const counts = this.#counts.get(kind);
      return counts === undefined ? [] : [[kind, ...shown.map((outcome) => String(counts.get(outcome) ?? 0))]];
    });
    const head = headedTable(['What', ...shown.map((outcome) => names[outcome])], rows);
    const items = this.items.map(({ path, outcome, reason }) => [names[outcome], JSON.stringify(path), reason ?? '-']);
    return items.length === 0 ? head : `${head}\n\n${headedTable(['Outcome', 'Path', 'Reason'], items)}`;
  }
}
