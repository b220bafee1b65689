/** A role: which tokens log in by it, and what their holders get. */
import { fail } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import type { Compartment } from '../../framework/plugin.ts';
import { defined } from '../../lib/defined.ts';
import type { Leeways } from '../../lib/jwt/claims.ts';
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
import { plainValues } from './claim.ts';
import { checkTemplate } from './policy-template.ts';
import type { JwtConfig } from './mount.ts';
import { roleOfLogin } from '../role-records.ts';

/** Durations in seconds. */
export interface JwtRole {
  readonly type: 'jwt' | 'oidc';
  readonly boundAudiences: readonly string[];
  readonly boundSubject: string;
  readonly boundClaimsType: 'string' | 'glob';
  readonly boundClaims: Readonly<Record<string, unknown>> | null;
  readonly claimMappings: Readonly<Record<string, string>> | null;
  readonly userClaim: string;
  readonly userClaimPointer: boolean;
  readonly groupsClaim: string;
  /** 0: the usual; negative: none. */
  readonly leeways: Leeways;
  readonly maxAge: number;
  readonly scopes: readonly string[];
  readonly redirectUris: readonly string[];
  readonly callbackMode: 'client' | 'direct' | 'device';
  /** 0: what the issuer says, or 5. */
  readonly pollInterval: number;
  readonly disableConfirmation: boolean;
  readonly templatePolicies: boolean;
  readonly token: TokenSettings;
}

const NEW: JwtRole = {
  ...{ type: 'oidc', boundAudiences: [], boundSubject: '', boundClaimsType: 'string', boundClaims: null },
  ...{ claimMappings: null, userClaim: '', userClaimPointer: false, groupsClaim: '' },
  ...{ leeways: { clockSkew: 0, expiration: 0, notBefore: 0 }, maxAge: 0, scopes: [], redirectUris: [] },
  ...{ callbackMode: 'client', pollInterval: 0, disableConfirmation: false, templatePolicies: false },
  token: NO_TOKEN_SETTINGS,
};

export const rolesPrefix = 'role/';

export const readRole = (from: Pick<Compartment, 'get'>, name: string): JwtRole | undefined =>
  recordAt<JwtRole>(from, rolesPrefix + name.toLowerCase());

/** As roles are kept. `given`: empty where the login names none. */
export const nameOfLogin = ({ defaultRole }: Pick<JwtConfig, 'defaultRole'>, given: string): string =>
  (given === '' ? defaultRole : given).toLowerCase();

/** Throws `badRequest`. */
export const mustReadRole = (from: Pick<Compartment, 'kept'>, name: string): JwtRole =>
  roleOfLogin<JwtRole>(from, { prefix: rolesPrefix, name, unknown: (given) => `role "${given}" could not be found` });

/** Whether a claim says which policies its logins get. */
export const isFilled = ({ templatePolicies, token }: JwtRole): boolean =>
  templatePolicies && token.policies.some((policy) => policy.includes('{{'));

export const roleFields = {
  role_type: field.enum('Whether tokens are sent (jwt), or come through a browser (oidc).', ['jwt', 'oidc']),
  bound_audiences: field.list('One of them must be an audience of the token.'),
  bound_subject: field.string('What sub of the token must be.'),
  bound_claims: field.object('Claims that must be there, with their values: one, or a list of which one must be.'),
  bound_claims_type: field.enum('How those values are compared.', ['string', 'glob']),
  claim_mappings: field.map('Claims that become metadata: a name or a JSON pointer, and the key.'),
  user_claim: field.string('The claim that says who logs in.'),
  user_claim_json_pointer: field.boolean('user_claim is a JSON pointer.'),
  groups_claim: field.string('The claim with the groups: a name or a JSON pointer.'),
  clock_skew_leeway: field.signedDuration('For clocks that differ; 0 is 60 s, a negative one none.'),
  expiration_leeway: field.signedDuration('How long a token without exp is good; 0 is 150 s, a negative one none.'),
  not_before_leeway: field.signedDuration('How long before exp a token without nbf and iat is good; 0 is 150 s.'),
  max_age: field.duration('How long ago the user may have logged in at the issuer, or the token be issued.'),
  oidc_scopes: field.list('Scopes to ask the issuer for, beside openid.'),
  allowed_redirect_uris: field.list('Where a browser may be sent back to.'),
  callback_mode: field.enum('Who takes the issuer’s answer.', ['client', 'direct', 'device']),
  poll_interval: field.integer('Seconds between two polls of a client that waits.'),
  oidc_disable_confirmation: field.boolean('In the mode direct, ask nobody whether they began the login.'),
  oauth2_metadata: field.list('Tokens of the issuer to show: refused here, since they would be in the audit.'),
  verbose_oidc_logging: field.boolean('Log tokens and claims: refused here.'),
  token_policies_template_claims: field.boolean('token_policies are templates of claims: {{.sub}}.'),
  ...tokenFields,
  ...oldTokenFields,
};

export type GivenRole = Values<typeof roleFields>;

function tokenOf(before: TokenSettings, given: GivenRole): TokenSettings {
  const named = withOldNames(given);
  const settings = applyTokenFields(before, named);
  // A template names claims, which have a case.
  const { token_policies: raw } = named;
  return raw === undefined ? settings : { ...settings, policies: raw };
}

/** `given` over what was there. Throws `badRequest`. */
export function changedRole(before: JwtRole | undefined, given: GivenRole): JwtRole {
  const base = before ?? NEW;
  const role: JwtRole = {
    ...base,
    ...defined({
      boundAudiences: given.bound_audiences,
      boundSubject: given.bound_subject,
      boundClaims: given.bound_claims,
      claimMappings: given.claim_mappings,
      userClaim: given.user_claim,
      userClaimPointer: given.user_claim_json_pointer,
      groupsClaim: given.groups_claim,
      maxAge: given.max_age,
      scopes: given.oidc_scopes,
      redirectUris: given.allowed_redirect_uris,
      pollInterval: given.poll_interval,
      templatePolicies: given.token_policies_template_claims,
    }),
    // As upstream, these go back to their defaults unless they are given again.
    type: given.role_type ?? 'oidc',
    boundClaimsType: given.bound_claims_type ?? 'string',
    callbackMode: given.callback_mode ?? 'client',
    disableConfirmation: given.oidc_disable_confirmation ?? false,
    leeways: {
      clockSkew: given.clock_skew_leeway ?? base.leeways.clockSkew,
      expiration: given.expiration_leeway ?? base.leeways.expiration,
      notBefore: given.not_before_leeway ?? base.leeways.notBefore,
    },
    token: tokenOf(base.token, given),
  };
  checkRole(role, given);
  return role;
}

function checkRole(role: JwtRole, given: GivenRole): void {
  if ((given.oauth2_metadata ?? []).length > 0) {
    throw fail('badRequest', 'oauth2_metadata is not offered: the tokens would be in the audit');
  }
  if (given.verbose_oidc_logging === true) {
    throw fail('badRequest', 'verbose_oidc_logging is not offered: tokens and claims are not logged');
  }
  checkBindings(role);
  checkMappings(role);
  if (role.userClaim === '') throw fail('badRequest', 'a user claim must be defined on the role');
  if (role.pollInterval < 0) throw fail('badRequest', 'poll_interval cannot be negative');
  if (role.type === 'oidc' && role.redirectUris.length === 0) {
    throw fail('badRequest', "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.");
  }
  if (role.templatePolicies) for (const policy of role.token.policies) checkTemplate(policy);
}

function checkBindings(role: JwtRole): void {
  const bound = Object.entries(role.boundClaims ?? {});
  for (const [name, wanted] of bound) {
    const values = plainValues(wanted);
    if (values === undefined || values.length === 0) {
      throw fail('badRequest', `bound claim "${name}" is no string, boolean, number or list of them`);
    }
    if (role.boundClaimsType === 'glob' && !values.every((value) => typeof value === 'string')) {
      throw fail('badRequest', `claim is not a string: bound claim "${name}"`);
    }
  }
  // Of a login by browser the client's id is the audience.
  if (role.type === 'oidc') return;
  const binds = role.boundAudiences.length + bound.length + role.token.boundCidrs.length > 0;
  if (!binds && role.boundSubject === '') {
    throw fail('badRequest', 'must have at least one bound constraint when creating/updating a role');
  }
}

const RESERVED = 'role';

function checkMappings({ claimMappings }: JwtRole): void {
  const targets = Object.values(claimMappings ?? {});
  if (targets.includes(RESERVED)) {
    throw fail('badRequest', `metadata key "${RESERVED}" is reserved and may not be a mapping destination`);
  }
  const twice = targets.find((target, at) => targets.indexOf(target) !== at);
  if (twice !== undefined)
    throw fail('badRequest', `multiple keys are mapped to metadata key "${twice.slice(0, 128)}"`);
}

const orNull = (list: readonly string[]): readonly string[] | null => (list.length === 0 ? null : list);

export function shownRole(role: JwtRole): JsonObject {
  return {
    allowed_redirect_uris: orNull(role.redirectUris),
    bound_audiences: orNull(role.boundAudiences),
    bound_claims: role.boundClaims,
    bound_claims_type: role.boundClaimsType,
    bound_subject: role.boundSubject,
    callback_mode: role.callbackMode,
    claim_mappings: role.claimMappings,
    clock_skew_leeway: role.leeways.clockSkew,
    expiration_leeway: role.leeways.expiration,
    groups_claim: role.groupsClaim,
    max_age: role.maxAge,
    not_before_leeway: role.leeways.notBefore,
    oauth2_metadata: null,
    oidc_disable_confirmation: role.disableConfirmation,
    oidc_scopes: orNull(role.scopes),
    ...(role.pollInterval > 0 ? { poll_interval: role.pollInterval } : {}),
    role_type: role.type,
    ...shownTokenSettings(role.token),
    token_policies_template_claims: role.templatePolicies,
    user_claim: role.userClaim,
    user_claim_json_pointer: role.userClaimPointer,
    verbose_oidc_logging: false,
  };
}
