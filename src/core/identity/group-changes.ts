/** Changes of groups and their aliases: each is one transaction on the shared class. */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { defined } from '../../lib/defined.ts';
import { encodeRecord, recordAt, textAt } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { assertThere } from '../namespaces/namespace-changes.ts';
import type { AliasPlace } from './alias-changes.ts';
import type { ChangeOptions } from './entity-changes.ts';
import { identityKeys } from './identity-keys.ts';
import type { NameEntry } from './identity-store.ts';
import {
  checkAliasName,
  checkMetadata,
  checkName,
  identityPolicies,
  memberIds,
  type GroupAliasRecord,
  type GroupRecord,
  type Metadata,
} from './records.ts';

/** What is undefined stays, or is empty of a new group. */
export interface GroupChange {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly policies?: readonly string[] | undefined;
  readonly memberEntities?: readonly string[] | undefined;
  readonly memberGroups?: readonly string[] | undefined;
}

export interface WrittenGroup {
  readonly record: GroupRecord;
  readonly made: boolean;
}

function newGroup(id: string, name: string, now: number): GroupRecord {
  return {
    ...{ id, name, type: 'internal', policies: [], metadata: null, memberEntities: [], memberGroups: [] },
    ...{ createdAt: now, updatedAt: now, modifyIndex: 0 },
  };
}

function typeOf(given: string | undefined): GroupRecord['type'] | undefined {
  if (given === undefined || given === '') return undefined;
  if (given === 'internal' || given === 'external') return given;
  throw fail('badRequest', `invalid group type "${given.slice(0, 64)}"`);
}

function checked(change: GroupChange) {
  const { name, metadata, policies, memberEntities, memberGroups } = change;
  return defined({
    name: name === undefined ? undefined : checkName('name of the group', name),
    type: typeOf(change.type),
    metadata: metadata === undefined ? undefined : checkMetadata(metadata),
    policies: policies === undefined ? undefined : identityPolicies(policies),
    memberEntities: memberEntities === undefined ? undefined : memberIds(memberEntities),
    memberGroups: memberGroups === undefined ? undefined : memberIds(memberGroups),
  });
}

/** Who is in an external group is what its auth method says. */
function checkType(before: GroupRecord | undefined, after: GroupRecord, given: GroupChange): void {
  if (before !== undefined && before.type !== after.type) throw fail('badRequest', 'group type cannot be changed');
  if (after.type === 'internal') return;
  if ((given.memberGroups ?? []).length > 0) throw fail('badRequest', "member groups can't be set for external groups");
  if (given.memberEntities !== undefined) {
    throw fail('badRequest', "member entities can't be set manually for external groups");
  }
}

class GroupWrites {
  readonly #tx: Transaction;
  readonly #keys: ReturnType<typeof identityKeys>;

  constructor(tx: Transaction, namespace: string) {
    this.#tx = tx;
    this.#keys = identityKeys(namespace);
  }

  group(id: string): GroupRecord | undefined {
    return recordAt<GroupRecord>(this.#tx, this.#keys.group(id));
  }

  idOf(name: string): string | undefined {
    return recordAt<NameEntry>(this.#tx, this.#keys.groupName(name))?.id;
  }

  ofAlias(alias: string): GroupRecord | undefined {
    const id = textAt(this.#tx, this.#keys.groupAlias(alias));
    return id === undefined ? undefined : this.group(id);
  }

  idOfFactor(factor: string): string | undefined {
    return textAt(this.#tx, this.#keys.groupFactor(factor));
  }

  /** Throws `badRequest` for members that are not there, and for a group that would lie in itself. */
  put(before: GroupRecord | undefined, after: GroupRecord): void {
    const owner = this.idOf(after.name);
    if (owner !== undefined && owner !== after.id) throw fail('badRequest', 'group name is already in use');
    this.#checkMembers(before, after);
    const key = this.#keys.groupName(after.name);
    if (before !== undefined && this.#keys.groupName(before.name) !== key)
      this.#tx.delete(this.#keys.groupName(before.name));
    this.#tx.put(key, encodeRecord({ name: after.name, id: after.id } satisfies NameEntry));
    this.#putAlias(before?.alias, after);
    this.#tx.put(this.#keys.group(after.id), encodeRecord(after));
  }

  #putAlias(before: GroupAliasRecord | undefined, { id, alias }: GroupRecord): void {
    if (before !== undefined) {
      this.#tx.delete(this.#keys.groupAlias(before.id));
      this.#tx.delete(this.#keys.groupFactor(before.factor));
    }
    if (alias === undefined) return;
    this.#tx.put(this.#keys.groupAlias(alias.id), encodeRecord(id));
    this.#tx.put(this.#keys.groupFactor(alias.factor), encodeRecord(id));
  }

  remove(record: GroupRecord): void {
    this.#tx.delete(this.#keys.group(record.id));
    this.#tx.delete(this.#keys.groupName(record.name));
    const { alias: _alias, ...bare } = record;
    this.#putAlias(record.alias, bare);
  }

  #checkMembers(before: GroupRecord | undefined, { id, memberEntities, memberGroups }: GroupRecord): void {
    const known = new Set(before?.memberEntities);
    // By their places: what is none may be anything, and is not repeated.
    for (const [at, member] of memberEntities.entries()) {
      if (!known.has(member) && !this.#tx.has(this.#keys.entity(member))) {
        throw fail('badRequest', `invalid entity ID: member_entity_ids[${at}]`);
      }
    }
    const seen = new Set<string>();
    for (const [at, member] of memberGroups.entries()) {
      if (member === id) throw fail('badRequest', `member group ID "${member}" is same as the ID of the group`);
      if (!this.#tx.has(this.#keys.group(member))) {
        throw fail('badRequest', `invalid member group ID: member_group_ids[${at}]`);
      }
      if (this.#liesBelow(id, member, seen)) {
        throw fail('badRequest', `cyclic relationship detected for member group ID "${member}"`);
      }
    }
  }

  /** `seen`: what was looked at before, and does not lead to it. Many members may have the same groups below them. */
  #liesBelow(id: string, top: string, seen: Set<string>): boolean {
    const waiting = seen.has(top) ? [] : [top];
    seen.add(top);
    // An array's iteration goes on to what is added meanwhile.
    for (const each of waiting) {
      for (const member of this.group(each)?.memberGroups ?? []) {
        if (member === id) return true;
        if (seen.has(member)) continue;
        seen.add(member);
        waiting.push(member);
      }
    }
    return false;
  }
}

export class GroupChanges {
  readonly #options: ChangeOptions;

  constructor(options: ChangeOptions) {
    this.#options = options;
  }

  async #change<T>(namespace: string, work: (writes: GroupWrites) => T): Promise<T> {
    const { value } = await this.#options.store.transact((tx) => {
      assertThere(tx, { id: namespace });
      return work(new GroupWrites(tx, namespace));
    });
    return value;
  }

  /** The group of the id, or of the name in the change, or a new one. Throws `badRequest` when none has the id. */
  put(namespace: string, id: string | undefined, change: GroupChange): Promise<WrittenGroup> {
    const clean = checked(change);
    const now = this.#options.now();
    return this.#change(namespace, (writes) => {
      const known = id ?? (clean.name === undefined ? undefined : writes.idOf(clean.name));
      const before = known === undefined ? undefined : writes.group(known);
      if (known !== undefined && before === undefined) throw fail('badRequest', 'group not found from id');
      const base = before ?? unnamed(writes, clean.name, now);
      const name = id === undefined ? base.name : (clean.name ?? base.name);
      const record = { ...base, ...clean, name, updatedAt: now, modifyIndex: base.modifyIndex + 1 };
      checkType(before, record, clean);
      writes.put(before, record);
      return { record, made: before === undefined };
    });
  }

  delete(namespace: string, id: string): Promise<void> {
    const now = this.#options.now();
    const parents = this.#options.identities.groups(namespace).parents(id);
    return this.#change(namespace, (writes) => {
      const record = writes.group(id);
      if (record === undefined) return;
      for (const parent of parents) {
        const before = writes.group(parent.id);
        if (before === undefined) continue;
        const memberGroups = before.memberGroups.filter((member) => member !== id);
        writes.put(before, { ...before, memberGroups, updatedAt: now, modifyIndex: before.modifyIndex + 1 });
      }
      writes.remove(record);
    });
  }

  /** Of an external group, which is made where none is named. The alias that it had is gone. Throws `badRequest`. */
  putAlias(namespace: string, place: AliasPlace, group: string | undefined): Promise<GroupRecord> {
    return this.#change(namespace, (writes) => {
      const id = group === '' ? undefined : group;
      if (writes.idOfFactor(place.factor) !== undefined) {
        throw fail('badRequest', 'combination of mount and group alias name is already in use');
      }
      const before = id === undefined ? undefined : writes.group(id);
      if (id !== undefined && before === undefined) throw fail('badRequest', 'invalid group ID given');
      const now = this.#options.now();
      const base = before ?? { ...unnamed(writes, undefined, now), type: 'external' as const };
      return this.#withAlias(writes, { before, base, place, id: uuid() });
    });
  }

  /** Throws `badRequest` when there is no alias of the id. */
  updateAlias(namespace: string, id: string, place: AliasPlace, group: string | undefined): Promise<GroupRecord> {
    return this.#change(namespace, (writes) => {
      const owner = writes.ofAlias(id);
      if (owner === undefined) throw fail('badRequest', 'invalid group alias ID');
      if (group !== undefined && group !== '' && group !== owner.id) {
        throw fail('badRequest', 'a group alias stays with its group: delete it, and make one for the other group');
      }
      return this.#withAlias(writes, { before: owner, base: owner, place, id });
    });
  }

  #withAlias(
    writes: GroupWrites,
    { before, base, place, id }: { before: GroupRecord | undefined; base: GroupRecord; place: AliasPlace; id: string },
  ): GroupRecord {
    if (base.type !== 'external') throw fail('badRequest', "alias can't be set on an internal group");
    const owner = writes.idOfFactor(place.factor);
    if (owner !== undefined && owner !== base.id) {
      throw fail('badRequest', 'combination of mount and group alias name is already in use');
    }
    const now = this.#options.now();
    const same = base.alias?.factor === place.factor || base.alias?.id === id ? base.alias : undefined;
    const alias: GroupAliasRecord = {
      ...{ id: same?.id ?? id, name: checkAliasName(place.name), factor: place.factor },
      ...{ mount: place.mount.uuid, accessor: place.mount.accessor, createdAt: same?.createdAt ?? now, updatedAt: now },
    };
    const record = { ...base, alias, updatedAt: now, modifyIndex: base.modifyIndex + 1 };
    writes.put(before, record);
    return record;
  }

  deleteAlias(namespace: string, id: string): Promise<void> {
    const now = this.#options.now();
    return this.#change(namespace, (writes) => {
      const owner = writes.ofAlias(id);
      if (owner === undefined) return;
      const { alias: _alias, ...bare } = owner;
      writes.put(owner, { ...bare, updatedAt: now, modifyIndex: owner.modifyIndex + 1 });
    });
  }
}

function unnamed(writes: GroupWrites, name: string | undefined, now: number): GroupRecord {
  const id = uuid();
  const hex = id.replaceAll('-', '');
  const free = [8, 16, 32]
    .map((length) => `group_${hex.slice(0, length)}`)
    .find((each) => writes.idOf(each) === undefined);
  return newGroup(id, name ?? free ?? `group_${id}`, now);
}
