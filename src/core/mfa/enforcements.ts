/**
 * Which logins need a second factor. What a namespace says holds in those below it too. Records are kept in memory, by
 * namespace, and dropped by the change batches: each login asks.
 */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { defined } from '../../lib/defined.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { checkName } from '../identity/records.ts';
import { namespaceOfKey } from '../keys.ts';
import { assertThere } from '../namespaces/namespace-changes.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { upwards } from './methods.ts';
import { mfaKeys } from './mfa-keys.ts';
import type { EnforcementRecord } from './records.ts';

const LISTS = ['methods', 'accessors', 'types', 'groups', 'entities'] as const;

/** What is undefined stays, or is empty of a new one. */
export type EnforcementChange = { readonly [L in (typeof LISTS)[number]]?: readonly string[] | undefined };

export interface FoundEnforcement {
  readonly namespace: Namespace;
  readonly record: EnforcementRecord;
}

const MOST = 1_000;

const NOTHING: Omit<EnforcementRecord, 'id' | 'name'> = {
  methods: [],
  accessors: [],
  types: [],
  groups: [],
  entities: [],
};

function changed(before: EnforcementRecord | undefined, name: string, change: EnforcementChange): EnforcementRecord {
  const record = { ...(before ?? { id: uuid(), ...NOTHING }), name, ...defined(change) };
  const [, ...whose] = LISTS.map((list) => record[list]);
  if (record.methods.length === 0) throw fail('badRequest', 'missing method ids');
  if (whose.every((each) => each.length === 0)) {
    throw fail(
      'badRequest',
      'One of auth_method_accessors, auth_method_types, identity_group_ids, identity_entity_ids must be specified',
    );
  }
  if (LISTS.some((list) => record[list].length > MOST)) {
    throw fail('badRequest', `a list of more than ${String(MOST)}: make several enforcements of it`);
  }
  return record;
}

export class Enforcements implements Disposable {
  readonly #store: Store;
  readonly #namespaces: NamespaceTable;
  readonly #known = new Map<string, readonly EnforcementRecord[]>();
  readonly #observation: Disposable;

  constructor(store: Store, namespaces: NamespaceTable) {
    this.#store = store;
    this.#namespaces = namespaces;
    this.#observation = store.observe(({ writes, reread }) => {
      if (reread !== undefined) this.#known.clear();
      for (const { key } of writes) {
        const namespace = namespaceOfKey(key, 's', 'login-enforcements');
        if (namespace !== undefined) this.#known.delete(namespace);
      }
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#known.clear();
  }

  get({ id }: Namespace, name: string): EnforcementRecord | undefined {
    return recordAt<EnforcementRecord>(this.#store, mfaKeys(id).enforcement(name));
  }

  /** Of the namespace itself, in the order of their names. */
  of({ id }: Namespace): readonly EnforcementRecord[] {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    using snapshot = this.#store.snapshot();
    const found = [...everyKey(snapshot, mfaKeys(id).enforcements)]
      .map((key) => recordAt<EnforcementRecord>(snapshot, key))
      .filter((record) => record !== undefined);
    this.#known.set(id, found);
    return found;
  }

  /** What holds for logins in the namespace: its own, then those of each one above it. */
  over(namespace: Namespace): readonly FoundEnforcement[] {
    return upwards(this.#namespaces, namespace).flatMap((each) =>
      this.of(each).map((record) => ({ namespace: each, record })),
    );
  }

  /** `check` looks at what it names, in the transaction, and throws. */
  async put(
    namespace: Namespace,
    name: string,
    change: EnforcementChange,
    check: (record: EnforcementRecord, tx: Transaction) => void,
  ): Promise<void> {
    checkName('name of the enforcement', name);
    const key = mfaKeys(namespace.id).enforcement(name);
    await this.#store.transact((tx) => {
      assertThere(tx, namespace);
      const record = changed(recordAt<EnforcementRecord>(tx, key), name, change);
      check(record, tx);
      tx.put(key, encodeRecord(record));
    });
  }

  async delete({ id }: Namespace, name: string): Promise<void> {
    await this.#store.transact((tx) => {
      tx.delete(mfaKeys(id).enforcement(name));
    });
  }
}

/** Of a mount that moves: an enforcement that names it holds where it goes too. Throws `badRequest`. */
export function assertStillAsked(
  tx: Transaction,
  namespaces: NamespaceTable,
  { accessor }: { readonly accessor: string },
  { from, to }: { readonly from: string; readonly to: string },
): void {
  const there = new Set(idsUpwards(namespaces, to));
  for (const id of idsUpwards(namespaces, from).filter((each) => !there.has(each))) {
    for (const key of everyKey(tx, mfaKeys(id).enforcements)) {
      const record = recordAt<EnforcementRecord>(tx, key);
      if (record?.accessors.includes(accessor) !== true) continue;
      throw fail(
        'badRequest',
        `the login enforcement "${record.name}" of namespace "${namespaces.byId(id)?.path ?? ''}" names this auth mount, ` +
          'and would not hold where it goes: take its accessor out of it first',
      );
    }
  }
}

function idsUpwards(namespaces: NamespaceTable, id: string): readonly string[] {
  const namespace = namespaces.byId(id);
  return namespace === undefined ? [] : upwards(namespaces, namespace).map((each) => each.id);
}
