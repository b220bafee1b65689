/**
 * `seal/migrated`: migrations, from the transaction that made the keys of each until it is on record behind the barrier:
 * audit and events lie there, and a node can end in between. In clear, like `seal/restored`.
 */
import { fail } from '../errors.ts';
import type { Snapshot, Transaction } from '../storage/store.ts';

export const MIGRATED_KEY = 'seal/migrated';
const FORMAT = 1;
/** Who migrates more often than this while nothing can be recorded loses the oldest. */
const MOST = 32;

export interface Migrated {
  /** Names of the seals that opened the node before, and open it now; `shamir` where people do. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Where the last share came from. */
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export function noteMigration(tx: Transaction, migrated: Migrated): void {
  const migrations = [...migrationsIn(tx), migrated].slice(-MOST);
  tx.put(MIGRATED_KEY, Buffer.from(JSON.stringify({ version: FORMAT, migrations })));
}

/** Oldest first. Throws `formatVersion`, or `corrupt` for what `noteMigration` never wrote. */
export function migrationsIn(reads: Pick<Snapshot, 'get'>): readonly Migrated[] {
  const stored = reads.get(MIGRATED_KEY);
  if (stored === undefined) return [];
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(stored).toString('utf8'));
  } catch {
    found = undefined;
  }
  const { version, migrations } = (found ?? {}) as Partial<Record<string, unknown>>;
  if (Number.isInteger(version) && version !== FORMAT) {
    throw fail('formatVersion', `${MIGRATED_KEY} has format version ${String(version)}, this release reads ${FORMAT}`);
  }
  if (version !== FORMAT || !Array.isArray(migrations) || !migrations.every(isMigrated)) {
    throw fail('corrupt', `${MIGRATED_KEY} is damaged`);
  }
  return migrations;
}

function isMigrated(value: unknown): value is Migrated {
  const { from, to, address, at } = (value ?? {}) as Partial<Record<string, unknown>>;
  return isNames(from) && isNames(to) && typeof address === 'string' && Number.isSafeInteger(at);
}

const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string');
