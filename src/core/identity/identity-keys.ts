/**
 * Where identities lie: below the data of the built-in mount `identity`, so that filters and the removal of namespaces
 * treat them as any other data. Names stand in keys as they are, as those of policies do; what a login knows (a role-id)
 * only as a keyed hash.
 */
import { keys, type KeyClass } from '../keys.ts';
import { folded } from './records.ts';

export const IDENTITY_MOUNT = 'identity';

const CHANGED = /^([sl])\/([^/]+)\/data\/identity\/(.+)$/s;

/** A change of somebody's identity: the class, the namespace, and the key below the mount. */
export function identityChange(key: string): readonly [KeyClass, string, string] | undefined {
  const [, cls, namespace, below] = CHANGED.exec(key) ?? [];
  return cls === undefined || namespace === undefined || below === undefined
    ? undefined
    : [cls as KeyClass, namespace, below];
}

/** A name as part of a key. Two spellings of one name are one key; what is no text is nobody's name, and finds nothing. */
export const nameInKey = (name: string): string => encodeURIComponent(folded(name).toWellFormed());

export function identityKeys(namespace: string, cls: 's' | 'l' = 's') {
  const base = keys.data(cls, namespace, IDENTITY_MOUNT);
  return {
    entities: `${base}entity/id/`,
    entity: (id: string) => `${base}entity/id/${id}`,
    entityNames: `${base}entity/name/`,
    /** The name as it is written, and the id. */
    entityName: (name: string) => `${base}entity/name/${nameInKey(name)}`,
    /** The id of the entity that has it. */
    alias: (id: string) => `${base}entity-alias/id/${id}`,
    aliases: `${base}entity-alias/id/`,
    factor: (factor: string) => `${base}entity-alias/factor/${factor}`,
    /** Of an entity that is no more: the id of the one that it was merged into, or the empty text. */
    former: (id: string) => `${base}entity/former/${id}`,
    groups: `${base}group/id/`,
    group: (id: string) => `${base}group/id/${id}`,
    groupNames: `${base}group/name/`,
    groupName: (name: string) => `${base}group/name/${nameInKey(name)}`,
    groupAlias: (id: string) => `${base}group-alias/id/${id}`,
    groupAliases: `${base}group-alias/id/`,
    groupFactor: (factor: string) => `${base}group-alias/factor/${factor}`,
    /** Of an entity: what auth methods last said of its groups. The region's own, as logins are. */
    said: (id: string) => `${base}said/${id}`,
  } as const;
}
