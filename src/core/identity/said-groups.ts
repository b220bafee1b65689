/**
 * Which groups auth methods say that an entity is in, as of its last login by each of them. Kept where it logged in, by the
 * factors of the group aliases: whoever makes such an alias later finds those who were said to be in it.
 */
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Snapshot, Store, Transaction } from '../../storage/store.ts';
import { originOf, type MountRecord } from '../mounts/mount.ts';
import { factorOf } from './factors.ts';
import { identityKeys } from './identity-keys.ts';
import type { EntityRecord } from './records.ts';

/** By the auth mount. */
type Said = Readonly<Record<string, readonly string[]>>;

type Reads = Pick<Snapshot, 'get'>;

const keyOf = (namespace: string, entity: string): string => identityKeys(namespace, 'l').said(entity);

const saidOf = (from: Reads, namespace: string, entity: string): Said =>
  recordAt<Said>(from, keyOf(namespace, entity)) ?? {};

/** The factors of all groups. */
export const saidGroups = (from: Reads, namespace: string, entity: string): readonly string[] =>
  Object.values(saidOf(from, namespace, entity)).flat();

export interface Saying {
  readonly namespace: string;
  readonly region: string;
  readonly mount: MountRecord;
  /** All of them: of the others of this mount it is said no more. */
  readonly groups: readonly string[];
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((each, at) => each === other[at]);

/** What of these groups is kept, by the mount that says it. */
export interface SaidNow {
  readonly mount: string;
  readonly now: readonly string[];
}

export function saidBy({ namespace, region, mount, groups }: Saying): SaidNow {
  const factors = groups.map((name) => factorOf(mount, name, { namespace, region, of: 'group' }).text);
  return { mount: originOf(mount), now: [...new Set(factors)].sort() };
}

/** What is known of an entity by the id that it has or had, once `said` is said of it: of its former ids no more is. */
function after(from: Reads, { id }: EntityRecord, at: { namespace: string; each: string }, said: SaidNow) {
  const before = saidOf(from, at.namespace, at.each);
  const wanted = at.each === id ? said.now : [];
  const { [said.mount]: _over, ...others } = before;
  return { before, wanted, all: wanted.length === 0 ? others : { ...others, [said.mount]: wanted } };
}

/** The factors of all groups that it would be in. */
export const groupsOnceSaid = (from: Reads, entity: EntityRecord, namespace: string, said: SaidNow) =>
  [entity.id, ...entity.mergedIds].flatMap((each) =>
    Object.values(after(from, entity, { namespace, each }, said).all).flat(),
  );

/** What is to be written, by the entity's id and those that it had before it was merged: what was said of these is over. */
function news(from: Reads, entity: EntityRecord, namespace: string, said: SaidNow) {
  return [entity.id, ...entity.mergedIds].flatMap((each) => {
    const { before, wanted, all } = after(from, entity, { namespace, each }, said);
    return isSame(before[said.mount] ?? [], wanted) ? [] : [{ entity: each, said: all }];
  });
}

function put(
  tx: Transaction,
  namespace: string,
  { entity, said }: { readonly entity: string; readonly said: Said },
): void {
  if (Object.keys(said).length === 0) tx.delete(keyOf(namespace, entity));
  else tx.put(keyOf(namespace, entity), encodeRecord(said));
}

/** Writes nothing where nothing has changed. */
export async function sayGroups(store: Store, entity: EntityRecord, saying: Saying): Promise<void> {
  const { namespace } = saying;
  const said = saidBy(saying);
  if (news(store, entity, namespace, said).length === 0) return;
  await store.transact((tx) => {
    for (const each of news(tx, entity, namespace, said)) put(tx, namespace, each);
  });
}
