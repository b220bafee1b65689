/** Tokens verified by the cluster's keys alone: nobody is asked. */
import { fail } from '../../errors.ts';
import { algorithms } from '../../lib/jwt/algorithms.ts';
import { audiencesOf, defaultLeeways } from '../../lib/jwt/claims.ts';
import type { KeySource } from '../../lib/jwt/keys.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { verifyToken } from '../../lib/jwt/verify.ts';
import type { KubernetesConfig } from './mount.ts';
import { serviceAccountOf, type ServiceAccount } from './service-account.ts';

/**
 * Seconds since `iat`, by this node's clock and whatever `exp` says: the API server stretches what pods get by default to a
 * year, and nobody is asked here whether the account is still there.
 */
const OLDEST = 3_600;

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
  readonly keys: KeySource;
  readonly audience: string;
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Rejects with `TokenRefused`, or with `KeysUnavailable`; with `badRequest` for a role that cannot log in offline. */
export async function verifiedOffline(
  token: string,
  { config, keys, audience, now, signal }: Offline,
): Promise<ServiceAccount> {
  if (audience === '' || isApiAudience(config, audience)) {
    throw fail('badRequest', 'offline verification needs a role with an audience that is not the API server’s own');
  }
  const claims = await verifyToken(
    token,
    keys,
    {
      ...{ now, algorithms, leeways: defaultLeeways, issuers: [config.issuer], audiences: [audience] },
      // The tolerance of clocks is taken off: it is for what begins in the future.
      maxAge: OLDEST - defaultLeeways.clockSkew,
    },
    signal,
  );
  if (claims['exp'] === undefined) throw new TokenRefused('no time', 'a token of a service account has an exp');
  if (audiencesOf(claims).some((each) => isApiAudience(config, each))) {
    throw new TokenRefused('audience', 'it is for the API server too');
  }
  return serviceAccountOf(claims);
}
