/** What a login with claims would lead to: whose rights they are, without a token, an entity or anything written. */
import { fail, isLockstepError } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { SupposedGrant } from '../../framework/plugin.ts';
import type { Foreseen } from '../identity/logins.ts';
import type { Mounted } from '../mounts/mount-table.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { Acl } from '../policy/index.ts';
import type { RequestServices } from '../services.ts';
import { termsOf } from './grants.ts';

type SupposingServices = Pick<RequestServices, 'mounts' | 'identities' | 'policies' | 'ttl' | 'now'>;

export interface SupposedQuestion {
  readonly namespace: Namespace;
  /** The path of an auth mount, with or without `auth/` before it. */
  readonly auth: string;
  readonly role: string;
  readonly claims: JsonObject;
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
  const { role, claims } = question;
  let given: SupposedGrant;
  try {
    given = judge(mounted.instance, { role, claims, now: services.now() });
  } catch (error) {
    if (!isLockstepError(error) || !REFUSALS.has(error.code)) throw error;
    return toldBy(error);
  }
  try {
    return rightsOf(services, mounted, question.namespace, given);
  } catch (error) {
    return toldBy(error);
  }
}

/** As `grantToken` makes them a token's. */
function rightsOf(
  services: SupposingServices,
  mounted: Mounted,
  { id: namespace }: Namespace,
  { grant, assumed }: SupposedGrant,
): SupposedRights {
  const { policies } = termsOf(services, mounted, grant);
  const { alias } = grant;
  const foreseen =
    alias === undefined ? undefined : services.identities.logins.foreseen(namespace, mounted.record, alias);
  const acl = services.policies.aclForeseen(namespace, policies, foreseen?.identity);
  return { acl, foreseen, alias: alias?.name ?? '', groups: alias?.groups ?? [], policies, assumed };
}
