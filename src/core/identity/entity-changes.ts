/** Changes of entities and their aliases: each is one transaction on the shared class. */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { defined } from '../../lib/defined.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { assertThere } from '../namespaces/namespace-changes.ts';
import { EntityWrites } from './entity-records.ts';
import type { IdentityStore } from './identity-store.ts';
import { checkMetadata, checkName, identityPolicies, type EntityRecord, type Metadata } from './records.ts';

/** What is undefined stays, or is empty of a new entity. */
export interface EntityChange {
  readonly name?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly policies?: readonly string[] | undefined;
  readonly disabled?: boolean | undefined;
}

export interface Written {
  readonly record: EntityRecord;
  readonly made: boolean;
}

export interface ChangeOptions {
  readonly store: Store;
  readonly identities: IdentityStore;
  readonly now: () => number;
}

export function newEntity(id: string, name: string, now: number): EntityRecord {
  return {
    ...{ id, name, metadata: null, policies: [], disabled: false },
    ...{ createdAt: now, updatedAt: now, aliases: [], mergedIds: [] },
  };
}

function checked({ name, metadata, policies, disabled }: EntityChange) {
  return defined({
    name: name === undefined ? undefined : checkName('name of the entity', name),
    metadata: metadata === undefined ? undefined : checkMetadata(metadata),
    policies: policies === undefined ? undefined : identityPolicies(policies),
    disabled,
  });
}

export class EntityChanges {
  readonly #options: ChangeOptions;

  constructor(options: ChangeOptions) {
    this.#options = options;
  }

  /** In one namespace. */
  async change<T>(namespace: string, work: (writes: EntityWrites, tx: Transaction) => T): Promise<T> {
    const { value } = await this.#options.store.transact((tx) => {
      assertThere(tx, { id: namespace });
      return work(new EntityWrites(tx, namespace), tx);
    });
    return value;
  }

  /** The entity of the id, or of the name in the change, or a new one. Throws `badRequest` when none has the id. */
  put(namespace: string, id: string | undefined, change: EntityChange): Promise<Written> {
    const clean = checked(change);
    const now = this.#options.now();
    return this.change(namespace, (writes) => {
      const known = id ?? (clean.name === undefined ? undefined : writes.idOf(clean.name));
      const before = known === undefined ? undefined : writes.entity(known);
      if (known !== undefined && before === undefined) throw fail('badRequest', 'entity not found from id');
      const base = before ?? this.#unnamed(writes, clean.name, now);
      // Who writes a name in another case updates the entity and does not rename it, unless the id says which is meant.
      const name = id === undefined ? base.name : (clean.name ?? base.name);
      const record = { ...base, ...clean, name, updatedAt: now };
      writes.put(before, record);
      return { record, made: before === undefined };
    });
  }

  #unnamed(writes: EntityWrites, name: string | undefined, now: number): EntityRecord {
    const id = uuid();
    return newEntity(id, name ?? writes.freeName(id), now);
  }

  /** Those of the ids that there are, with their memberships in groups. */
  delete(namespace: string, ids: readonly string[]): Promise<void> {
    return this.change(namespace, (writes) => {
      const gone = new Set<string>();
      for (const id of new Set(ids)) {
        const record = writes.entity(id);
        if (record === undefined) continue;
        writes.remove(record);
        gone.add(id);
      }
      this.leaveGroups(namespace, writes, gone);
    });
  }

  /** `heir` takes their place where there is one. Each group is written once: it may have all of them, and many more. */
  leaveGroups(namespace: string, writes: EntityWrites, ids: ReadonlySet<string>, heir?: string): void {
    const now = this.#options.now();
    const index = this.#options.identities.groups(namespace);
    const groups = new Set([...ids].flatMap((id) => index.direct(id).map((group) => group.id)));
    for (const group of groups) writes.replaceMembers(group, ids, heir, now);
  }
}
