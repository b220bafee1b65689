/** Changes of entities' aliases: which login is whose. */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import type { MountRecord } from '../mounts/mount.ts';
import { newEntity, type EntityChanges } from './entity-changes.ts';
import type { EntityWrites } from './entity-records.ts';
import {
  checkAliasName,
  checkMetadata,
  sameMetadata,
  type AliasRecord,
  type EntityRecord,
  type Metadata,
} from './records.ts';

/** The mount and the name that an alias stands for, and what it is found by. */
export interface AliasPlace {
  readonly mount: MountRecord;
  readonly name: string;
  readonly factor: string;
}

export interface AliasChange {
  /** Where a new alias stands, or this one is to stand. */
  readonly place?: AliasPlace | undefined;
  /** The entity that is to have it. */
  readonly entity?: string | undefined;
  readonly customMetadata?: Metadata | undefined;
}

export interface WrittenAlias {
  readonly id: string;
  readonly entity: string;
  /** It was so before: nothing is written. */
  readonly same?: true;
}

interface Move {
  readonly owner: EntityRecord;
  readonly before: AliasRecord;
  readonly target: EntityRecord;
  readonly after: AliasRecord;
}

const fieldsOf = ({ mount, name, factor }: AliasPlace) => ({
  name: checkAliasName(name),
  mount: mount.uuid,
  accessor: mount.accessor,
  factor,
});

export class AliasChanges {
  readonly #entities: EntityChanges;
  readonly #now: () => number;

  constructor(entities: EntityChanges, now: () => number) {
    this.#entities = entities;
    this.#now = now;
  }

  /** The alias of that place, made if there is none, as the change has it. Throws `badRequest`. */
  put(namespace: string, place: AliasPlace, change: Omit<AliasChange, 'place'>): Promise<WrittenAlias> {
    const customMetadata = checkMetadata(change.customMetadata ?? {});
    return this.#entities.change(namespace, (writes) => {
      const owner = writes.entityOfFactor(place.factor);
      const known = owner?.aliases.find(({ factor }) => factor === place.factor);
      if (owner !== undefined && known !== undefined) {
        return this.#changed(writes, { owner, known }, { entity: change.entity, customMetadata });
      }
      const now = this.#now();
      const before = this.#target(writes, change.entity);
      const alias: AliasRecord = {
        ...{ id: uuid(), ...fieldsOf(place), metadata: null, customMetadata },
        ...{ createdAt: now, updatedAt: now, mergedFrom: [] },
      };
      const base = before ?? newEntityFor(writes, now);
      writes.put(before, withAlias(base, alias));
      return { id: alias.id, entity: base.id };
    });
  }

  /** Throws `badRequest` when there is no alias of the id. */
  update(namespace: string, id: string, change: AliasChange): Promise<WrittenAlias> {
    if (change.customMetadata !== undefined) checkMetadata(change.customMetadata);
    return this.#entities.change(namespace, (writes) => {
      const owner = writes.entityOfAlias(id);
      const known = owner?.aliases.find((alias) => alias.id === id);
      if (owner === undefined || known === undefined) throw fail('badRequest', 'invalid alias ID provided');
      return this.#changed(writes, { owner, known }, change);
    });
  }

  delete(namespace: string, id: string): Promise<void> {
    return this.#entities.change(namespace, (writes) => {
      const owner = writes.entityOfAlias(id);
      if (owner === undefined) return;
      writes.put(owner, {
        ...owner,
        aliases: owner.aliases.filter((alias) => alias.id !== id),
        updatedAt: this.#now(),
      });
    });
  }

  /** undefined: a new one is wanted. */
  #target(writes: EntityWrites, entity: string | undefined): EntityRecord | undefined {
    if (entity === undefined || entity === '') return undefined;
    const found = writes.entity(entity);
    if (found === undefined) throw fail('badRequest', 'invalid canonical ID');
    return found;
  }

  #changed(
    writes: EntityWrites,
    { owner, known }: { readonly owner: EntityRecord; readonly known: AliasRecord },
    { place, entity, customMetadata }: AliasChange,
  ): WrittenAlias {
    const target = this.#target(writes, entity) ?? owner;
    const after: AliasRecord = {
      ...known,
      ...(place === undefined ? {} : fieldsOf(place)),
      ...(customMetadata === undefined ? {} : { customMetadata }),
      updatedAt: this.#now(),
    };
    if (target.id === owner.id && isSame(known, after)) return { id: known.id, entity: owner.id, same: true };
    this.#move(writes, { owner, before: known, target, after });
    return { id: known.id, entity: target.id };
  }

  #move(writes: EntityWrites, { owner, before, target, after }: Move): void {
    if (after.factor !== before.factor && writes.entityOfFactor(after.factor) !== undefined) {
      throw fail('badRequest', 'alias with combination of mount accessor and name already exists');
    }
    const without = { ...owner, aliases: owner.aliases.filter(({ id }) => id !== before.id) };
    if (target.id === owner.id) {
      writes.put(owner, withAlias(without, after));
      return;
    }
    writes.put(owner, { ...without, updatedAt: this.#now() });
    writes.put(target, withAlias(target, after));
  }
}

function isSame(before: AliasRecord, after: AliasRecord): boolean {
  const metadata = sameMetadata(before.customMetadata, after.customMetadata);
  return before.factor === after.factor && before.name === after.name && metadata;
}

function newEntityFor(writes: EntityWrites, now: number): EntityRecord {
  const id = uuid();
  return newEntity(id, writes.freeName(id), now);
}

function withAlias(entity: EntityRecord, alias: AliasRecord): EntityRecord {
  if (entity.aliases.some(({ accessor }) => accessor === alias.accessor)) {
    throw fail('badRequest', 'Alias already exists for requested entity and mount accessor');
  }
  return { ...entity, aliases: [...entity.aliases, alias] };
}
