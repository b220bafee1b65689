/** From what a login or a creation grants to a token: policies made clean, TTLs bounded. */
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Grant } from '../../framework/reply.ts';
import { credentialsOf } from '../mfa/credentials.ts';
import type { FirstFactor } from '../mfa/login-mfa.ts';
import type { Mounted } from '../mounts/mount-table.ts';
import { ownDocument } from '../policy/wrapping-policy.ts';
import { checkBatch, chosenType } from '../tokens/token-type.ts';
import type { NewToken, TokenSpec } from '../tokens/new-tokens.ts';
import type { RequestServices } from '../services.ts';
import { entityNamespaceOf, type Token } from '../tokens/token.ts';
import type { Access } from './access.ts';
import { countedLogin, groupOf } from './counted.ts';
import type { Inline } from './inline.ts';

/** Lower case, without doubles, sorted, with `default` unless it is not wanted. Throws `badRequest` for what nobody gives. */
export function cleanPolicies(names: readonly string[], noDefault: boolean): readonly string[] {
  const clean = new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''));
  const own = [...clean].find((name) => ownDocument(name) !== undefined);
  if (own !== undefined) throw fail('badRequest', `cannot assign policy "${own}"`);
  if (!noDefault && !clean.has('root')) clean.add('default');
  return [...clean].sort();
}

export interface Bounds {
  readonly ttl: number;
  readonly maxTtl: number;
  readonly period: number;
  readonly explicitMaxTtl: number;
}

/** Seconds; 0 in `max` fields means none of its own. The mount's bound always holds: of a periodic token for each period. */
export function boundTtl(asked: Bounds, mount: { readonly default: number; readonly max: number }) {
  const limits = [asked.maxTtl, asked.explicitMaxTtl, mount.max].filter((limit) => limit > 0);
  const limit = limits.length === 0 ? Infinity : Math.min(...limits);
  const wanted = asked.period > 0 ? asked.period : asked.ttl > 0 ? asked.ttl : Math.min(mount.default, limit);
  const ttl = Math.min(wanted, limit);
  const what = asked.period > 0 ? 'period' : 'TTL';
  const warnings =
    ttl < wanted
      ? [
          `${what} of "${String(wanted)}s" exceeded the effective max_ttl of "${String(limit)}s"; ${what} value is capped accordingly`,
        ]
      : [];
  return { ttl, warnings };
}

/** What a token has by its entity, now: its policies and those of its groups. */
export function identityPoliciesOf({ identities }: Pick<RequestServices, 'identities'>, token: Token) {
  const { entity } = token.record;
  return entity === ''
    ? NO_POLICIES
    : (identities.known.identity(entityNamespaceOf(token), entity)?.policies ?? NO_POLICIES);
}

const NO_POLICIES: readonly string[] = Object.freeze([]);

/** What a grant comes to on its mount. Throws `badRequest` for what no auth method may give. */
export function termsOf(services: Pick<RequestServices, 'ttl'>, { record }: Pick<Mounted, 'record'>, grant: Grant) {
  const policies = cleanPolicies(grant.policies, grant.noDefaultPolicy);
  if (policies.includes('root')) throw fail('badRequest', 'auth methods cannot create root tokens');
  const type = chosenType(record.config.tokenType ?? 'default-service', grant.type);
  if (type === 'batch') checkBatch(policies, { ...grant, explicitMaxTtl: 0 });
  return { policies, type, ...boundTtl(grant, services.ttl(record.config)) };
}

export type Granted = (
  | { readonly created: NewToken }
  /** `mfa_requirement`: there is no token yet. */
  | { readonly required: JsonObject }
) & { readonly warnings: readonly string[] };

/**
 * Makes the token of a login: the only way to one from what an auth method grants. Throws `badRequest` for `root`, which no
 * auth method may give; `tooManyRequests` by a quota; `permissionDenied` by a login enforcement.
 */
export async function grantToken(services: RequestServices, access: Access, grant: Grant): Promise<Granted> {
  const { routed, call } = access;
  if (routed === undefined) throw fail('internal');
  const { record } = routed.mounted;
  const { policies, type, ttl, warnings } = termsOf(services, routed.mounted, grant);
  const name = routed.mounted.path.slice('auth/'.length, -1).replaceAll('/', '-');
  const { id: namespace } = call.namespace;
  const { alias } = grant;
  // To know whether it was counted by its role already, the role is looked for again.
  const late = services.quotas.active ? countedLogin(access, grant.role) : undefined;
  if (late !== undefined) services.quotas.admitLogin(late);
  const counted = groupOf(access, grant.role);
  const { inline } = access;
  // What is stored nowhere counts nowhere.
  using _held = inline === undefined ? services.leaseQuotas.reserve(call.namespace, counted) : undefined;
  const entity = alias === undefined ? '' : await services.identities.logins.entityOf(namespace, record, alias);
  const spec: TokenSpec = {
    type,
    ...{ policies, namespace, entity, counted },
    path: `${call.mountPath}${call.path}`,
    meta: grant.metadata ?? null,
    displayName: grant.displayName === '' ? name : `${name}-${grant.displayName}`,
    numUses: grant.numUses,
    ttl,
    maxTtl: grant.maxTtl,
    explicitMaxTtl: grant.explicitMaxTtl,
    period: grant.period,
    renewable: grant.renewable && type === 'service',
    boundCidrs: grant.boundCidrs,
    role: '',
    noDefaultPolicy: grant.noDefaultPolicy,
    login: { mount: record.uuid, internal: keptFor(type, grant) },
  };
  const required = await secondFactor(services, access, { mount: record, spec });
  if (required !== undefined) return { required, warnings };
  return { created: await makeToken(services, inline, spec), warnings };
}

/** For renewals: of what is not renewed nothing is needed, and a batch token goes out with all that it holds. */
const keptFor = (type: string, { internal = {} }: Grant): JsonObject => (type === 'service' ? internal : {});

/** What a login enforcement still asks for. */
function secondFactor(
  { loginMfa }: Pick<RequestServices, 'loginMfa'>,
  { request, call, inline }: Access,
  login: Pick<FirstFactor, 'mount' | 'spec'>,
): Promise<JsonObject | undefined> {
  // A thread that reads knows of no codes: it must never come to this.
  if (loginMfa === undefined) throw fail('internal', 'this thread serves no logins');
  const credentials = () => credentialsOf(request);
  return loginMfa.required({ ...login, namespace: call.namespace, credentials, atOnce: inline !== undefined });
}

/** Of an inline login nothing is stored: its token is handed to the request that it was made for. */
async function makeToken(
  { tokens }: Pick<RequestServices, 'tokens'>,
  inline: Inline | undefined,
  spec: TokenSpec,
): Promise<NewToken> {
  if (inline === undefined) return tokens.create(spec);
  if (spec.numUses > 0) {
    throw fail(
      'badRequest',
      'tokens of this role have a number of uses, which an inline login cannot count: log in first',
    );
  }
  inline.granted = spec.type === 'batch' ? await tokens.create(spec) : tokens.unstored(spec);
  return inline.granted;
}
