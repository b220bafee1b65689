/** The status of an ExternalSecret: conditions and reasons as External Secrets Operator names them. */
import type { ObjectMeta } from '../../kube/objects.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { defined } from '../../lib/defined.ts';
import { conditionsWith, momentOf } from '../conditions.ts';
import type { ExternalSecretStatus, Source } from './definition.ts';
import { syncedVersion } from './hash.ts';

export type Reason =
  | 'SecretSynced'
  | 'SecretSyncedError'
  | 'SecretDeleted'
  | 'SecretMissing'
  | 'ResourceSynced'
  | 'ResourceSyncedError'
  | 'ResourceDeleted'
  | 'ResourceMissing'
  | 'DeletionPending'
  | 'DeletionHeld';

/** What a look at an ExternalSecret came to. */
export interface Outcome {
  readonly ready: boolean;
  readonly reason: Reason;
  readonly message: string;
  /** The Secret that it is bound to from now on; undefined: as before. */
  readonly binding?: string;
}

export const messages = {
  noData: 'could not get secret data from provider',
  otherOwner: 'target is owned by another ExternalSecret',
} as const;

const wordsOf = <const R extends Readonly<Record<'synced' | 'error' | 'deleted' | 'missing', Reason>>>(
  noun: string,
  reasons: R,
) => ({
  reasons,
  /** Whether the status names it, for those who bind to it. */
  binds: noun === 'secret',
  created: `${noun} created`,
  updated: `${noun} updated`,
  synced: `${noun} synced`,
  retained: `${noun} retained due to DeletionPolicy=Retain`,
  deleted: `${noun} deleted due to DeletionPolicy=Delete`,
  missing: `${noun} will not be created due to CreationPolicy=Merge`,
  notDeleted: `could not delete ${noun}`,
  notUpdated: `could not update ${noun}`,
  immutable: `could not update ${noun}, target is immutable`,
  notOwner: `failed to take ownership of target ${noun}`,
});

export const secretWords = wordsOf('secret', {
  ...{ synced: 'SecretSynced', error: 'SecretSyncedError', deleted: 'SecretDeleted', missing: 'SecretMissing' },
});

/** Of `target.manifest`. */
export const resourceWords = wordsOf('resource', {
  ...{ synced: 'ResourceSynced', error: 'ResourceSyncedError' },
  ...{ deleted: 'ResourceDeleted', missing: 'ResourceMissing' },
});

export type Words = ReturnType<typeof wordsOf>;

export const done = (reason: Reason, message: string, binding?: string): Outcome => ({
  ...{ ready: true, reason, message },
  ...(binding === undefined ? {} : { binding }),
});

export const failed = ({ reasons }: Words, message: string): Outcome => ({
  ...{ ready: false, reason: reasons.error, message },
});

const WORDS: Readonly<Record<string, string>> = { true: 'True', false: 'False' };

export interface Looked {
  readonly metadata: ObjectMeta;
  readonly before: ExternalSecretStatus;
  readonly outcome: Outcome;
  /** Of the last time that the store gave everything, in milliseconds since the epoch; undefined: never. */
  readonly refreshed: number | undefined;
  readonly now: number;
  /** Whether the Secret was written. */
  readonly wrote: boolean;
  /** Of what was read; undefined: not all could be read, and what was known stays. */
  readonly sources: readonly Source[] | undefined;
  /** Since when what the Secret has may be old, in milliseconds since the epoch; undefined: it is what the stores have. */
  readonly stale: number | undefined;
  /** Since when something of it is gone, in milliseconds since the epoch; undefined: nothing is; null: as before. */
  readonly missing: number | undefined | null;
}

/** `null` takes out of a status what is no more. */
export type StatusPatch = Omit<ExternalSecretStatus, 'staleSince' | 'missingSince'> & {
  readonly staleSince?: string | null;
  readonly missingSince?: string | null;
};

/**
 * What to write, or undefined when nothing changed: that the store was asked once more and gave the same is no change. The
 * time of the last refresh comes along with every other change.
 */
export function statusAfter(looked: Looked): StatusPatch | undefined {
  const { before, wrote } = looked;
  const next = nextStatus(looked);
  if (!wrote && compared(next) === compared(before)) return undefined;
  // Also where they were not: it may take the place of one that waits, and that was to take them out.
  const { staleSince = null, missingSince = null } = next;
  return { ...next, staleSince, missingSince };
}

function nextStatus({
  metadata,
  before,
  outcome,
  refreshed,
  now,
  sources,
  stale,
  missing,
}: Looked): ExternalSecretStatus {
  const { ready, reason, message, binding } = outcome;
  const condition = { type: 'Ready', status: WORDS[String(ready)] ?? 'Unknown', reason, message } as const;
  return {
    conditions: conditionsWith(before.conditions ?? [], condition, momentOf(now)),
    ...defined({
      refreshTime: refreshed === undefined ? before.refreshTime : momentOf(refreshed),
      syncedResourceVersion: ready ? syncedVersion(metadata) : before.syncedResourceVersion,
      binding: binding === undefined ? before.binding : { name: binding },
      sources: sourcesAfter(before.sources, sources),
      missingSince: missing === null ? before.missingSince : missing === undefined ? undefined : momentOf(missing),
      // The first word of it holds: a region that is cut off would be older with each look.
      staleSince: stale === undefined ? undefined : (before.staleSince ?? momentOf(stale)),
    }),
  };
}

/** A store that says nothing of where it is leaves no empty list behind. */
const sourcesAfter = (before: readonly Source[] | undefined, now: readonly Source[] = before ?? []) =>
  now.length === 0 && before === undefined ? undefined : now;

/** Without what is another with each answer. */
const compared = (status: ExternalSecretStatus): string =>
  canonicalJson({
    ...{ ...status, refreshTime: '' },
    sources: (status.sources ?? []).map(({ index: _passing, ...source }) => source),
  });
