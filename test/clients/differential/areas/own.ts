/** Areas whose requests would be in the way of others: each is asked of two servers of its own. */
import type { OwnArea } from './area.ts';
import * as aliases from './aliases.ts';
import * as capabilities from './capabilities.ts';
import * as config from './config.ts';
import * as cubbyhole from './cubbyhole.ts';
import * as factors from './factors.ts';
import * as internal from './internal.ts';
import * as keys from './keys.ts';
import * as leases from './leases.ts';
import * as mounts from './mounts.ts';
import * as namespaces from './namespaces.ts';
import * as oidc from './oidc.ts';
import * as policies from './policies.ts';
import * as quotas from './quotas.ts';
import * as recoveryKeys from './recovery-keys.ts';
import * as roleFields from './role-fields.ts';
import * as tokenKinds from './token-kinds.ts';
import * as tools from './tools.ts';
import * as userpass from './userpass.ts';
import * as wrapping from './wrapping.ts';

export const ownAreas: Readonly<Record<string, OwnArea>> = {
  quotas,
  leases,
  wrapping,
  cubbyhole,
  capabilities,
  tools,
  tokenKinds,
  namespaces,
  policies,
  mounts,
  config,
  userpass,
  keys,
  recoveryKeys,
  aliases,
  roleFields,
  oidc,
  factors,
  internal,
};
