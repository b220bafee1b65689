/** The `token_…` parameters that every auth role has (Vault's tokenutil), and the grant that they make. */
import { isIP } from 'node:net';
import { fail } from '../errors.ts';
import { field, type JsonObject, type Values } from '../framework/field.ts';
import type { Compartment, LoginTerms } from '../framework/plugin.ts';
import type { Grant } from '../framework/reply.ts';
import { inCidrs, parseCidrs, withoutFullWidth } from '../lib/cidr.ts';
import { defined } from '../lib/defined.ts';
import { recordAt } from '../lib/record.ts';
import type { Page } from '../storage/store.ts';

export const tokenFields = {
  token_bound_cidrs: field.list('Where tokens can be used from.'),
  token_explicit_max_ttl: field.duration('Longest life of tokens, whatever is renewed.'),
  token_max_ttl: field.duration('Longest life of tokens.'),
  token_no_default_policy: field.boolean('Leave the default policy out.'),
  token_num_uses: field.integer('How often a token can be used; 0 is without limit.'),
  token_period: field.duration('Tokens are renewed by this much, without end.'),
  token_policies: field.list('Policies of the tokens.'),
  token_strictly_bind_ip: field.boolean('Tokens can be used from the address of their login alone.'),
  token_ttl: field.duration('How long tokens live.'),
  token_type: field.enum('Type of the tokens.', ['service', 'batch', 'default', 'default-service', 'default-batch']),
} as const;

/** Names from before `token_…`: methods that had them upstream take them still. */
export const oldTokenFields = {
  bound_cidrs: field.list('Old name of token_bound_cidrs.'),
  max_ttl: field.duration('Old name of token_max_ttl.'),
  num_uses: field.integer('Old name of token_num_uses.'),
  period: field.duration('Old name of token_period.'),
  policies: field.list('Old name of token_policies.'),
  ttl: field.duration('Old name of token_ttl.'),
} as const;

/** Where both names of a setting are given, the newer one counts. */
export function withOldNames(
  given: Values<typeof tokenFields> & Partial<Values<typeof oldTokenFields>>,
): Values<typeof tokenFields> {
  return {
    ...given,
    token_bound_cidrs: given.token_bound_cidrs ?? given.bound_cidrs,
    token_max_ttl: given.token_max_ttl ?? given.max_ttl,
    token_num_uses: given.token_num_uses ?? given.num_uses,
    token_period: given.token_period ?? given.period,
    token_policies: given.token_policies ?? given.policies,
    token_ttl: given.token_ttl ?? given.ttl,
  };
}

/** Durations in seconds. */
export interface TokenSettings {
  readonly boundCidrs: readonly string[];
  readonly explicitMaxTtl: number;
  readonly maxTtl: number;
  readonly noDefaultPolicy: boolean;
  readonly numUses: number;
  readonly period: number;
  readonly policies: readonly string[];
  /** Absent: no. */
  readonly strictlyBindIp?: boolean;
  readonly ttl: number;
  readonly type: Grant['type'];
}

export const NO_TOKEN_SETTINGS: TokenSettings = {
  boundCidrs: [],
  explicitMaxTtl: 0,
  maxTtl: 0,
  noDefaultPolicy: false,
  numUses: 0,
  period: 0,
  policies: [],
  ttl: 0,
  type: 'default',
};

/** A login asks for nothing that a default would give way to, so with a default it is the type itself (Vault warns of it). */
const TYPES = {
  service: 'service',
  batch: 'batch',
  default: 'default',
  'default-service': 'service',
  'default-batch': 'batch',
} as const satisfies Readonly<Record<string, Grant['type']>>;

/** `values` over what was there. Throws `badRequest`. */
export function applyTokenFields(before: TokenSettings, values: Partial<Values<typeof tokenFields>>): TokenSettings {
  const given = defined({
    boundCidrs: values.token_bound_cidrs,
    explicitMaxTtl: values.token_explicit_max_ttl,
    maxTtl: values.token_max_ttl,
    noDefaultPolicy: values.token_no_default_policy,
    numUses: values.token_num_uses,
    period: values.token_period,
    policies: values.token_policies?.map((name) => name.toLowerCase()),
    strictlyBindIp: values.token_strictly_bind_ip,
    ttl: values.token_ttl,
    type: values.token_type === undefined ? undefined : TYPES[values.token_type],
  });
  const merged: TokenSettings = { ...before, ...given };
  const after = { ...merged, boundCidrs: withoutFullWidth(merged.boundCidrs) };
  parseCidrs(after.boundCidrs);
  if (after.strictlyBindIp === true && after.boundCidrs.length > 0) {
    throw fail('badRequest', "'token_strictly_bind_ip' conflicts with 'token_bound_cidrs'; set only one");
  }
  if (after.numUses < 0) throw fail('badRequest', 'token_num_uses cannot be negative');
  if (after.maxTtl > 0 && after.ttl > after.maxTtl) {
    throw fail('badRequest', 'token_ttl should not be greater than token_max_ttl');
  }
  const batch = "'token_type' cannot be 'batch' when set to generate";
  if (after.type === 'batch' && after.period > 0) throw fail('badRequest', `${batch} periodic tokens`);
  if (after.type === 'batch' && after.numUses > 0) throw fail('badRequest', `${batch} tokens with limited use count`);
  return after;
}

export function shownTokenSettings(settings: TokenSettings): JsonObject {
  return {
    token_bound_cidrs: settings.boundCidrs,
    token_explicit_max_ttl: settings.explicitMaxTtl,
    token_max_ttl: settings.maxTtl,
    token_no_default_policy: settings.noDefaultPolicy,
    token_num_uses: settings.numUses,
    token_period: settings.period,
    token_policies: settings.policies,
    token_strictly_bind_ip: settings.strictlyBindIp ?? false,
    token_ttl: settings.ttl,
    token_type: settings.type,
  };
}

/** Throws `permissionDenied` for an address that the tokens of such a login could not be used from. */
export function checkLoginAddress({ boundCidrs }: Pick<TokenSettings, 'boundCidrs'>, address: string): void {
  if (boundCidrs.length === 0 || inCidrs(boundCidrs, address)) return;
  throw fail('permissionDenied', undefined, { detail: 'the address is in none of token_bound_cidrs' });
}

/** As `checkLoginAddress`, of a login that is only thought of: undefined is an address that nobody has said. */
export function checkSupposedAddress(settings: Pick<TokenSettings, 'boundCidrs'>, address: string | undefined): void {
  if (address !== undefined) checkLoginAddress(settings, address);
}

/** What a login that is only thought of would grant, for where it is thought to come from. Throws as `boundCidrsFor`. */
export const supposedAt = (grant: Grant, settings: TokenSettings, address: string | undefined): Grant =>
  address === undefined ? grant : { ...grant, boundCidrs: boundCidrsFor(settings, address) };

/**
 * Where a token can be used from that this address logs in for. Throws `badRequest` where it is none (a Unix socket), though the
 * settings bind tokens to it.
 */
export function boundCidrsFor({ boundCidrs, strictlyBindIp }: TokenSettings, address: string): readonly string[] {
  if (strictlyBindIp !== true) return boundCidrs;
  if (isIP(address) === 0) {
    throw fail(
      'badRequest',
      'token_strictly_bind_ip: this login comes from no IP address that a token could be bound to',
    );
  }
  return [address];
}

type Login = Pick<Grant, 'displayName'> &
  Partial<Pick<Grant, 'metadata' | 'alias' | 'internal' | 'boundCidrs' | 'role'>>;

export function grantOf(settings: TokenSettings, login: Login): Grant {
  return {
    policies: settings.policies,
    ttl: settings.ttl,
    maxTtl: settings.maxTtl,
    explicitMaxTtl: settings.explicitMaxTtl,
    period: settings.period,
    numUses: settings.numUses,
    renewable: true,
    boundCidrs: settings.boundCidrs,
    noDefaultPolicy: settings.noDefaultPolicy,
    type: settings.type,
    ...login,
  };
}

/** A page of the roles that lie below `prefix`, as `Plugin.logins` has them. */
export function loginsBelow<T extends object>(
  data: Pick<Compartment, 'list' | 'get'>,
  prefix: string,
  { limit, after }: Page,
  settings: (record: T) => Omit<LoginTerms, 'name'>,
): readonly LoginTerms[] {
  const names = data.list(prefix, after === undefined ? { limit } : { limit, after: prefix + after });
  return names.flatMap((key) => {
    const record = recordAt<T>(data, key);
    if (record === undefined) return [];
    const { policies, noDefaultPolicy, byProgram = false } = settings(record);
    // As tokens have them, however the role writes them.
    const names = policies.map((policy) => policy.toLowerCase());
    return [{ name: key.slice(prefix.length), policies: names, noDefaultPolicy, byProgram }];
  });
}
