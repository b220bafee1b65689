/**
 * Who is who, as every thread reads it: records from the store, and what follows from them in memory. What follows is
 * dropped by the change batches, like every cache.
 */
import { BoundedMap } from '../../lib/bounded-map.ts';
import { decodeFound, recordAt, textAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Batch, Snapshot, Store } from '../../storage/store.ts';
import { GroupIndex } from './group-index.ts';
import { identityChange, identityKeys } from './identity-keys.ts';
import { groupsOnceSaid, saidGroups, type SaidNow } from './said-groups.ts';
import type { EntityRecord, GroupRecord } from './records.ts';

/** An entity with all that it has by its groups. Never changed: when anything of it changes there is another one. */
export interface Identity {
  readonly namespace: string;
  readonly record: EntityRecord;
  /** Groups that name it, and all groups that these lie in too, in the order of their names. */
  readonly direct: readonly GroupRecord[];
  readonly groups: readonly GroupRecord[];
  /** Its own policies and those of its groups, sorted, each once. */
  readonly policies: readonly string[];
}

/** Entities in memory. */
const CACHE_LIMIT = 20_000;

/** What the hub says first. */
const CLASSES = ['s', 'l'] as const;

type Reads = Pick<Snapshot, 'get'>;

export class IdentityStore implements Disposable {
  readonly #store: Store;
  /** By id alone, which no two namespaces share: no text is made for each request. */
  readonly #identities = new BoundedMap<string, Identity>(CACHE_LIMIT);
  /** Ids of entities by the key of the factor that logins have. */
  readonly #byFactor = new BoundedMap<string, string>(CACHE_LIMIT);
  /** By namespace, read when they are first asked for. */
  readonly #groups = new Map<string, GroupIndex>();
  readonly #observation: Disposable;

  constructor(store: Store) {
    this.#store = store;
    this.#observation = store.observe((batch) => {
      if (batch.reread !== undefined) this.#forgetAll();
      this.#follow(batch);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#forgetAll();
  }

  #forgetAll(): void {
    this.#identities.clear();
    this.#byFactor.clear();
    this.#groups.clear();
  }

  #follow({ writes }: Batch): void {
    for (const write of writes) {
      const [cls, namespace, below] = identityChange(write.key) ?? [];
      if (cls === undefined || namespace === undefined || below === undefined) continue;
      this.#byFactor.delete(write.key);
      if (below.startsWith('entity/id/')) this.#forget(below.slice('entity/id/'.length), write.value);
      else if (below.startsWith('entity/former/')) this.#forget(below.slice('entity/former/'.length));
      else if (below.startsWith('said/')) this.#forgetCurrent(namespace, below.slice('said/'.length));
      else if (cls === 's' && below.startsWith('group/id/')) {
        this.#groups
          .get(namespace)
          ?.apply(below.slice('group/id/'.length), decodeFound<GroupRecord>(write.value, write.key));
        // Through groups within groups it may be anybody's.
        this.#identities.clear();
      }
    }
  }

  #forget(id: string, value?: Uint8Array): void {
    this.#identities.delete(id);
    for (const former of decodeFound<EntityRecord>(value)?.mergedIds ?? []) {
      this.#identities.delete(former);
    }
  }

  /** Under its id, and under those that it had before. */
  #forgetCurrent(namespace: string, id: string): void {
    const current = currentEntity(this.#store, namespace, id);
    for (const each of [id, ...(current === undefined ? [] : [current.id, ...current.mergedIds])]) {
      this.#identities.delete(each);
    }
  }

  groups(namespace: string): GroupIndex {
    const known = this.#groups.get(namespace);
    if (known !== undefined) return known;
    const made = new GroupIndex();
    const { groups } = identityKeys(namespace);
    using snapshot = this.#store.snapshot();
    for (const key of everyKey(snapshot, groups)) {
      made.apply(key.slice(groups.length), recordAt<GroupRecord>(snapshot, key));
    }
    this.#groups.set(namespace, made);
    return made;
  }

  /** Entities in memory. */
  get cached(): number {
    return this.#identities.size;
  }

  /** Of an entity, or of the one that it was merged into; undefined when there is none in that namespace. */
  identity(namespace: string, id: string): Identity | undefined {
    const known = this.#identities.get(id);
    if (known?.namespace === namespace) return known;
    const record = currentEntity(this.#store, namespace, id);
    if (record === undefined) return undefined;
    const made = this.withGroups(namespace, record, this.direct(namespace, record));
    this.#identities.set(id, made);
    return made;
  }

  /** What an entity is with these groups and all that they lie in. */
  withGroups(namespace: string, record: EntityRecord, direct: readonly GroupRecord[]): Identity {
    const groups = this.groups(namespace).withParents(direct);
    const policies = [...new Set([record, ...groups].flatMap((each) => each.policies))].sort();
    return { namespace, record, direct, groups, policies };
  }

  /** What an entity would be, known or not, as this record and once `said` is said of its groups. Nothing is kept. */
  foreseen(namespace: string, record: EntityRecord, said: SaidNow | undefined): Identity {
    if (said === undefined) return this.withGroups(namespace, record, this.direct(namespace, record));
    const factors = groupsOnceSaid(this.#store, record, namespace, said);
    return this.withGroups(namespace, record, this.#directBy(namespace, record, factors));
  }

  /** Of the entity: groups that name it, and those that an auth method says it is in, in the order of their names. */
  direct(namespace: string, { id, mergedIds }: Pick<EntityRecord, 'id' | 'mergedIds'>): readonly GroupRecord[] {
    const said = [id, ...mergedIds].flatMap((each) => saidGroups(this.#store, namespace, each));
    return this.#directBy(namespace, { id, mergedIds }, said);
  }

  #directBy(
    namespace: string,
    { id, mergedIds }: Pick<EntityRecord, 'id' | 'mergedIds'>,
    said: readonly string[],
  ): readonly GroupRecord[] {
    const { groupFactor } = identityKeys(namespace);
    const external = said.flatMap((factor) => textAt(this.#store, groupFactor(factor)) ?? []);
    return this.groups(namespace).direct(id, mergedIds, external);
  }

  /** Not of one that was merged. */
  entity(namespace: string, id: string): EntityRecord | undefined {
    return sharedEntity(this.#store, namespace, id);
  }

  entityByName(namespace: string, name: string): EntityRecord | undefined {
    const found = recordAt<NameEntry>(this.#store, identityKeys(namespace).entityName(name));
    return found === undefined ? undefined : this.entity(namespace, found.id);
  }

  entityByAliasId(namespace: string, alias: string): EntityRecord | undefined {
    const id = textAt(this.#store, identityKeys(namespace).alias(alias));
    return id === undefined ? undefined : this.entity(namespace, id);
  }

  /** As the function of that name, from memory. */
  entityByFactor(namespace: string, factor: string): EntityRecord | undefined {
    for (const cls of CLASSES) {
      const id = this.#idByFactor(identityKeys(namespace, cls).factor(factor));
      const found = id === undefined ? undefined : this.identity(namespace, id)?.record;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #idByFactor(key: string): string | undefined {
    const known = this.#byFactor.get(key);
    if (known !== undefined) return known;
    const id = textAt(this.#store, key);
    if (id === undefined) return undefined;
    this.#byFactor.set(key, id);
    return id;
  }

  group(namespace: string, id: string): GroupRecord | undefined {
    return this.groups(namespace).get(id);
  }

  groupByName(namespace: string, name: string): GroupRecord | undefined {
    const found = recordAt<NameEntry>(this.#store, identityKeys(namespace).groupName(name));
    return found === undefined ? undefined : this.group(namespace, found.id);
  }

  groupByAliasId(namespace: string, alias: string): GroupRecord | undefined {
    const id = textAt(this.#store, identityKeys(namespace).groupAlias(alias));
    return id === undefined ? undefined : this.group(namespace, id);
  }

  groupByFactor(namespace: string, factor: string): GroupRecord | undefined {
    const id = textAt(this.#store, identityKeys(namespace).groupFactor(factor));
    return id === undefined ? undefined : this.group(namespace, id);
  }
}

/** What a name leads to. */
export interface NameEntry {
  /** As it was written. */
  readonly name: string;
  readonly id: string;
}

const sharedEntity = (from: Reads, namespace: string, id: string): EntityRecord | undefined =>
  recordAt<EntityRecord>(from, identityKeys(namespace).entity(id));

/** The hub's word goes before what this region made for itself: also that an entity is no more. */
function currentEntity(from: Reads, namespace: string, id: string): EntityRecord | undefined {
  const shared = sharedEntity(from, namespace, id);
  if (shared !== undefined) return shared;
  const heir = textAt(from, identityKeys(namespace).former(id));
  if (heir === undefined) return recordAt<EntityRecord>(from, identityKeys(namespace, 'l').entity(id));
  return heir === '' ? undefined : sharedEntity(from, namespace, heir);
}

export function entityByFactor(from: Reads, namespace: string, factor: string): EntityRecord | undefined {
  for (const cls of CLASSES) {
    const id = textAt(from, identityKeys(namespace, cls).factor(factor));
    const found = id === undefined ? undefined : currentEntity(from, namespace, id);
    if (found !== undefined) return found;
  }
  return undefined;
}
