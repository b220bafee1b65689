/**
 * Secret-ids: the other half of a login. Stored under keyed HMACs of the id and of its accessor.
 *
 * One without a use limit is shared and works in every region that holds the role. One with a limit is consumed, so it
 * has one owner: the region that issued it, which the id itself names (design rule 22). Its form is a UUID either way:
 * version 4 for the shared ones; version 8 (RFC 9562, section 5.8) with the owner's mark in the first 32 bits for owned
 * ones, which leaves 90 random bits.
 */
import { fail } from '../../errors.ts';
import type { Compartment, MountView } from '../../framework/plugin.ts';
import { sha256 } from '../../lib/crypto/hash.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { decodeRecord, encodeRecord, putRecord, recordAt, textAt } from '../../lib/record.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { Page, Transaction } from '../../storage/store.ts';
import type { AppRole, Role } from './role.ts';

/** Times are milliseconds since the epoch; 0 means none. */
export interface SecretId {
  readonly role: string;
  readonly roleUuid: string;
  readonly accessor: string;
  /** Uses left, where there is a limit. */
  readonly numUses: number;
  /** Seconds. */
  readonly ttl: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly cidrList: readonly string[];
  readonly tokenBoundCidrs: readonly string[];
  readonly limited: boolean;
}

export interface Located {
  readonly key: string;
  readonly home: Compartment;
  readonly record: SecretId;
}

const IDS = 'secret-id/';
const ACCESSORS = 'accessor/';
/** All that this file keeps: a login needs both. */
export const ISSUED: readonly string[] = [IDS, ACCESSORS];

const mark = (region: string): string => sha256(`region:${region}`).subarray(0, 4).toString('hex');

function newSecretId(region: string | undefined): string {
  const random = uuid();
  if (region === undefined) return random;
  return `${mark(region)}${random.slice(8, 14)}8${random.slice(15)}`;
}

/** Whether an id says that another region owns it. */
export function belongsElsewhere(view: MountView, secretId: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-/.test(secretId) && !secretId.startsWith(mark(view.region));
}

/** Below the role's name: what a role owns is listed and deleted by prefix. */
const idKey = (view: MountView, { name, uuid }: Owner, secretId: string): string =>
  `${IDS}${name}/${view.hmac(`secret-id:${uuid}:${secretId}`)}`;
const accessorKey = (view: MountView, { name, uuid }: Owner, accessor: string): string =>
  `${ACCESSORS}${name}/${view.hmac(`accessor:${uuid}:${accessor}`)}`;

type Owner = Pick<Role, 'name' | 'uuid'>;
const ownerOf = (record: SecretId): Owner => ({ name: record.role, uuid: record.roleUuid });

const homes = (view: MountView): readonly Compartment[] => [view.local, view.shared];

export function findSecretId(view: MountView, role: Owner, secretId: string): Located | undefined {
  return located(view, idKey(view, role, secretId));
}

function located(view: MountView, key: string): Located | undefined {
  for (const home of homes(view)) {
    const record = home.kept(key, decodeRecord<SecretId>);
    if (record !== undefined) return { key, home, record };
  }
  return undefined;
}

export function findByAccessor(view: MountView, role: Owner, accessor: string): Located | undefined {
  for (const home of homes(view)) {
    const key = textAt(home, accessorKey(view, role, accessor));
    if (key !== undefined) return located(view, key);
  }
  return undefined;
}

export interface SecretIdSpec {
  /** Chosen by the caller (`custom-secret-id`); made if absent. */
  readonly secretId?: string;
  readonly numUses: number;
  readonly ttl: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly cidrList: readonly string[];
  readonly tokenBoundCidrs: readonly string[];
}

export interface Issued {
  readonly secretId: string;
  readonly record: SecretId;
}

/** Throws `badRequest` when a custom id is taken. */
export async function issue({ view }: AppRole, role: Role, spec: SecretIdSpec, now: number): Promise<Issued> {
  const limited = spec.numUses > 0;
  const owned = limited || role.localSecretIds || !view.shared.writable;
  const { secretId = newSecretId(owned ? view.region : undefined), ...rest } = spec;
  const record: SecretId = {
    ...rest,
    role: role.name,
    roleUuid: role.uuid,
    accessor: uuid(),
    limited,
    createdAt: now,
    updatedAt: now,
    expiresAt: spec.ttl === 0 ? 0 : now + spec.ttl * 1000,
  };
  const home = owned ? view.local : view.shared;
  const key = idKey(view, role, secretId);
  if (located(view, key) !== undefined) throw fail('badRequest', 'SecretID is already registered');
  await home.transact((tx) => {
    if (tx.has(key)) throw fail('badRequest', 'SecretID is already registered');
    tx.put(key, encodeRecord(record));
    tx.put(accessorKey(view, role, record.accessor), encodeRecord(key));
  });
  return { secretId, record };
}

export const isExpired = (record: SecretId, now: number): boolean => record.expiresAt !== 0 && record.expiresAt <= now;

/** Takes one use. False when there was none left: somebody else took the last. */
export async function consume({ view }: AppRole, { key, home, record }: Located, now: number): Promise<boolean> {
  if (!record.limited) return true;
  return home.transact((tx) => {
    const current = tx.kept(key, decodeRecord<SecretId>);
    if (current === undefined || current.numUses < 1) return false;
    if (current.numUses === 1) drop(view, tx, key, current);
    else putRecord(tx, key, { ...current, numUses: current.numUses - 1, updatedAt: now } satisfies SecretId);
    return true;
  });
}

function drop(view: MountView, tx: Transaction, key: string, record: SecretId): void {
  tx.delete(key);
  tx.delete(accessorKey(view, ownerOf(record), record.accessor));
}

export async function destroy(view: MountView, { key, home, record }: Located): Promise<void> {
  await home.transact((tx) => {
    drop(view, tx, key, record);
  });
}

const PAGE = 500;

/** A page of the accessors of a role's secret-ids, in the order of their keys; `after` is an accessor. */
export function accessorsOf(view: MountView, role: Owner, { after, limit }: Page): readonly string[] {
  const found: string[] = [];
  for (let from = after === undefined ? undefined : accessorKey(view, role, after); ;) {
    const size = Math.min(limit, PAGE);
    const entries = accessorEntries(view, role, { limit: size, ...(from === undefined ? {} : { after: from }) });
    for (const { key, home } of entries) {
      const at = textAt(home, key);
      const record = at === undefined ? undefined : recordAt<SecretId>(home, at);
      if (record?.roleUuid === role.uuid) found.push(record.accessor);
      if (found.length === limit) return found;
    }
    if (entries.length < size) return found;
    from = entries.at(-1)?.key;
  }
}

/** Of both compartments, as if they were one. */
function accessorEntries(view: MountView, { name }: Owner, page: Page): readonly Pick<Located, 'key' | 'home'>[] {
  return homes(view)
    .flatMap((home) => home.list(`${ACCESSORS}${name}/`, page).map((key) => ({ key, home })))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, page.limit);
}

/** All secret-ids of a role, in short transactions. `shared` ones only where they can be written. */
export async function destroyAll(view: MountView, role: string): Promise<void> {
  await sweep(view, `${role}/`, () => true);
}

/** Secret-ids whose time is over. */
export async function tidy(view: MountView, now: number): Promise<void> {
  await sweep(view, '', (record) => isExpired(record, now));
}

async function sweep(view: MountView, below: string, over: (record: SecretId) => boolean): Promise<void> {
  for (const home of homes(view)) {
    if (!home.writable) continue;
    for (let after: string | undefined; ;) {
      const page = home.list(IDS + below, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      const gone = page.filter((key) => {
        const found = recordAt<SecretId>(home, key);
        return found !== undefined && over(found);
      });
      if (gone.length > 0) {
        await home.transact((tx) => {
          for (const key of gone) {
            const record = recordAt<SecretId>(tx, key);
            if (record !== undefined) drop(view, tx, key, record);
          }
        });
      }
      if (page.length < PAGE) break;
      after = page.at(-1);
      await nextTurn();
    }
  }
}
