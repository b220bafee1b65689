/** Tokens verified by the cluster's keys alone: nobody is asked. */
import { fail } from '../../errors.ts';
import { algorithms } from '../../lib/jwt/algorithms.ts';
import { audiencesOf, checkClaims, defaultLeeways, type Claims } from '../../lib/jwt/claims.ts';
import type { KeySource } from '../../lib/jwt/keys.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { signedClaims } from '../../lib/jwt/verify.ts';
import type { KubernetesConfig } from './mount.ts';
import { serviceAccountOf, type ServiceAccount } from './service-account.ts';

/**
 * Seconds since `iat`, by this node's clock and whatever `exp` says: the API server stretches what pods get by default to a
 * year, and nobody is asked here whether the account is still there.
 */
export const OLDEST = 3_600;

/** What API servers take as their own. The default of `--api-audiences` is the issuer. */
const USUAL_API_AUDIENCES = new Set([
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
  'https://kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes',
  'api',
]);

/** With a token for one of them the API server itself can be used, so whoever was sent it to log in could do that. */
export function isApiAudience({ issuer, apiAudiences }: KubernetesConfig, audience: string): boolean {
  return audience === issuer || USUAL_API_AUDIENCES.has(audience) || apiAudiences.includes(audience);
}

export interface Offline {
  readonly config: KubernetesConfig;
  readonly audience: string;
  readonly now: number;
}

/** Throws `badRequest` for a role that cannot log in offline. */
function checkRole({ config, audience }: Offline): void {
  if (audience !== '' && !isApiAudience(config, audience)) return;
  throw fail('badRequest', 'offline verification needs a role with an audience that is not the API server’s own');
}

/** Rejects with `TokenRefused`, or with `ServerUnavailable`; with `badRequest` for a role that cannot log in offline. */
export async function verifiedOffline(
  token: string,
  offline: Offline & { readonly keys: KeySource; readonly signal: AbortSignal },
): Promise<ServiceAccount> {
  checkRole(offline);
  return offlineAccount(await signedClaims(token, offline.keys, { algorithms }, offline.signal), offline);
}

/** Of what the cluster's keys have signed. Throws `TokenRefused`, and `badRequest` as `verifiedOffline`. */
export function offlineAccount(claims: Claims, offline: Offline): ServiceAccount {
  checkRole(offline);
  const { config, audience, now } = offline;
  checkClaims(claims, {
    ...{ now, leeways: defaultLeeways, issuers: [config.issuer], audiences: [audience] },
    // The tolerance of clocks is taken off: it is for what begins in the future.
    maxAge: OLDEST - defaultLeeways.clockSkew,
  });
  if (claims['exp'] === undefined) throw new TokenRefused('no time', 'a token of a service account has an exp');
  if (audiencesOf(claims).some((each) => isApiAudience(config, each))) {
    throw new TokenRefused('audience', 'it is for the API server too');
  }
  return serviceAccountOf(claims);
}
