/** What a login with claims would lead to: whose rights they are, without a token, an entity or anything written. */
import { isIP } from 'node:net';
import { fail, isLockstepError } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { SupposedGrant } from '../../framework/plugin.ts';
import type { Foreseen } from '../identity/logins.ts';
import { EnforcedLogins, type LoggedIn } from '../mfa/enforced.ts';
import { HUB_ALONE, NO_ENTITY } from '../mfa/login-mfa.ts';
import type { Mounted } from '../mounts/mount-table.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { Acl } from '../policy/index.ts';
import type { RequestServices } from '../services.ts';
import { termsOf } from './grants.ts';

type SupposingServices = Pick<
  RequestServices,
  'mounts' | 'namespaces' | 'identities' | 'policies' | 'quotas' | 'leaseQuotas' | 'ttl' | 'now'
>;

export interface SupposedQuestion {
  readonly namespace: Namespace;
  /** The path of an auth mount, with or without `auth/` before it. */
  readonly auth: string;
  readonly role: string;
  readonly claims: JsonObject;
  /** Where it would come from. */
  readonly address: string | undefined;
}

/** What one enforcement asks for. */
export interface SupposedFactor {
  readonly enforcement: string;
  /** The path of its namespace. */
  readonly namespace: string;
  /** Names of the methods of which one will do; ids of those without. */
  readonly methods: readonly string[];
  /** Whether the entity has a factor for one of them. */
  readonly enrolled: boolean;
}

export interface SupposedRights {
  readonly acl: Acl;
  /** Undefined for a login that makes nobody known. */
  readonly foreseen: Foreseen | undefined;
  readonly alias: string;
  readonly groups: readonly string[];
  /** Of the token. */
  readonly policies: readonly string[];
  readonly assumed: readonly string[];
  /** Where the token can be used from; empty: anywhere. */
  readonly boundCidrs: readonly string[];
  readonly factors: readonly SupposedFactor[];
  /** Names of the quotas that would count it. */
  readonly quotas: { readonly rateLimit: string | undefined; readonly leaseCount: string | undefined };
  readonly unjudged: readonly string[];
}

/** Why a login is refused, as the audit would be told: whoever asks may ask about everybody. */
export interface RefusedLogin {
  readonly refused: string;
}

const toldBy = (error: unknown): RefusedLogin => {
  if (!isLockstepError(error)) throw error;
  return { refused: error.detail ?? error.message };
};

const REFUSALS: ReadonlySet<string> = new Set(['invalidCredentials', 'permissionDenied']);

/** Throws `badRequest` where there is no such mount, or it judges nobody by claims. */
function methodAt({ mounts }: SupposingServices, { namespace, auth }: SupposedQuestion) {
  const bare = auth.replace(/^\/?(?:auth\/)?/, '').replace(/\/$/, '');
  const mounted = bare === '' ? undefined : mounts.at(namespace.id, `auth/${bare}/`);
  if (mounted === undefined)
    throw fail('badRequest', `there is no auth method at "${bare.slice(0, 128)}" in this namespace`);
  const { supposedLogin } = mounted.plugin;
  if (supposedLogin === undefined) {
    throw fail('badRequest', `logins at "${bare}" are not judged by claims: ask about an entity or its token`);
  }
  return { mounted, supposedLogin };
}

/** Throws `badRequest` where the question makes no sense. */
export function supposedLogin(services: SupposingServices, question: SupposedQuestion): SupposedRights | RefusedLogin {
  const { mounted, supposedLogin: judge } = methodAt(services, question);
  const { role, claims, address } = question;
  if (address !== undefined && isIP(address) === 0) throw fail('badRequest', 'address must be an IP address');
  let given: SupposedGrant;
  try {
    given = judge(mounted.instance, { role, claims, address, now: services.now() });
  } catch (error) {
    if (!isLockstepError(error) || !REFUSALS.has(error.code)) throw error;
    return toldBy(error);
  }
  try {
    return rightsOf(services, mounted, question, given);
  } catch (error) {
    return toldBy(error);
  }
}

/** As `grantToken` makes them a token's. */
function rightsOf(
  services: SupposingServices,
  mounted: Mounted,
  { namespace, address }: SupposedQuestion,
  given: SupposedGrant,
): SupposedRights {
  const { grant, assumed } = given;
  const { policies } = termsOf(services, mounted, grant);
  const { alias, boundCidrs } = grant;
  const foreseen =
    alias === undefined ? undefined : services.identities.logins.foreseen(namespace.id, mounted.record, alias);
  const acl = services.policies.aclForeseen(namespace.id, policies, foreseen?.identity);
  const factors = factorsOf(services, { namespace, mount: mounted.record, identity: foreseen?.identity });
  const quotas = quotasOf(services, mounted, namespace, { role: grant.role ?? '', rest: given.rest, address });
  return {
    ...{ acl, foreseen, alias: alias?.name ?? '', groups: alias?.groups ?? [], policies, assumed, boundCidrs, factors },
    quotas,
    unjudged: [
      ...given.unjudged,
      ...unjudged({ quotas, factors, isBound: address === undefined && boundCidrs.length > 0 }),
    ],
  };
}

/** Beside what the method leaves open. */
function unjudged({
  quotas,
  factors,
  isBound,
}: Pick<SupposedRights, 'quotas' | 'factors'> & { readonly isBound: boolean }): readonly string[] {
  const isCounted = quotas.rateLimit !== undefined || quotas.leaseCount !== undefined;
  return [
    ...(isBound ? ['the address'] : []),
    ...(factors.length > 0 ? ['the second factor'] : []),
    ...(isCounted ? ['whether a quota is used up'] : []),
  ];
}

/** What the second factors would be, of a login that then waits for them. Throws as it does where it cannot. */
function factorsOf(services: SupposingServices, login: LoggedIn): readonly SupposedFactor[] {
  const enforcements = new EnforcedLogins(services);
  const { namespace, identity } = login;
  const enforced = enforcements.over(login);
  if (enforced.length === 0) return [];
  if (services.identities.logins.region !== undefined) throw fail('elsewhere', HUB_ALONE);
  if (identity === undefined) throw fail('permissionDenied', NO_ENTITY);
  return enforced.map((each) => ({
    enforcement: each.record.name,
    namespace: each.namespace.path,
    methods: enforcements.methods(each).map(({ record: { name, id } }) => (name === '' ? id : name)),
    enrolled: enforcements.isEnrolled(namespace, identity, each),
  }));
}

interface Sent {
  readonly role: string;
  readonly rest: string;
  readonly address: string | undefined;
}

/** As `countedOf` and `groupOf` count the login. */
function quotasOf(
  { quotas, leaseQuotas }: SupposingServices,
  { fullPath, path }: Mounted,
  namespace: Namespace,
  { role, rest, address = '' }: Sent,
): SupposedRights['quotas'] {
  const counted = { path: `${fullPath}${rest}`, namespace: namespace.path, mount: fullPath, address, entity: '' };
  return {
    rateLimit: quotas.nameFor({ ...counted, role: () => role }),
    leaseCount: leaseQuotas.nameFor(namespace, { path: `${path}${rest}`, mount: path, role }),
  };
}
