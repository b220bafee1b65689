/** Secrets of version 2 as a loaded snapshot has them: what was destroyed since stays destroyed. */
import { fail } from '../../../errors.ts';
import type { Call } from '../../../framework/call.ts';
import { field, type JsonObject } from '../../../framework/field.ts';
import { isGone, readData, readMetadata, versionAt, type KvV2, type Metadata } from './records.ts';

const DATA = 'data/';

/** Throws `badRequest` for a version that was destroyed, also with all of its secret. */
function checkDestroyed(live: Metadata | undefined, then: Metadata, number: number): void {
  // Made anew since: the versions of before went with the old one.
  if (live === undefined || live.createdTime !== then.createdTime) {
    throw fail('badRequest', 'the secret was deleted with all its versions since the snapshot: it is not given back');
  }
  const version = versionAt(live, number);
  // One that newer ones have pushed out is not listed any more, whether it was destroyed or not.
  const destroyed = version === undefined ? number <= (live.destroyedUpTo ?? 0) : version.destroyed === true;
  if (destroyed) {
    throw fail('badRequest', `version ${String(number)} was destroyed since the snapshot: it is not given back`);
  }
}

/** The current version of then, or the one that `version` names. Deleted then, or by its time since, is not there. */
export function v2Recovered(
  { live, past }: { readonly live: KvV2; readonly past: KvV2 },
  { path: asked, query, now }: Pick<Call, 'path' | 'query' | 'now'>,
): JsonObject | undefined {
  if (!asked.startsWith(DATA)) {
    throw fail('badRequest', 'of a loaded snapshot, version 2 gives data/ alone: list the live metadata/');
  }
  const path = asked.slice(DATA.length);
  const before = readMetadata(past.view.shared, path);
  if (before === undefined) return undefined;
  const wanted = field.integer('', { default: 0 }).coerce(query['version'], 'version');
  const number = wanted === 0 ? before.currentVersion : wanted;
  const current = readMetadata(live.view.shared, path);
  checkDestroyed(current, before, number);
  const version = versionAt(before, number);
  if (version === undefined || isGone(version, now)) return undefined;
  const data = readData(past.view.shared, path, number);
  // Whoever writes meanwhile goes before.
  return data && { data, options: { cas: current?.currentVersion ?? 0 } };
}
