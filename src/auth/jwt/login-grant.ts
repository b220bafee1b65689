/** From the claims that an issuer has signed to what their holder gets: for logins, and for those who ask what one would give. */
import type { Grant } from '../../framework/reply.ts';
import { checkClaims, defaultLeeways, type Claims, type Expected, type Leeways } from '../../lib/jwt/claims.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { boundCidrsFor, grantOf } from '../token-fields.ts';
import { checkBoundClaims, claimOf } from './claim.ts';
import { filledPolicies } from './policy-template.ts';
import type { JwtConfig } from './mount.ts';
import type { JwtRole } from './role.ts';

const LONGEST_VALUE = 2_048;
const MOST_GROUPS = 1_000;

const chosen = (given: number, usual: number): number => (given === 0 ? usual : given);

export function leewaysOf({ leeways }: Pick<JwtRole, 'leeways'>): Leeways {
  return {
    clockSkew: chosen(leeways.clockSkew, defaultLeeways.clockSkew),
    expiration: chosen(leeways.expiration, defaultLeeways.expiration),
    notBefore: chosen(leeways.notBefore, defaultLeeways.notBefore),
  };
}

function userOf(claims: Claims, { userClaim, userClaimPointer }: JwtRole): string {
  // Without the flag a slash is part of the name.
  const value =
    userClaimPointer || !userClaim.startsWith('/')
      ? claimOf(claims, userClaim)
      : Object.hasOwn(claims, userClaim)
        ? claims[userClaim]
        : undefined;
  if (typeof value !== 'string' || value === '')
    throw new TokenRefused('claim', `"${userClaim}" is missing, or no text`);
  return value;
}

function metadataOf(claims: Claims, { claimMappings }: JwtRole, name: string): Readonly<Record<string, string>> {
  const metadata: [string, string][] = [['role', name]];
  for (const [source, target] of Object.entries(claimMappings ?? {})) {
    const value = claimOf(claims, source);
    if (value === undefined) continue;
    if (typeof value !== 'string' || value.length > LONGEST_VALUE) {
      throw new TokenRefused('claim', `"${source}" is no text, or too long for metadata`);
    }
    metadata.push([target, value]);
  }
  return Object.fromEntries(metadata);
}

function groupsOf(claims: Claims, { groupsClaim }: JwtRole): readonly string[] | undefined {
  if (groupsClaim === '') return undefined;
  const value = claimOf(claims, groupsClaim);
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((each) => typeof each === 'string') || list.length > MOST_GROUPS) {
    throw new TokenRefused('claim', `"${groupsClaim}" is missing, or no list of texts`);
  }
  return list.filter((each) => each !== '');
}

/** What is found by discovery names its issuer; of other keys the holder is who counts, unless an issuer is bound. */
export function issuerOf({ boundIssuer, discoveryUrl }: JwtConfig): string | undefined {
  const issuer = boundIssuer === '' ? discoveryUrl : boundIssuer;
  return issuer === '' ? undefined : issuer;
}

/** What roles of every kind bind of a token, whatever else its claims are. */
export type TokenBounds = Pick<JwtRole, 'boundAudiences' | 'leeways'> &
  Partial<Pick<JwtRole, 'boundSubject' | 'maxAge'>>;

function expectedOf(config: JwtConfig, role: TokenBounds, now: number): Expected {
  const issuer = issuerOf(config);
  const { boundSubject = '', maxAge = 0 } = role;
  return {
    ...{ now, leeways: leewaysOf(role), audiences: role.boundAudiences },
    ...(issuer === undefined ? {} : { issuers: [issuer] }),
    ...(boundSubject === '' ? {} : { subject: boundSubject }),
    ...(maxAge === 0 ? {} : { maxAge }),
  };
}

/** That a token is of the issuer, for us and of now. Throws `TokenRefused`. */
export function checkToken(
  { role, config, now }: { readonly role: TokenBounds; readonly config: JwtConfig; readonly now: number },
  claims: Claims,
): void {
  checkClaims(claims, expectedOf(config, role, now));
}

/** Tokens of this login work where the role says. Throws as `boundCidrsFor`. */
export const grantAt = (grant: Grant, { token }: JwtRole, address: string): Grant => ({
  ...grant,
  boundCidrs: boundCidrsFor(token, address),
});

export interface LoggingIn {
  readonly name: string;
  readonly role: JwtRole;
}

/** Of a token that is sent by itself. Throws `TokenRefused`. */
export function tokenGrant(
  { name, role, config, now }: LoggingIn & { readonly config: JwtConfig; readonly now: number },
  claims: Claims,
): Grant {
  checkToken({ role, config, now }, claims);
  return grantFor({ name, role }, claims);
}

/** Of claims that are for us, and of now. Throws `TokenRefused`. */
export function grantFor({ name, role }: LoggingIn, claims: Claims): Grant {
  const user = userOf(claims, role);
  const metadata = metadataOf(claims, role, name);
  const groups = groupsOf(claims, role);
  checkBoundClaims(claims, { type: role.boundClaimsType, claims: role.boundClaims ?? {} });
  const { policies } = role.token;
  const settings = role.templatePolicies ? { ...role.token, policies: filledPolicies(policies, claims) } : role.token;
  return grantOf(settings, {
    displayName: user,
    role: name,
    metadata,
    alias: { name: user, metadata, ...(groups === undefined ? {} : { groups }) },
    internal: { role: name },
  });
}
