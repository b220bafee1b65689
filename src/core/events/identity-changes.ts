/**
 * What a batch did to identities: entities, groups, and the aliases of both. Names, metadata and the hashes that aliases are
 * found by stay inside: an event has ids alone.
 */
import type { DataChange } from '../../framework/plugin.ts';
import { decodeRecord } from '../../lib/record.ts';
import type { Write } from '../../storage/store.ts';
import { identityChange } from '../identity/identity-keys.ts';
import type { AliasRecord, EntityRecord, GroupAliasRecord, GroupRecord } from '../identity/records.ts';

export interface IdentityChange {
  readonly namespace: string;
  readonly change: DataChange;
}

type Kind = 'entity' | 'entity-alias' | 'group' | 'group-alias';
type What = 'create' | 'update' | 'delete' | 'merge';

const ID = /^(entity|entity-alias|group|group-alias)\/id\/([^/]+)$/;
const FORMER = 'entity/former/';

function told(kind: Kind, id: string, what: What): DataChange {
  const path = `${kind}/id/${id}`;
  // Of an entity that was merged into another one its own id finds nothing but that one.
  const operation = what === 'delete' || what === 'merge' ? 'delete' : 'write';
  return { type: `identity/${kind}-${what}`, operation, dataPath: path, path };
}

const isNew = ({ createdAt, updatedAt }: Pick<AliasRecord, 'createdAt' | 'updatedAt'>): boolean =>
  createdAt === updatedAt;

/** Of one namespace and class. */
interface Below {
  readonly namespace: string;
  /** By the key below the mount. */
  readonly writes: ReadonlyMap<string, Uint8Array | undefined>;
}

function byPlace(writes: readonly Write[]): readonly Below[] {
  const found = new Map<string, { namespace: string; writes: Map<string, Uint8Array | undefined> }>();
  for (const { key, value } of writes) {
    const [cls, namespace, below] = identityChange(key) ?? [];
    if (cls === undefined || namespace === undefined || below === undefined) continue;
    const place = `${cls}/${namespace}`;
    const known = found.get(place) ?? { namespace, writes: new Map() };
    known.writes.set(below, value);
    found.set(place, known);
  }
  return [...found.values()];
}

/** The alias that was changed with the entity: the newest, unless the entity itself was changed after it. */
function changedAliases({ aliases, updatedAt }: EntityRecord, { writes }: Below): readonly AliasRecord[] {
  const newest = Math.max(0, ...aliases.map((alias) => alias.updatedAt));
  return aliases.filter(
    (alias) => writes.has(`entity-alias/id/${alias.id}`) || (alias.updatedAt === newest && newest >= updatedAt),
  );
}

function ofEntity(id: string, value: Uint8Array | undefined, below: Below): readonly DataChange[] {
  if (value === undefined) {
    const heir = below.writes.get(FORMER + id);
    return [told('entity', id, heir !== undefined && decodeRecord<string>(heir) !== '' ? 'merge' : 'delete')];
  }
  const record = decodeRecord<EntityRecord>(value);
  const aliases = changedAliases(record, below).map((alias) => {
    const isPut = below.writes.get(`entity-alias/id/${alias.id}`) !== undefined;
    return told('entity-alias', alias.id, isPut && isNew(alias) ? 'create' : 'update');
  });
  return [told('entity', id, record.first === true ? 'create' : 'update'), ...aliases];
}

function ofGroup(id: string, value: Uint8Array | undefined): readonly DataChange[] {
  if (value === undefined) return [told('group', id, 'delete')];
  const record = decodeRecord<GroupRecord>(value);
  return [told('group', id, record.modifyIndex <= 1 ? 'create' : 'update'), ...ofGroupAlias(record.alias, record)];
}

/** Each change of a group writes its alias as it was. */
function ofGroupAlias(alias: GroupAliasRecord | undefined, { updatedAt }: GroupRecord): readonly DataChange[] {
  if (alias === undefined || alias.updatedAt !== updatedAt) return [];
  return [told('group-alias', alias.id, isNew(alias) ? 'create' : 'update')];
}

function changesOf(kind: Kind, id: string, value: Uint8Array | undefined, below: Below): readonly DataChange[] {
  if (kind === 'entity') return ofEntity(id, value, below);
  if (kind === 'group') return ofGroup(id, value);
  // What is there is told with its owner.
  return value === undefined ? [told(kind, id, 'delete')] : [];
}

/** Throws what reading a damaged record throws. */
export function identityChanges(writes: readonly Write[]): readonly IdentityChange[] {
  return byPlace(writes).flatMap((below) =>
    [...below.writes].flatMap(([key, value]) => {
      const [, kind, id] = ID.exec(key) ?? [];
      if (kind === undefined || id === undefined) return [];
      const changes = changesOf(kind as Kind, id, value, below);
      return changes.map((change): IdentityChange => ({ namespace: below.namespace, change }));
    }),
  );
}
