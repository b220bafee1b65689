/**
 * How many leases and tokens there are, by what quotas tell apart: the path that made them, its mount and the role of the
 * login. Each count changes in the transaction that writes or takes away the lease or the token, so that no crash parts
 * them. It stays with the path: a mount that moves leaves behind what it has granted.
 */
import { sha256 } from '../../lib/crypto/hash.ts';
import { decodeRecord, putRecord, recordAt } from '../../lib/record.ts';
import type { KeptRecords } from '../mounts/kept-records.ts';
import type { Transaction } from '../../storage/store.ts';
import type { Placed } from './applicable.ts';

/** Paths are those below the namespace. */
export interface LeaseGroup {
  /** The request path, without a closing slash: `auth/approle/login`. */
  readonly path: string;
  /** With its closing slash. */
  readonly mount: string;
  /** Empty where there is none. */
  readonly role: string;
}

/** As stored. */
export interface GroupCount extends LeaseGroup {
  readonly count: number;
}

/** 128 bits: a name of fixed length for what may be longer than a key. */
const ID_BYTES = 16;

export const groupId = ({ path, mount, role }: LeaseGroup): string =>
  sha256(JSON.stringify([mount, path, role]))
    .subarray(0, ID_BYTES)
    .toString('base64url');

/**
 * Of many that are made at once each finds what the one before it wrote. `kept`: where it is found that nobody has changed
 * since.
 */
function countAt(tx: Transaction, at: string, kept?: KeptRecords): GroupCount | undefined {
  if (kept !== undefined) return kept.within(tx, at, decodeRecord<GroupCount>);
  const decoded = tx.written(at)?.decoded;
  return decoded === undefined ? recordAt<GroupCount>(tx, at) : (decoded.record as GroupCount);
}

/** Counts that grow in one transaction: each is read when it is first asked for, and written once. */
export class GrowingGroups {
  readonly #tx: Transaction;
  readonly #kept: KeptRecords | undefined;
  /** By their keys. */
  readonly #counts = new Map<string, GroupCount>();

  constructor(tx: Transaction, kept?: KeptRecords) {
    this.#tx = tx;
    this.#kept = kept;
  }

  /** One more, or the first. Throws `corrupt` where the count is damaged. */
  add(at: string, { path, mount, role }: LeaseGroup): void {
    const before = (this.#counts.get(at) ?? countAt(this.#tx, at, this.#kept))?.count ?? 0;
    this.#counts.set(at, { path, mount, role, count: before + 1 });
  }

  write(): void {
    for (const [at, count] of this.#counts) putRecord(this.#tx, at, count);
  }
}

/** One more, or the first. `at`: its key. */
export function addToGroup(tx: Transaction, at: string, group: LeaseGroup): void {
  const groups = new GrowingGroups(tx);
  groups.add(at, group);
  groups.write();
}

/** One less; the last takes the count with it. */
export function takeFromGroup(tx: Transaction, at: string): void {
  const before = countAt(tx, at);
  if (before === undefined) return;
  if (before.count > 1) putRecord(tx, at, { ...before, count: before.count - 1 } satisfies GroupCount);
  else tx.delete(at);
}

/** Where quotas look for it. `namespace`: the path of its namespace. */
export function placeOfGroup({ path, mount, role }: LeaseGroup, namespace: string): Placed {
  return {
    path: namespace + (path.length < mount.length ? mount : path),
    namespace,
    mount: namespace + mount,
    role: () => (role === '' ? undefined : role),
  };
}
