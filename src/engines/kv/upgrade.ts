/** A mount of version 1 that is given versions: each secret becomes version 1 of itself. */
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Retuning } from '../../framework/plugin.ts';
import { decodeRecord } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { markUpgraded, v1Keys, v1LogicalPath } from './v1.ts';
import { appendVersion, DEFAULT_MAX_VERSIONS, newMetadata } from './v2/records.ts';
import { isoTime } from './v2/values.ts';

/** It is one transaction, so that a mount has the one version or the other; what it can hold bounds it. */
const MOST_SECRETS = 10_000;
const MOST_BYTES = 32 * 1024 * 1024;

export function retune({ from, to, tx, now }: Retuning): void {
  const [before, after] = [from['version'] ?? '1', to['version'] ?? '1'];
  if (before === after) return;
  if (after !== '2') throw fail('badRequest', `cannot downgrade mount from version ${before}`);
  const keys = v1Keys(tx, MOST_SECRETS + 1);
  if (keys.length > MOST_SECRETS) throw tooLarge(`more than ${MOST_SECRETS.toLocaleString('en')} secrets`);
  upgrade(tx, keys, isoTime(now));
}

function upgrade(tx: Transaction, keys: readonly string[], time: string): void {
  let bytes = 0;
  for (const key of keys) {
    const value = tx.get(key);
    const path = v1LogicalPath(key);
    if (value === undefined || path === undefined) continue;
    bytes += value.length;
    if (bytes > MOST_BYTES) throw tooLarge(`more than ${String(MOST_BYTES / 1024 / 1024)} MiB`);
    const created = { createdTime: time };
    const data = decodeRecord<JsonObject>(value, key);
    appendVersion(tx, path, newMetadata(time), { data, created, limit: DEFAULT_MAX_VERSIONS, change: 'data-write' });
    tx.delete(key);
  }
  markUpgraded(tx);
}

const tooLarge = (what: string): Error =>
  fail('badRequest', `the mount has ${what}: mount a new one of version 2 and copy them`);
