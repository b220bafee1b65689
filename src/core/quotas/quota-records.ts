/** How quotas of one kind lie in the shared records: one each, by name. */
import { fail } from '../../errors.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Batch, Snapshot, Store, Transaction } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { QuotaPlace } from './applicable.ts';

/** Of one kind. */
const MOST_QUOTAS = 10_000;

export class QuotaRecords<Q extends QuotaPlace> {
  /** Where their keys begin. */
  readonly area: string;
  readonly #store: Store;

  constructor(store: Store, area: string) {
    this.#store = store;
    this.area = area;
  }

  /** Whether the batch changes one. */
  in({ writes }: Batch): boolean {
    return writes.some(({ key }) => key.startsWith(this.area));
  }

  all(): readonly Q[] {
    using snapshot = this.#store.snapshot();
    return this.#allIn(snapshot);
  }

  #allIn(from: Pick<Snapshot | Transaction, 'get' | 'list'>): readonly Q[] {
    return [...everyKey(from, this.area)].flatMap((key) => recordAt<Q>(from, key) ?? []);
  }

  get(name: string): Q | undefined {
    return recordAt<Q>(this.#store, this.area + name);
  }

  /** Throws `badRequest` when another has the same path and role, or there are too many. */
  async put(quota: Q): Promise<void> {
    await this.#store.transact((tx) => {
      const others = this.#allIn(tx).filter(({ name }) => name !== quota.name);
      const same = others.find(({ path, role }) => path === quota.path && role === quota.role);
      if (same !== undefined) {
        throw fail('badRequest', `quota rule with similar properties exists under the name "${same.name}"`);
      }
      if (others.length >= MOST_QUOTAS) throw fail('badRequest', 'there are too many quotas');
      tx.put(this.area + quota.name, encodeRecord(quota));
    });
  }

  async delete(name: string): Promise<void> {
    await this.#store.transact((tx) => {
      tx.delete(this.area + name);
    });
  }
}

/** Quotas of a mount, and of paths in it, follow it to its new path. Both paths are from the root namespace on. */
export function followMount(tx: Transaction, from: string, to: string): void {
  for (const area of [keys.rateLimits, keys.leaseCountQuotas]) {
    for (const key of [...everyKey(tx, area)]) {
      const quota = recordAt<QuotaPlace>(tx, key);
      if (quota?.path.startsWith(from) !== true) continue;
      tx.put(key, encodeRecord({ ...quota, path: to + quota.path.slice(from.length) }));
    }
  }
}
