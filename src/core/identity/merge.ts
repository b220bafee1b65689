/** Several entities become one: what logs in as any of them is one and the same from then on. */
import { fail } from '../../errors.ts';
import { mergeSecrets } from '../mfa/totp-secrets.ts';
import type { EntityChanges } from './entity-changes.ts';
import type { EntityWrites } from './entity-records.ts';
import type { AliasRecord, EntityRecord } from './records.ts';

export interface Merge {
  readonly from: readonly string[];
  readonly to: string;
  /** Of two aliases of one mount, the one that stays. */
  readonly keep: readonly string[];
  /** Of two MFA secrets of one method, the one of `to` stays; else that is refused. */
  readonly force: boolean;
}

/** Each is a record to read and several to write, in one transaction. */
const MOST = 1_000;

function checked({ from, to }: Merge): void {
  if (from.length === 0) throw fail('badRequest', 'missing entity ids to merge from');
  if (to === '') throw fail('badRequest', 'missing entity id to merge to');
  if (from.includes(to)) throw fail('badRequest', 'to_entity_id should not be present in from_entity_ids');
  if (from.length > MOST) throw fail('badRequest', `more than ${String(MOST)} entities at once: merge them in parts`);
}

/**
 * Policies and metadata stay those of `to`, as in Vault; aliases, groups and tokens come to it. An entity that is disabled
 * is not merged into one that is not: its tokens would work again.
 */
export async function mergeEntities(
  changes: EntityChanges,
  namespace: string,
  merge: Merge,
  now: number,
): Promise<void> {
  checked(merge);
  await changes.change(namespace, (writes, tx) => {
    const target = writes.entity(merge.to);
    if (target === undefined) throw fail('badRequest', 'entity id to merge to is invalid');
    let { aliases } = target;
    const mergedIds = [...target.mergedIds];
    const gone = new Set<string>();
    for (const id of new Set(merge.from)) {
      const source = sourceOf(writes, id, target);
      aliases = united({ id: target.id, aliases }, source, merge, now);
      mergedIds.push(source.id, ...source.mergedIds);
      mergeSecrets(tx, namespace, { from: source.id, to: target.id, force: merge.force });
      writes.remove(source, target.id);
      gone.add(source.id);
    }
    changes.leaveGroups(namespace, writes, gone, target.id);
    writes.put(target, { ...target, aliases, mergedIds, updatedAt: now });
  });
}

function sourceOf(writes: EntityWrites, id: string, target: EntityRecord): EntityRecord {
  const source = writes.entity(id);
  if (source === undefined) throw fail('badRequest', 'entity id to merge from is invalid');
  if (source.disabled && !target.disabled) {
    throw fail(
      'badRequest',
      `entity "${id}" is disabled, and merging would enable its tokens: enable or delete it first`,
    );
  }
  return source;
}

/** Throws `badRequest` when both have an alias of one mount and it is not said which of them stays. */
function united(
  to: Pick<EntityRecord, 'id' | 'aliases'>,
  from: EntityRecord,
  { keep, from: all }: Merge,
  now: number,
): readonly AliasRecord[] {
  let kept = to.aliases;
  const moved: AliasRecord[] = [];
  for (const alias of from.aliases) {
    const own = kept.find(({ accessor }) => accessor === alias.accessor);
    const after = { ...alias, mergedFrom: [...alias.mergedFrom, from.id], updatedAt: now };
    if (own === undefined) moved.push(after);
    else if (all.length > 1 || keep.includes(own.id) === keep.includes(alias.id)) throw clash(to, from, own, alias);
    else if (keep.includes(alias.id)) {
      kept = kept.filter((each) => each !== own);
      moved.push(after);
    }
  }
  return [...kept, ...moved];
}

function clash(to: Pick<EntityRecord, 'id'>, from: EntityRecord, own: AliasRecord, other: AliasRecord) {
  return fail(
    'badRequest',
    'toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge request ' +
      'specifying exactly one fromEntity, and in conflicting_alias_ids_to_keep the alias that stays, clashes: ' +
      `mountAccessor: ${own.accessor}, toEntity ID: ${to.id}, fromEntity ID: ${from.id}, ` +
      `conflicting toEntity alias ID: ${own.id}, conflicting fromEntity alias ID: ${other.id}`,
  );
}
