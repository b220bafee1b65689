/** The steps that changes of entities are made of, each within a transaction: a record and what finds it go together. */
import { fail } from '../../errors.ts';
import { encodeRecord, recordAt, textAt } from '../../lib/record.ts';
import type { Snapshot, Transaction } from '../../storage/store.ts';
import { dropSecretsOf } from '../mfa/totp-secrets.ts';
import { identityKeys } from './identity-keys.ts';
import type { NameEntry } from './identity-store.ts';
import type { AliasRecord, EntityRecord, GroupRecord } from './records.ts';

/** Ids made from a login come again, random ones never do: version 8 and version 4 UUIDs. */
const comesAgain = (id: string): boolean => id.charAt(14) === '8';

/** What is known of one namespace's entities at one moment. */
export class EntityReads {
  readonly #from: Pick<Snapshot, 'get' | 'has'>;
  readonly #keys: ReturnType<typeof identityKeys>;

  /** `cls`: `l` for what a region makes for itself. */
  constructor(from: Pick<Snapshot, 'get' | 'has'>, namespace: string, cls: 's' | 'l' = 's') {
    this.#from = from;
    this.#keys = identityKeys(namespace, cls);
  }

  entity(id: string): EntityRecord | undefined {
    return recordAt<EntityRecord>(this.#from, this.#keys.entity(id));
  }

  idOf(name: string): string | undefined {
    return recordAt<NameEntry>(this.#from, this.#keys.entityName(name))?.id;
  }

  entityOfAlias(alias: string): EntityRecord | undefined {
    return this.#named(this.#keys.alias(alias));
  }

  entityOfFactor(factor: string): EntityRecord | undefined {
    return this.#named(this.#keys.factor(factor));
  }

  #named(key: string): EntityRecord | undefined {
    const id = textAt(this.#from, key);
    return id === undefined ? undefined : this.entity(id);
  }

  /** Whether an entity has, or had, the id. */
  isTaken(id: string): boolean {
    return this.#from.has(this.#keys.entity(id)) || this.#from.has(this.#keys.former(id));
  }

  isAliasTaken(id: string): boolean {
    return this.#from.has(this.#keys.alias(id));
  }

  /** A name for who has none, made from the id; longer where another entity has it already. */
  freeName(id: string): string {
    const hex = id.replaceAll('-', '');
    for (const length of [8, 16, 32]) {
      const name = `entity_${hex.slice(0, length)}`;
      if (this.idOf(name) === undefined) return name;
    }
    throw fail('conflict', 'no name is free for a new entity: name it');
  }
}

/** What is written of one namespace's entities in one transaction. */
export class EntityWrites extends EntityReads {
  readonly #tx: Transaction;
  readonly #keys: ReturnType<typeof identityKeys>;
  readonly #namespace: string;

  constructor(tx: Transaction, namespace: string, cls: 's' | 'l' = 's') {
    super(tx, namespace, cls);
    this.#tx = tx;
    this.#keys = identityKeys(namespace, cls);
    this.#namespace = namespace;
  }

  /** Throws `badRequest` when another entity has the name. */
  put(before: EntityRecord | undefined, after: EntityRecord): void {
    const owner = this.idOf(after.name);
    if (owner !== undefined && owner !== after.id) throw fail('badRequest', 'entity name is already in use');
    const key = this.#keys.entityName(after.name);
    if (before !== undefined && this.#keys.entityName(before.name) !== key) {
      this.#tx.delete(this.#keys.entityName(before.name));
    }
    // Once for each entity: they are counted by it.
    if (before?.name !== after.name) {
      this.#tx.put(key, encodeRecord({ name: after.name, id: after.id } satisfies NameEntry));
    }
    for (const alias of before?.aliases ?? []) {
      if (!after.aliases.some(({ id, factor }) => id === alias.id && factor === alias.factor)) this.#unlink(alias);
    }
    for (const alias of after.aliases) this.#link(alias, after.id);
    this.#putRecord(after, before === undefined);
  }

  #putRecord({ first: _first, ...rest }: EntityRecord, isNew: boolean): void {
    const record: EntityRecord = isNew ? { ...rest, first: true } : rest;
    this.#tx.put(this.#keys.entity(rest.id), encodeRecord(record));
  }

  #link(alias: AliasRecord, entity: string): void {
    const id = encodeRecord(entity);
    for (const key of [this.#keys.alias(alias.id), this.#keys.factor(alias.factor)]) {
      if (textAt(this.#tx, key) !== entity) this.#tx.put(key, id);
    }
  }

  #unlink(alias: AliasRecord): void {
    this.#tx.delete(this.#keys.alias(alias.id));
    this.#tx.delete(this.#keys.factor(alias.factor));
  }

  /** With all that finds it. `heir`: the entity whose its tokens are from now on; without one they end. */
  remove(record: EntityRecord, heir?: string): void {
    this.#tx.delete(this.#keys.entity(record.id));
    this.#tx.delete(this.#keys.entityName(record.name));
    for (const alias of record.aliases) this.#unlink(alias);
    if (heir === undefined) dropSecretsOf(this.#tx, this.#namespace, record.id);
    for (const id of [record.id, ...record.mergedIds]) {
      if (heir !== undefined || comesAgain(id)) this.#tx.put(this.#keys.former(id), encodeRecord(heir ?? ''));
      else this.#tx.delete(this.#keys.former(id));
    }
  }

  /** Takes members out of a group, and puts another in their place where there is one: the group is written once. */
  replaceMembers(group: string, members: ReadonlySet<string>, heir: string | undefined, now: number): void {
    const key = this.#keys.group(group);
    const record = recordAt<GroupRecord>(this.#tx, key);
    // Who asks goes by an older state: nobody comes into a group that none of them is in any more.
    if (record === undefined || !record.memberEntities.some((id) => members.has(id))) return;
    const others = record.memberEntities.filter((id) => !members.has(id) && id !== heir);
    const memberEntities = heir === undefined ? others : [...others, heir];
    const after = { ...record, memberEntities, updatedAt: now, modifyIndex: record.modifyIndex + 1 };
    this.#tx.put(key, encodeRecord(after satisfies GroupRecord));
  }
}
