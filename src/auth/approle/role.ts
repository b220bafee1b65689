/** A role of AppRole: who may log in by it, and what their tokens are. */
import { fail } from '../../errors.ts';
import type { Compartment, MountView } from '../../framework/plugin.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { decodeRecord, encodeRecord, recordAt } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { NO_TOKEN_SETTINGS, type TokenSettings } from '../token-fields.ts';

export interface Role {
  /** Lower case. */
  readonly name: string;
  /** Made with the role: secret-ids belong to it, not to a later role of the same name. */
  readonly uuid: string;
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
  /** The key of a role, mostly of the one that was found by its role-id last. */
  found: string | undefined;
}

const ROLES = 'role/';
const ROLE_IDS = 'role-id/';

export const roleName = (name: string): string => name.toLowerCase();
export const rolesPrefix = ROLES;

type Reads = Pick<Compartment, 'get' | 'list'>;

export const readRole = (from: Pick<Reads, 'get'>, name: string): Role | undefined =>
  recordAt<Role>(from, ROLES + roleName(name));

/** Throws a 404 that names nothing more, as Vault does. */
export function mustReadRole(from: Pick<Reads, 'get'>, name: string): Role {
  const role = readRole(from, name);
  if (role === undefined) throw fail('notFound', `role "${roleName(name)}" does not exist`);
  return role;
}

/**
 * Role-ids are found by a keyed HMAC: they are half of a credential, and keys lie on disk in clear. The role stands behind
 * it, so that filters send an entry with its role alone: a region that holds other roles of the mount knows the HMAC's
 * key, and could else look for role-ids that people chose.
 */
const indexKey = (view: MountView, roleId: string, role: string): string =>
  `${ROLE_IDS}${view.hmac(`role-id:${roleId}`)}/${role}`;
const NOTHING = new Uint8Array();

function roleNameAt(from: Reads, view: MountView, roleId: string): string | undefined {
  const prefix = indexKey(view, roleId, '');
  return from.list(prefix, { limit: 1 })[0]?.slice(prefix.length);
}

/** The role that an entry of the index belongs to. */
export const indexedRole = (key: string): string | undefined => /^role-id\/[^/]+\/(.+)$/s.exec(key)?.[1];

/** Nobody's: what is looked for under it costs what a role's would (design rule 33). */
export const NO_ROLE: Role = newRole('-', uuid());

/** A role that is there: the one found last, or the first after a start and where that one is gone. */
function standIn(mount: AppRole): string | undefined {
  const { shared } = mount.view;
  if (mount.found === undefined || !shared.has(mount.found)) [mount.found] = shared.list(ROLES, { limit: 1 });
  return mount.found;
}

/** Reads a role also where there is none for the role-id: the time tells little of which it was. */
export function roleByRoleId(mount: AppRole, roleId: string): Role | undefined {
  const { view } = mount;
  const name = roleNameAt(view.shared, view, roleId);
  const read = name === undefined ? standIn(mount) : ROLES + name;
  const role = read === undefined ? undefined : view.shared.kept(read, decodeRecord<Role>);
  if (name === undefined || role?.roleId !== roleId) return undefined;
  mount.found = read;
  return role;
}

/** Throws `badRequest` when another role has the role-id. */
export function writeRole(view: MountView, tx: Transaction, role: Role): void {
  const before = readRole(tx, role.name);
  const owner = roleNameAt(tx, view, role.roleId);
  if (owner !== undefined && owner !== role.name) throw fail('badRequest', 'role_id already in use');
  if (before !== undefined && before.roleId !== role.roleId) tx.delete(indexKey(view, before.roleId, role.name));
  tx.put(indexKey(view, role.roleId, role.name), NOTHING);
  tx.put(ROLES + role.name, encodeRecord(role));
}

export function deleteRole(view: MountView, tx: Transaction, name: string): void {
  const role = readRole(tx, name);
  if (role === undefined) return;
  tx.delete(indexKey(view, role.roleId, role.name));
  tx.delete(ROLES + role.name);
}

export function newRole(name: string, roleId: string): Role {
  return {
    name: roleName(name),
    uuid: uuid(),
    roleId,
    bindSecretId: true,
    secretIdBoundCidrs: [],
    secretIdNumUses: 0,
    secretIdTtl: 0,
    localSecretIds: false,
    token: NO_TOKEN_SETTINGS,
  };
}
