/** A role: which service accounts log in by it, and what they get. */
import { fail } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import type { Compartment } from '../../framework/plugin.ts';
import { defined } from '../../lib/defined.ts';
import { matchesGlob } from '../../lib/glob.ts';
import { recordAt } from '../../lib/record.ts';
import {
  applyTokenFields,
  NO_TOKEN_SETTINGS,
  oldTokenFields,
  shownTokenSettings,
  tokenFields,
  type TokenSettings,
  withOldNames,
} from '../token-fields.ts';
import { isOffline, type KubernetesConfig } from './mount.ts';
import { isApiAudience } from './offline.ts';
import { parseSelector } from './selector.ts';
import { roleOfLogin } from '../role-records.ts';

const ALIAS_SOURCES = ['serviceaccount_uid', 'serviceaccount_name'] as const;

export interface KubernetesRole {
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
  /** Empty: none. */
  readonly selector: string;
  /** Empty: whatever the API server takes as its own. */
  readonly audience: string;
  readonly aliasSource: (typeof ALIAS_SOURCES)[number];
  readonly token: TokenSettings;
}

const NEW: KubernetesRole = {
  ...{ names: [], namespaces: [], selector: '', audience: '', aliasSource: 'serviceaccount_uid' },
  token: NO_TOKEN_SETTINGS,
};

export const rolesPrefix = 'role/';

export const readRole = (from: Pick<Compartment, 'get'>, name: string): KubernetesRole | undefined =>
  recordAt<KubernetesRole>(from, rolesPrefix + name.toLowerCase());

/** Throws `badRequest`. */
export const mustReadRole = (from: Pick<Compartment, 'kept'>, name: string): KubernetesRole =>
  roleOfLogin<KubernetesRole>(from, { prefix: rolesPrefix, name, unknown: (given) => `invalid role name "${given}"` });

export const roleFields = {
  bound_service_account_names: field.list('Names of service accounts; * in them stands for any text.'),
  bound_service_account_namespaces: field.list('Their namespaces; * in them stands for any text.'),
  bound_service_account_namespace_selector: field.string(
    'A label selector in JSON: namespaces that it selects log in too. Only with TokenReview.',
  ),
  audience: field.string('The audience that tokens must have. Offline verification needs one.'),
  alias_name_source: field.enum('What service accounts are known by.', ALIAS_SOURCES),
  ...tokenFields,
  ...oldTokenFields,
};

export type GivenRole = Values<typeof roleFields>;

function checkBindings({ names, namespaces, selector }: KubernetesRole): void {
  if (names.length === 0) throw fail('badRequest', '"bound_service_account_names" can not be empty');
  if (namespaces.length === 0 && selector === '') {
    throw fail(
      'badRequest',
      '"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set',
    );
  }
  for (const list of [names, namespaces]) {
    if (list.length > 1 && list.includes('*')) throw fail('badRequest', 'can not mix "*" with values');
    if (list.includes('')) throw fail('badRequest', 'a bound name can not be empty');
  }
  if (selector !== '') parseSelector(selector);
}

/** Throws `badRequest` for a role that nobody could log in by. */
function checkOffline({ audience, selector, aliasSource }: KubernetesRole, config: KubernetesConfig): void {
  if (audience === '') throw fail('badRequest', 'audience must be set: this mount verifies tokens offline');
  if (isApiAudience(config, audience)) {
    throw fail(
      'badRequest',
      'audience is the API server’s own: choose one for this server, and project tokens with it',
    );
  }
  if (selector !== '') {
    throw fail(
      'badRequest',
      'bound_service_account_namespace_selector needs kubernetes_host: offline nobody tells the labels of a namespace',
    );
  }
  if (aliasSource !== 'serviceaccount_uid') {
    throw fail('badRequest', 'alias_name_source must be serviceaccount_uid: this mount verifies tokens offline');
  }
}

/** `given` over what was there. Throws `badRequest`. */
export function changedRole(
  before: KubernetesRole | undefined,
  given: GivenRole,
  config: KubernetesConfig | undefined,
): KubernetesRole {
  const base = before ?? NEW;
  const role: KubernetesRole = {
    ...base,
    ...defined({
      names: given.bound_service_account_names,
      namespaces: given.bound_service_account_namespaces,
      selector: given.bound_service_account_namespace_selector?.trim(),
      audience: given.audience,
      aliasSource: given.alias_name_source,
    }),
    token: applyTokenFields(base.token, withOldNames(given)),
  };
  checkBindings(role);
  if (config !== undefined && isOffline(config)) checkOffline(role, config);
  return role;
}

/** What whoever writes such a role may not have meant. */
export function warningsOf({ names, namespaces, audience }: KubernetesRole): readonly string[] {
  return [
    ...(audience === ''
      ? ['the role has no audience: tokens that were made for the API server, or for anybody it trusts, log in by it']
      : []),
    ...(names.includes('*') && namespaces.includes('*') ? ['every service account of the cluster logs in by it'] : []),
  ];
}

const matchesOne = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => matchesGlob(pattern, name));

export const bindsName = ({ names }: KubernetesRole, name: string): boolean => matchesOne(names, name);

export const bindsNamespace = ({ namespaces }: KubernetesRole, namespace: string): boolean =>
  matchesOne(namespaces, namespace);

export function shownRole(role: KubernetesRole): JsonObject {
  return {
    alias_name_source: role.aliasSource,
    ...(role.audience === '' ? {} : { audience: role.audience }),
    bound_service_account_names: role.names,
    bound_service_account_namespace_selector: role.selector,
    bound_service_account_namespaces: role.namespaces.length === 0 ? null : role.namespaces,
    ...shownTokenSettings(role.token),
  };
}
