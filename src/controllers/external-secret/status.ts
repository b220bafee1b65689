/** The status of an ExternalSecret: conditions and reasons as External Secrets Operator names them. */
import type { ObjectMeta } from '../../kube/objects.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { defined } from '../../lib/defined.ts';
import { conditionsWith, momentOf } from '../conditions.ts';
import type { ExternalSecretStatus } from './definition.ts';
import { syncedVersion } from './hash.ts';

export type Reason = 'SecretSynced' | 'SecretSyncedError' | 'SecretDeleted' | 'SecretMissing';

/** What a look at an ExternalSecret came to. */
export interface Outcome {
  readonly ready: boolean;
  readonly reason: Reason;
  readonly message: string;
  /** The Secret that it is bound to from now on; undefined: as before. */
  readonly binding?: string;
}

export const messages = {
  synced: 'secret synced',
  retained: 'secret retained due to DeletionPolicy=Retain',
  deleted: 'secret deleted due to DeletionPolicy=Delete',
  missing: 'secret will not be created due to CreationPolicy=Merge',
  noData: 'could not get secret data from provider',
  notDeleted: 'could not delete secret',
  notUpdated: 'could not update secret',
  immutable: 'could not update secret, target is immutable',
  notOwner: 'failed to take ownership of target secret',
  otherOwner: 'target is owned by another ExternalSecret',
} as const;

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
}

/**
 * What to write, or undefined when nothing changed: that the store was asked once more and gave the same is no change. The
 * time of the last refresh comes along with every other change.
 */
export function statusAfter({
  metadata,
  before,
  outcome,
  refreshed,
  now,
  wrote,
}: Looked): ExternalSecretStatus | undefined {
  const { ready, reason, message, binding } = outcome;
  const conditions = conditionsWith(
    before.conditions ?? [],
    { type: 'Ready', status: WORDS[String(ready)] ?? 'Unknown', reason, message },
    momentOf(now),
  );
  const next: ExternalSecretStatus = {
    conditions,
    ...defined({
      refreshTime: refreshed === undefined ? before.refreshTime : momentOf(refreshed),
      syncedResourceVersion: ready ? syncedVersion(metadata) : before.syncedResourceVersion,
      binding: binding === undefined ? before.binding : { name: binding },
    }),
  };
  const unchanged = canonicalJson({ ...next, refreshTime: '' }) === canonicalJson({ ...before, refreshTime: '' });
  return unchanged && !wrote ? undefined : next;
}
