/** Mount records as the API shows them, and what a request says of one. */
import type { Mounted } from '../core/mounts/mount-table.ts';
import type { MountConfig, MountRecord } from '../core/mounts/mount.ts';
import { fail } from '../errors.ts';
import { field, type Field, type JsonObject, type Values } from '../framework/field.ts';
import { defined } from '../lib/defined.ts';
import { lockoutValues, shownLockout } from './mount-lockout.ts';

/** As a duration; `system` gives it back to the default of the node. Vault's Go client sends '' for what it leaves alone. */
function ttl(help: string): Field<number | undefined> {
  const duration = field.duration(help);
  return {
    ...duration,
    coerce: (raw, name) => (raw === '' ? undefined : duration.coerce(raw === 'system' ? 0 : raw, name)),
  };
}

/** An empty text gives it back to the default; without it nothing changes. */
function emptiable<T>(base: Field<T | undefined>): Field<T | '' | undefined> {
  return { ...base, coerce: (raw, name) => (raw === '' ? '' : base.coerce(raw, name)) };
}

/** Of `config` on enabling, and of `tune`. */
export const configFields = {
  default_lease_ttl: ttl('Default TTL of leases and tokens of this mount.'),
  max_lease_ttl: ttl('Longest TTL of leases and tokens of this mount.'),
  force_no_cache: field.boolean('Kept for old clients; has no effect.'),
  audit_non_hmac_request_keys: field.list('Request keys that audit devices show in clear.'),
  audit_non_hmac_response_keys: field.list('Response keys that audit devices show in clear.'),
  listing_visibility: emptiable(field.enum('Whether the mount is listed without a token.', ['unauth', 'hidden'])),
  passthrough_request_headers: field.list('Request headers that the plug-in sees.'),
  allowed_response_headers: field.list('Response headers that the plug-in may set.'),
  token_type: emptiable(
    field.enum('Type of tokens of an auth mount.', ['default-service', 'default-batch', 'service', 'batch']),
  ),
  plugin_version: field.string('Kept for old clients; has no effect.'),
  user_lockout_config: field.object(
    'Of an auth mount: `lockout_threshold`, `lockout_duration`, `lockout_counter_reset_duration`, `lockout_disable`.',
  ),
} as const;

export type ConfigValues = Values<typeof configFields>;

/** `values` over what was there. Throws `badRequest` when the default TTL exceeds the longest. */
export function applyConfig(before: MountConfig, values: ConfigValues): MountConfig {
  const userLockout =
    values.user_lockout_config === undefined
      ? undefined
      : lockoutValues(before.userLockout, values.user_lockout_config);
  const given = {
    defaultLeaseTtl: values.default_lease_ttl,
    maxLeaseTtl: values.max_lease_ttl,
    forceNoCache: values.force_no_cache,
    auditNonHmacRequestKeys: values.audit_non_hmac_request_keys,
    auditNonHmacResponseKeys: values.audit_non_hmac_response_keys,
    listingVisibility: values.listing_visibility,
    passthroughRequestHeaders: values.passthrough_request_headers,
    allowedResponseHeaders: values.allowed_response_headers,
    tokenType: values.token_type,
    userLockout,
  };
  const { listingVisibility, tokenType, ...others } = { ...before, ...defined(given) };
  const after: MountConfig = {
    ...others,
    ...(listingVisibility === undefined || listingVisibility === '' ? {} : { listingVisibility }),
    ...(tokenType === undefined || tokenType === '' ? {} : { tokenType }),
  };
  if (after.maxLeaseTtl > 0 && after.defaultLeaseTtl > after.maxLeaseTtl) {
    throw fail('badRequest', 'default_lease_ttl must not be greater than max_lease_ttl');
  }
  return after;
}

/** The values of a `config` object, coerced field by field. */
export function configValues(raw: JsonObject): ConfigValues {
  const values: Record<string, unknown> = {};
  for (const [name, { coerce }] of Object.entries(configFields)) values[name] = coerce(raw[name], name);
  return values as ConfigValues;
}

/** A list that has no members is not shown. */
const some = (name: string, list: readonly string[] | undefined): JsonObject =>
  list === undefined || list.length === 0 ? {} : { [name]: list };

function shownConfig({ table, config }: MountRecord): JsonObject {
  return {
    default_lease_ttl: config.defaultLeaseTtl,
    force_no_cache: config.forceNoCache,
    max_lease_ttl: config.maxLeaseTtl,
    ...some('audit_non_hmac_request_keys', config.auditNonHmacRequestKeys),
    ...some('audit_non_hmac_response_keys', config.auditNonHmacResponseKeys),
    ...(config.listingVisibility === undefined ? {} : { listing_visibility: config.listingVisibility }),
    ...some('passthrough_request_headers', config.passthroughRequestHeaders),
    ...some('allowed_response_headers', config.allowedResponseHeaders),
    ...(table === 'auth' ? { token_type: config.tokenType ?? 'default-service' } : {}),
  };
}

/** One entry of `sys/mounts` or `sys/auth`. */
export function describeMount({ record }: Mounted): JsonObject {
  const lockout = shownLockout(record.config);
  return {
    accessor: record.accessor,
    config: { ...shownConfig(record), ...(lockout === undefined ? {} : { user_lockout_config: lockout }) },
    deprecation_status: 'supported',
    description: record.description,
    external_entropy_access: record.externalEntropyAccess,
    local: record.local,
    options: record.options,
    plugin_version: '',
    running_plugin_version: '',
    running_sha256: '',
    seal_wrap: record.sealWrap,
    type: record.type,
    uuid: record.uuid,
  };
}

/** What anybody may know of a mount whose `listing_visibility` is `unauth`. */
export function describeToAll({ record }: Mounted): JsonObject {
  return { type: record.type, description: record.description, options: record.options };
}

/** What `tune` reads: the TTLs in force. */
export function describeTune({ record }: Mounted, ttl: { readonly default: number; readonly max: number }): JsonObject {
  return {
    ...shownConfig(record),
    ...shownLockout(record.config),
    default_lease_ttl: ttl.default,
    max_lease_ttl: ttl.max,
    description: record.description,
    ...(record.options === null ? {} : { options: record.options }),
  };
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * A mount path from a request: closing slash, no more. Throws `badRequest` when there is none, and for one that no request
 * reaches: a body's is not canonical yet.
 */
export function mountPath(given: string): string {
  const path = given.endsWith('/') ? given : `${given}/`;
  if (path === '/') throw fail('badRequest', 'a mount needs a path');
  const segments = path.slice(0, -1).split('/');
  if (UNPRINTABLE.test(path) || segments.some((segment) => ['', '.', '..'].includes(segment))) {
    throw fail('badRequest', 'a mount path has no empty, "." or ".." segment and nothing that cannot be printed');
  }
  return path;
}
