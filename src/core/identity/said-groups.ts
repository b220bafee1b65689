/**
 * Which groups auth methods say that an entity is in, as of its last login by each of them. Kept where it logged in, by the
 * factors of the group aliases: whoever makes such an alias later finds those who were said to be in it.
 */
import { decodeFound, encodeRecord } from '../../lib/record.ts';
import type { Snapshot, Store, Transaction } from '../../storage/store.ts';
import type { MountRecord } from '../mounts/mount.ts';
import { factorOf } from './factors.ts';
import { identityKeys } from './identity-keys.ts';
import type { EntityRecord } from './records.ts';

/** By the auth mount. */
type Said = Readonly<Record<string, readonly string[]>>;

type Reads = Pick<Snapshot, 'get'>;

const keyOf = (namespace: string, entity: string): string => identityKeys(namespace, 'l').said(entity);

const saidOf = (from: Reads, namespace: string, entity: string): Said =>
  decodeFound<Said>(from.get(keyOf(namespace, entity))) ?? {};

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

/** What is to be written, by the entity's id and those that it had before it was merged: what was said of these is over. */
function news(
  from: Reads,
  { id, mergedIds }: EntityRecord,
  namespace: string,
  said: { mount: string; now: readonly string[] },
) {
  return [id, ...mergedIds].flatMap((each) => {
    const before = saidOf(from, namespace, each);
    const wanted = each === id ? said.now : [];
    if (isSame(before[said.mount] ?? [], wanted)) return [];
    const { [said.mount]: _over, ...others } = before;
    return [{ entity: each, said: wanted.length === 0 ? others : { ...others, [said.mount]: wanted } }];
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
  const { namespace, region, mount, groups } = saying;
  const factors = groups.map((name) => factorOf(mount, name, { namespace, region, of: 'group' }).text);
  const said = { mount: mount.uuid, now: [...new Set(factors)].sort() };
  if (news(store, entity, namespace, said).length === 0) return;
  await store.transact((tx) => {
    for (const each of news(tx, entity, namespace, said)) put(tx, namespace, each);
  });
}
