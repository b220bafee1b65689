/**
 * Lease count quotas: how many leases and tokens may be there at a time. What is set stands in the shared records, what
 * there is in counts of this node that change with the leases themselves. They are read once, when a quota is first asked,
 * and from then on followed.
 */
import { fail } from '../../errors.ts';
import type { Metrics } from '../../lib/metrics/metrics.ts';
import { decodeRecord, recordAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Batch, Snapshot, Store, Write } from '../../storage/store.ts';
import { keys, namespaceOfKey } from '../keys.ts';
import { ROOT, type Namespace } from '../namespaces/namespace.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { Applicable, type QuotaPlace } from './applicable.ts';
import { placeOfGroup, type GroupCount, type LeaseGroup } from './lease-groups.ts';
import { QuotaRecords } from './quota-records.ts';

export interface LeaseCountQuota extends QuotaPlace {
  readonly maxLeases: number;
}

export interface LeaseCountQuotasOptions {
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  readonly metrics: Metrics;
}

/** A quota, and how many there are of what it bounds. */
export interface LeaseUsage {
  readonly quota: LeaseCountQuota;
  readonly counter: number;
}

interface Use {
  readonly quota: LeaseCountQuota;
  /** On disk. */
  there: number;
  /** Being made: they are on disk soon, or never. */
  coming: number;
}

/** What one count adds to. */
interface Share {
  readonly use: Use;
  count: number;
}

const AREAS = ['lease-groups', 'token-groups'] as const;

const FREE: Disposable = { [Symbol.dispose]: () => undefined };

/** How many there are of everything that a quota bounds. Made anew when a quota changes. */
class Usage {
  readonly #applicable: Applicable<LeaseCountQuota>;
  readonly #uses = new Map<string, Use>();
  /** By the key of the count. */
  readonly #shares = new Map<string, Share>();
  readonly #namespaces: NamespaceTable;

  /** `before`: what is being made goes on. */
  constructor(quotas: readonly LeaseCountQuota[], namespaces: NamespaceTable, before: Usage | undefined) {
    this.#applicable = new Applicable(quotas);
    this.#namespaces = namespaces;
    for (const quota of quotas) {
      this.#uses.set(quota.name, { quota, there: 0, coming: before?.of(quota.name)?.coming ?? 0 });
    }
  }

  get size(): number {
    return this.#uses.size;
  }

  of(name: string): Use | undefined {
    return this.#uses.get(name);
  }

  all(): readonly Use[] {
    return [...this.#uses.values()];
  }

  for(group: LeaseGroup, namespace: string): Use | undefined {
    const quota = this.#applicable.for(placeOfGroup(group, namespace));
    return quota === undefined ? undefined : this.#uses.get(quota.name);
  }

  load(snapshot: Snapshot): void {
    for (const { id } of [ROOT, ...this.#namespaces.all()]) {
      // Nothing is made there, and it is counted when it is unsealed.
      if (!this.#namespaces.isReadable(id)) continue;
      for (const area of [keys.leaseGroups(id), keys.tokenGroups(id)]) {
        for (const key of everyKey(snapshot, area)) this.set(key, id, recordAt<GroupCount>(snapshot, key));
      }
    }
  }

  /** `found`: the count as it is now. */
  set(key: string, namespace: string, found: GroupCount | undefined): void {
    const share = this.#shares.get(key) ?? this.#shareOf(namespace, found);
    if (share === undefined) return;
    const count = found?.count ?? 0;
    share.use.there += count - share.count;
    share.count = count;
    if (found === undefined) this.#shares.delete(key);
    else this.#shares.set(key, share);
  }

  #shareOf(namespace: string, group: GroupCount | undefined): Share | undefined {
    const path = this.#namespaces.byId(namespace)?.path;
    const use = group === undefined || path === undefined ? undefined : this.for(group, path);
    return use === undefined ? undefined : { use, count: 0 };
  }
}

/** The key comes first: to ask for a value decrypts it, and every commit comes by here. */
function countOf(write: Write): GroupCount | undefined {
  if (write.decoded !== undefined) return write.decoded.record as GroupCount;
  return write.value === undefined ? undefined : decodeRecord<GroupCount>(write.value, write.key);
}

export class LeaseCountQuotas implements Disposable {
  readonly records: QuotaRecords<LeaseCountQuota>;
  readonly #options: LeaseCountQuotasOptions;
  readonly #observation: Disposable;
  #usage: Usage | undefined;
  #stale = true;

  constructor(options: LeaseCountQuotasOptions) {
    this.#options = options;
    this.records = new QuotaRecords(options.store, keys.leaseCountQuotas);
    this.#observation = options.store.observe((batch) => {
      this.#follow(batch);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#usage = undefined;
    this.#stale = true;
  }

  #follow(batch: Batch): void {
    if (this.#stale) return;
    if (batch.reread !== undefined || this.records.in(batch)) {
      this.#stale = true;
      return;
    }
    if (this.#usage === undefined || this.#usage.size === 0) return;
    for (const write of batch.writes) {
      const { key } = write;
      const namespace = AREAS.map((area) => namespaceOfKey(key, 'l', area)).find((found) => found !== undefined);
      if (namespace !== undefined) this.#usage.set(key, namespace, countOf(write));
    }
  }

  #current(): Usage {
    if (!this.#stale && this.#usage !== undefined) return this.#usage;
    const { store, namespaces } = this.#options;
    const made = new Usage(this.records.all(), namespaces, this.#usage);
    if (made.size > 0) {
      using snapshot = store.snapshot();
      made.load(snapshot);
    }
    this.#usage = made;
    this.#stale = false;
    return made;
  }

  /**
   * A place for one more of the group, until it is on disk or was not made. Throws `tooManyRequests` where the quota is used
   * up. Places that are held count, so that many at a time get no more than one by one.
   */
  reserve({ path }: Pick<Namespace, 'path'>, group: LeaseGroup | undefined): Disposable {
    const usage = this.#current();
    const use = usage.size === 0 || group === undefined ? undefined : usage.for(group, path);
    if (use === undefined || group === undefined) return FREE;
    const { name, maxLeases } = use.quota;
    if (use.there + use.coming >= maxLeases) {
      const help = 'Requests refused by a lease count quota.';
      this.#options.metrics.counter('vault.quota.lease_count.violation', help, { name }).add();
      const asked = `request path "${path}${group.path}": lease count quota exceeded`;
      throw fail('tooManyRequests', `${asked}: "${name}" allows ${String(maxLeases)}, revoke some or raise max_leases`);
    }
    use.coming += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        // The quotas may have changed meanwhile: what was held then is carried on by name.
        const now = this.#usage?.of(name);
        if (now !== undefined && now.coming > 0) now.coming -= 1;
      },
    };
  }

  /** The quota that counts the group. undefined: none. */
  nameFor({ path }: Pick<Namespace, 'path'>, group: LeaseGroup): string | undefined {
    return this.#current().for(group, path)?.quota.name;
  }

  /** How many there are of what a quota bounds. 0 for one that does not exist. */
  counter(name: string): number {
    return this.#current().of(name)?.there ?? 0;
  }

  usage(): readonly LeaseUsage[] {
    return this.#current()
      .all()
      .map(({ quota, there }) => ({ quota, counter: there }));
  }
}

/** Throw, and are left out, while the node is sealed. */
export function leaseCountGauges(metrics: Metrics, quotas: () => LeaseCountQuotas): void {
  const each = (value: (usage: LeaseUsage) => number) => () =>
    quotas()
      .usage()
      .map((usage) => ({ labels: { name: usage.quota.name }, value: value(usage) }));
  metrics.gauge(
    'vault.quota.lease_count.counter',
    'Leases and tokens that a quota counts.',
    each(({ counter }) => counter),
  );
  metrics.gauge(
    'vault.quota.lease_count.max',
    'Leases and tokens that a quota allows.',
    each(({ quota }) => quota.maxLeases),
  );
}
