/** Whether an ID token answers the login that was begun (OpenID Connect Core 1.0, section 3.1.3.7). */
import { equalSecret } from '../../lib/crypto/hash.ts';
import { audiencesOf, checkClaims, type Claims } from '../../lib/jwt/claims.ts';
import type { KeySource } from '../../lib/jwt/keys.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { signedClaims } from '../../lib/jwt/verify.ts';
import { leewaysOf } from './login-grant.ts';
import type { JwtConfig } from './mount.ts';
import type { JwtRole } from './role.ts';

export interface Answering {
  readonly config: JwtConfig;
  readonly role: JwtRole;
  /** undefined: of the device flow, which has none. */
  readonly nonce: string | undefined;
  readonly now: number;
}

/** What issuers sign with unless they say otherwise, so it is what is taken unless the configuration does. */
const USUAL = ['RS256'];

function checkClient(claims: Claims, { config, role }: Answering): void {
  const named = audiencesOf(claims);
  const { azp } = claims;
  if (azp === undefined ? named.length > 1 : azp !== config.clientId) throw new TokenRefused('audience', 'azp');
  if (role.boundAudiences.length > 0 && !role.boundAudiences.some((audience) => named.includes(audience))) {
    throw new TokenRefused('audience', 'none that the role binds');
  }
}

function checkNonce({ nonce: given }: Claims, nonce: string | undefined): void {
  if (nonce === undefined) return;
  if (typeof given !== 'string' || !equalSecret(given, nonce)) throw new TokenRefused('claim', 'nonce');
}

function checkAge({ auth_time: at }: Claims, { role, now }: Answering): void {
  if (role.maxAge === 0) return;
  const skew = Math.max(0, leewaysOf(role).clockSkew);
  if (typeof at !== 'number' || now / 1_000 - skew > at + role.maxAge) throw new TokenRefused('too old', 'auth_time');
}

/** Of the one that was sent: its claims, without the nonce. Rejects with `TokenRefused` or `ServerUnavailable`. */
export async function idTokenClaims(
  token: string,
  answering: Answering & { readonly keys: KeySource; readonly signal: AbortSignal },
): Promise<Claims> {
  const { algorithms } = answering.config;
  const expected = { algorithms: algorithms.length === 0 ? USUAL : algorithms };
  return answeringClaims(await signedClaims(token, answering.keys, expected, answering.signal), answering);
}

/** What its issuer has signed, without the nonce. Throws `TokenRefused`. */
export function answeringClaims(claims: Claims, answering: Answering): Claims {
  const { config, role, nonce, now } = answering;
  checkClaims(claims, {
    ...{ now, leeways: leewaysOf(role), issuers: [config.discoveryUrl], audiences: [config.clientId] },
    ...(role.boundSubject === '' ? {} : { subject: role.boundSubject }),
  });
  if (claims['exp'] === undefined || claims['iat'] === undefined || typeof claims['sub'] !== 'string') {
    throw new TokenRefused('malformed', 'an ID token has exp, iat and sub');
  }
  checkClient(claims, answering);
  checkNonce(claims, nonce);
  checkAge(claims, answering);
  const { nonce: _used, ...rest } = claims;
  return rest;
}
