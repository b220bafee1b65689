/** From the claims of a token that holds to what its holder gets. */
import { fail } from '../../errors.ts';
import type { Grant } from '../../framework/reply.ts';
import { inCidrs } from '../../lib/cidr.ts';
import { defaultLeeways, type Claims, type Leeways } from '../../lib/jwt/claims.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { boundCidrsFor, grantOf } from '../token-fields.ts';
import { checkBoundClaims, claimOf } from './claim.ts';
import { filledPolicies } from './policy-template.ts';
import type { JwtRole } from './role.ts';

const LONGEST_VALUE = 2_048;
const MOST_GROUPS = 1_000;

const chosen = (given: number, usual: number): number => (given === 0 ? usual : given);

export function leewaysOf({ leeways }: JwtRole): Leeways {
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

/** Throws `permissionDenied` for an address that the role's tokens could not be used from. */
export function checkAddress({ token }: JwtRole, address: string): void {
  if (token.boundCidrs.length > 0 && !inCidrs(token.boundCidrs, address)) throw fail('permissionDenied');
}

export interface LoggingIn {
  readonly name: string;
  readonly role: JwtRole;
  readonly claims: Claims;
  readonly address: string;
}

/** Throws `TokenRefused`. */
export function grantFor({ name, role, claims, address }: LoggingIn): Grant {
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
    boundCidrs: boundCidrsFor(role.token, address),
  });
}
