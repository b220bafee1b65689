/** Entities, groups and aliases as the API shows them, with Vault's keys. */
import { field, type JsonObject } from '../../framework/field.ts';
import type { MountTable } from '../mounts/mount-table.ts';
import type { GroupIndex } from './group-index.ts';
import type { IdentityStore } from './identity-store.ts';
import type { AliasRecord, EntityRecord, GroupAliasRecord, GroupRecord } from './records.ts';

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

const orNull = (list: readonly string[]): readonly string[] | null => (list.length === 0 ? null : list);

/** A mount that is gone has neither path nor type. */
function mountOf(mounts: MountTable, namespace: string, uuid: string) {
  const mounted = uuid === 'token' ? mounts.at(namespace, 'auth/token/') : mounts.byUuid(uuid);
  return {
    mount_path: mounted?.path ?? '',
    mount_type: mounted?.record.type ?? '',
    local: mounted?.record.local ?? false,
  };
}

export interface Showing {
  readonly mounts: MountTable;
  readonly namespace: string;
}

function aliasBase({ mounts, namespace }: Showing, owner: string, alias: AliasRecord | GroupAliasRecord) {
  return {
    canonical_id: owner,
    mount_accessor: alias.accessor,
    ...mountOf(mounts, namespace, alias.mount),
    name: alias.name,
  };
}

function aliasTimes(alias: AliasRecord | GroupAliasRecord): JsonObject {
  return { creation_time: rfc3339(alias.createdAt), last_update_time: rfc3339(alias.updatedAt) };
}

/** In a list. */
export function aliasInfo(showing: Showing, owner: string, alias: AliasRecord): JsonObject {
  const { customMetadata: custom_metadata, metadata } = alias;
  return { ...aliasBase(showing, owner, alias), custom_metadata, metadata };
}

/** Within its entity. */
export function shownAlias(showing: Showing, owner: string, alias: AliasRecord): JsonObject {
  const shown = {
    ...aliasInfo(showing, owner, alias),
    ...aliasTimes(alias),
    id: alias.id,
    merged_from_canonical_ids: orNull(alias.mergedFrom),
  };
  // In Vault's order, which is that of the names: clients compare whole lists as text.
  return Object.fromEntries(Object.entries(shown).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function groupAliasInfo(showing: Showing, owner: string, alias: GroupAliasRecord): JsonObject {
  return { ...aliasBase(showing, owner, alias), custom_metadata: null, metadata: null };
}

/** Within its group: Vault says neither of them there. */
export function shownGroupAlias(showing: Showing, owner: string, alias: GroupAliasRecord): JsonObject {
  const { local: _local, ...base } = aliasBase(showing, owner, alias);
  return { ...base, ...aliasTimes(alias), id: alias.id, merged_from_canonical_ids: null, metadata: null };
}

export const aliasFields = {
  canonical_id: field.string('Id of the entity that has it.'),
  creation_time: field.time('When it was made.'),
  custom_metadata: field.map('What an operator says of it.'),
  id: field.string('Id of the alias.'),
  last_update_time: field.time('When it was last changed.'),
  local: field.boolean('Whether its mount is each region’s own.'),
  merged_from_canonical_ids: field.list('Entities that had it before they were merged.'),
  metadata: field.map('What its auth method says of it.'),
  mount_accessor: field.string('Accessor of its mount.'),
  mount_path: field.string('Path of its mount.'),
  mount_type: field.string('Type of its mount.'),
  name: field.string('Its name at the auth method.'),
  namespace_id: field.string('Id of its namespace.'),
} as const;

export function shownEntity(showing: Showing, entity: EntityRecord, known: IdentityStore): JsonObject {
  const direct = known.direct(showing.namespace, entity);
  const all = known
    .groups(showing.namespace)
    .withParents(direct)
    .map(({ id }) => id);
  const own = direct.map(({ id }) => id);
  return {
    aliases: entity.aliases.map((alias) => shownAlias(showing, entity.id, alias)),
    creation_time: rfc3339(entity.createdAt),
    direct_group_ids: own,
    disabled: entity.disabled,
    group_ids: all,
    id: entity.id,
    inherited_group_ids: all.filter((id) => !own.includes(id)),
    last_update_time: rfc3339(entity.updatedAt),
    merged_entity_ids: orNull(entity.mergedIds),
    metadata: entity.metadata,
    name: entity.name,
    namespace_id: showing.namespace,
    policies: entity.policies,
  };
}

export const entityFields = {
  aliases: field.objects('Who it is at which auth method.'),
  creation_time: field.time('When it was made.'),
  direct_group_ids: field.list('Groups that name it.'),
  disabled: field.boolean('Whether its tokens are refused.'),
  group_ids: field.list('All groups that it is in.'),
  id: field.string('Its id.'),
  inherited_group_ids: field.list('Groups that its groups are in.'),
  last_update_time: field.time('When it was last changed.'),
  merged_entity_ids: field.list('Entities that were merged into it.'),
  metadata: field.map('What is known of it.'),
  name: field.string('Its name.'),
  namespace_id: field.string('Id of its namespace.'),
  policies: field.list('Its own policies.'),
} as const;

export function shownGroup(showing: Showing, group: GroupRecord, groups: GroupIndex): JsonObject {
  return {
    alias: group.alias === undefined ? {} : shownGroupAlias(showing, group.id, group.alias),
    creation_time: rfc3339(group.createdAt),
    id: group.id,
    last_update_time: rfc3339(group.updatedAt),
    member_entity_ids: orNull(group.memberEntities),
    member_group_ids: orNull(group.memberGroups),
    metadata: group.metadata,
    modify_index: group.modifyIndex,
    name: group.name,
    namespace_id: showing.namespace,
    parent_group_ids: orNull(groups.parents(group.id).map(({ id }) => id)),
    policies: orNull(group.policies),
    type: group.type,
  };
}

export const groupFields = {
  alias: field.object('The group at an auth method that it stands for; of external groups.'),
  creation_time: field.time('When it was made.'),
  id: field.string('Its id.'),
  last_update_time: field.time('When it was last changed.'),
  member_entity_ids: field.list('Ids of the entities in it.'),
  member_group_ids: field.list('Ids of the groups in it.'),
  metadata: field.map('What is known of it.'),
  modify_index: field.integer('Counts its changes.'),
  name: field.string('Its name.'),
  namespace_id: field.string('Id of its namespace.'),
  parent_group_ids: field.list('Ids of the groups that it is in.'),
  policies: field.list('Policies of its members.'),
  type: field.enum('Who says who is in it.', ['internal', 'external']),
} as const;
