/**
 * How leases lie in the store: a record each, and what finds it by path, by token, by time. All of them change in one
 * transaction, from what a record was to what it is; nobody else writes these keys.
 */
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Snapshot, Transaction } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { addToGroup, groupId, takeFromGroup, type LeaseGroup } from '../quotas/lease-groups.ts';
import { namespaceOfToken } from '../tokens/token.ts';
import { namespaceOfLease, type LeaseRecord } from './lease.ts';
import { dueAt, leaseMachine, type LeaseInput, type LeaseOutput, type LeaseState } from './lease-machine.ts';

const NOTHING = new Uint8Array();

/** How many leases there are of one mount; the failed ones are among them all. */
export interface LeaseCount {
  readonly all: number;
  readonly irrevocable: number;
}

const NO_LEASES: LeaseCount = { all: 0, irrevocable: 0 };

type Reads = Pick<Snapshot, 'get'>;

export const leaseAt = (key: string): string => keys.lease(namespaceOfLease(key), key);

export function readLease(from: Reads, key: string): LeaseRecord | undefined {
  return recordAt<LeaseRecord>(from, leaseAt(key));
}

/** Exact at the moment of the read: it changes with the leases. */
export function countOf(from: Reads, namespace: string, mount: string): LeaseCount {
  return recordAt<LeaseCount>(from, keys.leaseCount(namespace, mount)) ?? NO_LEASES;
}

/** The key that finds a lease by its path. */
export const pathKey = ({ namespace, path }: Pick<LeaseRecord, 'namespace' | 'path'>, key: string): string =>
  `${keys.leasePaths(namespace)}${path}/${key}`;

interface Entries {
  /** Written once and deleted once: metrics count them. */
  readonly path: string | undefined;
  readonly token: string | undefined;
  readonly due: string | undefined;
  readonly intent: string | undefined;
  readonly failure: string | undefined;
}

const ABSENT: Entries = { path: undefined, token: undefined, due: undefined, intent: undefined, failure: undefined };

function entriesOf(key: string, record: LeaseRecord | undefined): Entries {
  if (record === undefined) return ABSENT;
  const { state, token } = record;
  const at = dueAt(state);
  const held = state.kind === 'pending' || state.kind === 'live';
  return {
    path: pathKey(record, key),
    // One that ends is nobody's any more.
    token: held && token !== undefined ? keys.tokenLeases(namespaceOfToken(token), token) + key : undefined,
    due: at === undefined ? undefined : keys.leaseDue(record.mount, at, key),
    intent: state.kind === 'pending' ? keys.leaseIntents + key : undefined,
    failure: state.kind === 'irrevocable' ? keys.leaseFailures(record.namespace) + key : undefined,
  };
}

/** The keys that find a lease, and say when there is something to do for it. */
export const leaseEntries = (key: string, record: LeaseRecord): readonly string[] =>
  Object.values<string | undefined>({ ...entriesOf(key, record) }).filter((entry) => entry !== undefined);

/** What quotas count it as. */
export function leaseGroupOf({ path, rest }: Pick<LeaseRecord, 'path' | 'rest'>): LeaseGroup {
  return { path, mount: rest === '' ? `${path}/` : path.slice(0, -rest.length), role: '' };
}

function count(tx: Transaction, record: LeaseRecord, change: LeaseCount): void {
  const { namespace, mount } = record;
  if (change.all !== 0) {
    const group = leaseGroupOf(record);
    const at = keys.leaseGroups(namespace) + groupId(group);
    if (change.all > 0) addToGroup(tx, at, group);
    else takeFromGroup(tx, at);
  }
  if (change.all === 0 && change.irrevocable === 0) return;
  const before = countOf(tx, namespace, mount);
  const after = { all: before.all + change.all, irrevocable: before.irrevocable + change.irrevocable };
  const at = keys.leaseCount(namespace, mount);
  if (after.all === 0) tx.delete(at);
  else tx.put(at, encodeRecord(after satisfies LeaseCount));
}

/** Replaces a record, or puts the first or takes the last one. `before`: what the transaction reads. */
function write(tx: Transaction, key: string, before: LeaseRecord | undefined, after: LeaseRecord | undefined): void {
  const record = after ?? before;
  if (record === undefined) return;
  if (after === undefined) tx.delete(leaseAt(key));
  else tx.put(leaseAt(key), encodeRecord(after));
  const [was, is] = [entriesOf(key, before), entriesOf(key, after)];
  for (const name of Object.keys(ABSENT) as (keyof Entries)[]) {
    const [old, wanted] = [was[name], is[name]];
    if (old === wanted) continue;
    if (old !== undefined) tx.delete(old);
    if (wanted !== undefined) tx.put(wanted, NOTHING);
  }
  const one = (entry: unknown): number => (entry === undefined ? 0 : 1);
  count(tx, record, { all: one(after) - one(before), irrevocable: one(is.failure) - one(was.failure) });
}

/** Puts a new lease. */
export function insertLease(
  tx: Transaction,
  key: string,
  record: Omit<LeaseRecord, 'state'>,
  input: LeaseInput,
): LeaseRecord {
  const { state } = leaseMachine.step(leaseMachine.initial, input);
  const made = { ...record, state };
  write(tx, key, readLease(tx, key), made);
  return made;
}

export interface Stepped {
  readonly record: LeaseRecord;
  readonly output: LeaseOutput | undefined;
}

/** One step of the lease as it is in the transaction, with `change` of its record. undefined: there is no such lease. */
export function stepLease(
  tx: Transaction,
  key: string,
  input: LeaseInput,
  change: Partial<LeaseRecord> = {},
): Stepped | undefined {
  const before = readLease(tx, key);
  if (before === undefined) return undefined;
  const { state, outputs } = leaseMachine.step(before.state, input);
  const [output] = outputs;
  if (output === 'refused') return { record: before, output };
  const record = { ...before, ...change, state };
  write(tx, key, before, isGone(state) ? undefined : record);
  return { record, output };
}

const isGone = ({ kind }: LeaseState): boolean => kind === 'none';

/** How leases of a token end. */
export interface EndingLeases {
  readonly now: number;
  readonly limit: number;
  /** Whether the lease of a key lies in a namespace that can be read now. */
  readonly isReadable: (key: string) => boolean;
}

/**
 * Ends leases of a token, a page of them. True when more are left. For the transaction that works off its end. Those in a
 * namespace that is sealed end when it is unsealed.
 */
export function endLeasesOf(tx: Transaction, token: string, { now, limit, isReadable }: EndingLeases): boolean {
  const prefix = keys.tokenLeases(namespaceOfToken(token), token);
  const page = tx.list(prefix, { limit });
  for (const entry of page) {
    const key = entry.slice(prefix.length);
    if (!isReadable(key)) {
      tx.delete(entry);
      tx.put(keys.waitingLeases(namespaceOfLease(key)) + key, NOTHING);
      continue;
    }
    const stepped = stepLease(tx, key, { kind: 'ended', now });
    // Of a record that is gone, or ends already: the entry is nothing's.
    if (stepped === undefined || stepped.output === 'refused') tx.delete(entry);
  }
  return page.length === limit;
}
