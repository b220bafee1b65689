/** A role of AppRole: who may log in by it, and what their tokens are. */
import { fail } from '../../errors.ts';
import type { Compartment, MountView } from '../../framework/plugin.ts';
import { decryptGcm, encryptGcm } from '../../lib/crypto/aes-gcm.ts';
import { deriveKey, takeKey, type KeyObject } from '../../lib/crypto/hash.ts';
import { decodeFound, encodeRecord } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { NO_TOKEN_SETTINGS, type TokenSettings } from '../token-fields.ts';

export interface Role {
  /** Lower case. */
  readonly name: string;
  readonly roleId: string;
  readonly bindSecretId: boolean;
  readonly secretIdBoundCidrs: readonly string[];
  /** 0: without limit. */
  readonly secretIdNumUses: number;
  /** Seconds; 0: without end. */
  readonly secretIdTtl: number;
  readonly localSecretIds: boolean;
  readonly token: TokenSettings;
}

export interface AppRole {
  readonly view: MountView;
}

const ROLES = 'role/';
const ROLE_IDS = 'role-id/';

export const roleName = (name: string): string => name.toLowerCase();
export const rolesPrefix = ROLES;

type Reads = Pick<Compartment, 'get'>;

export const readRole = (from: Reads, name: string): Role | undefined =>
  decodeFound<Role>(from.get(ROLES + roleName(name)));

/** Throws a 404 that names nothing more, as Vault does. */
export function mustReadRole(from: Reads, name: string): Role {
  const role = readRole(from, name);
  if (role === undefined) throw fail('notFound', `role "${roleName(name)}" does not exist`);
  return role;
}

/**
 * Role-ids are found by a keyed HMAC: they are half of a credential, and keys lie on disk in clear. The entry names its
 * role only to who has the role-id: a region that holds other roles of the mount gets the entry, but learns no name.
 */
const indexKey = (view: MountView, roleId: string): string => ROLE_IDS + view.hmac(`role-id:${roleId}`);
const entryKey = (roleId: string): KeyObject => deriveKey(takeKey(Buffer.from(roleId)), 'approle role-id index');

const encodeEntry = (view: MountView, role: Role): Uint8Array =>
  encryptGcm(entryKey(role.roleId), Buffer.from(role.name), Buffer.from(indexKey(view, role.roleId)));

function roleNameAt(from: Reads, view: MountView, roleId: string): string | undefined {
  const key = indexKey(view, roleId);
  const entry = from.get(key);
  return entry === undefined ? undefined : decryptGcm(entryKey(roleId), entry, Buffer.from(key))?.toString();
}

export function roleByRoleId(view: MountView, roleId: string): Role | undefined {
  const name = roleNameAt(view.shared, view, roleId);
  const role = name === undefined ? undefined : readRole(view.shared, name);
  return role?.roleId === roleId ? role : undefined;
}

/** Throws `badRequest` when another role has the role-id. */
export function writeRole(view: MountView, tx: Transaction, role: Role): void {
  const before = readRole(tx, role.name);
  const owner = roleNameAt(tx, view, role.roleId);
  if (owner !== undefined && owner !== role.name) throw fail('badRequest', 'role_id already in use');
  if (before !== undefined && before.roleId !== role.roleId) tx.delete(indexKey(view, before.roleId));
  tx.put(indexKey(view, role.roleId), encodeEntry(view, role));
  tx.put(ROLES + role.name, encodeRecord(role));
}

export function deleteRole(view: MountView, tx: Transaction, name: string): void {
  const role = readRole(tx, name);
  if (role === undefined) return;
  tx.delete(indexKey(view, role.roleId));
  tx.delete(ROLES + role.name);
}

export function newRole(name: string, roleId: string): Role {
  return {
    name: roleName(name),
    roleId,
    bindSecretId: true,
    secretIdBoundCidrs: [],
    secretIdNumUses: 0,
    secretIdTtl: 0,
    localSecretIds: false,
    token: NO_TOKEN_SETTINGS,
  };
}
