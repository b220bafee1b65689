/** A mount's record: what `sys/mounts` and `sys/auth` show of it, and what stays inside. */
import type { LockoutConfig } from '../lockout/lockout-config.ts';

export type MountTableName = 'secret' | 'auth';

/** TTLs in seconds; 0 means the system's default. */
export interface MountConfig {
  readonly defaultLeaseTtl: number;
  readonly maxLeaseTtl: number;
  readonly forceNoCache: boolean;
  readonly auditNonHmacRequestKeys?: readonly string[];
  readonly auditNonHmacResponseKeys?: readonly string[];
  readonly listingVisibility?: string;
  readonly passthroughRequestHeaders?: readonly string[];
  readonly allowedResponseHeaders?: readonly string[];
  readonly tokenType?: string;
  readonly userLockout?: Partial<LockoutConfig>;
}

export interface MountRecord {
  readonly uuid: string;
  /** The uuid that it had before it first moved to another namespace: identities know it by that. */
  readonly origin?: string;
  readonly table: MountTableName;
  /** With a closing slash and without `auth/`: `secret/`, `approle/`. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly accessor: string;
  readonly local: boolean;
  readonly sealWrap: boolean;
  readonly externalEntropyAccess: boolean;
  readonly options: Readonly<Record<string, string>> | null;
  readonly config: MountConfig;
  /** Key of the mount's HMAC, base64: shared with the mount, never shown. */
  readonly salt: string;
  /** What was done to it last, for events; absent in what was written before there were any. */
  readonly lastChange?: 'enable' | 'tune' | 'move';
  /** The path of its namespace with a closing slash; absent in the root one. Namespaces never move. */
  readonly namespace?: string;
  /** It is being copied from another namespace: it takes the path, and is no mount yet. */
  readonly moving?: true;
}

/** Where requests reach it: `secret/`, `auth/approle/`. */
export function requestPath(record: Pick<MountRecord, 'table' | 'path'>): string {
  return record.table === 'auth' ? `auth/${record.path}` : record.path;
}

/** The same from the root namespace on: `team/secret/`. What policies, filters and subscribers name. */
export function fullPath(record: Pick<MountRecord, 'table' | 'path' | 'namespace'>): string {
  return (record.namespace ?? '') + requestPath(record);
}

/** What identities know it by, wherever it moves. */
export const originOf = ({ origin, uuid }: Pick<MountRecord, 'origin' | 'uuid'>): string => origin ?? uuid;

export const NO_CONFIG: MountConfig = { defaultLeaseTtl: 0, maxLeaseTtl: 0, forceNoCache: false };

interface BuiltIn extends Pick<MountRecord, 'table' | 'path' | 'type' | 'description' | 'local'> {}

/** Mounts that are every node's own, by their id. */
export const BUILT_IN: Readonly<Record<string, BuiltIn>> = {
  sys: {
    table: 'secret',
    path: 'sys/',
    type: 'system',
    description: 'control, policies and state of this server',
    local: false,
  },
  cubbyhole: {
    table: 'secret',
    path: 'cubbyhole/',
    type: 'cubbyhole',
    description: 'per-token private secret storage',
    local: true,
  },
  identity: {
    table: 'secret',
    path: 'identity/',
    type: 'identity',
    description: 'identity store',
    local: false,
  },
  token: {
    table: 'auth',
    path: 'token/',
    type: 'token',
    description: 'token based credentials',
    local: false,
  },
};

export function isBuiltIn(record: Pick<MountRecord, 'uuid'>): boolean {
  return Object.hasOwn(BUILT_IN, record.uuid);
}
