/** Tokens that the cluster's API server is asked about. */
import { algorithms } from '../../lib/jwt/algorithms.ts';
import { audiencesOf, defaultLeeways, type Claims } from '../../lib/jwt/claims.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { strictObject } from '../../lib/jwt/strict-json.ts';
import { tokenBounds, verifyToken } from '../../lib/jwt/verify.ts';
import { namespaceLabels, reviewedUser, type ApiServer } from './api-server.ts';
import { localAuthority, localToken } from './local-files.ts';
import type { KubernetesConfig, KubernetesMount } from './mount.ts';
import type { KubernetesRole } from './role.ts';
import { selects } from './selector.ts';
import { serviceAccountOfUser, type ServiceAccount } from './service-account.ts';

export interface Reviewing {
  readonly mount: KubernetesMount;
  readonly config: KubernetesConfig;
  readonly role: KubernetesRole;
  readonly now: number;
  readonly signal: AbortSignal;
}

/** What the token says before anybody has verified it: to refuse by, never to accept by. */
function unverified(token: string): Claims {
  const [, payload = ''] = token.split('.', 3);
  const { length, depth } = tokenBounds;
  const claims = strictObject(Buffer.from(payload, 'base64url').toString('utf8'), { length, depth });
  if (claims === undefined) throw new TokenRefused('malformed', 'its claims are no plain JSON object');
  return claims;
}

/** For whom a token is, by what it says. Throws `TokenRefused`. */
export function checkSaid(claims: Claims, { config, role }: Pick<Reviewing, 'config' | 'role'>): void {
  if (!config.disableIssuer && claims['iss'] !== config.issuer) throw new TokenRefused('issuer', 'iss');
  const named = audiencesOf(claims);
  if (role.audience !== '' && !named.includes(role.audience)) {
    throw new TokenRefused('audience', 'it is for somebody else');
  }
}

/** What can be refused without asking. Rejects with `TokenRefused`. */
async function checkBefore({ mount, config, role, now, signal }: Reviewing, token: string): Promise<void> {
  const claims = unverified(token);
  checkSaid(claims, { config, role });
  const named = audiencesOf(claims);
  const keys = mount.keys(config, now);
  if (keys === undefined) return;
  // Which of its audiences is the API server's own, that says.
  await verifyToken(token, keys, { now, algorithms, leeways: defaultLeeways, audiences: named }, signal);
}

/**
 * The node's own token goes only where its own authority vouches for the address: whoever may configure a mount could otherwise
 * have it sent to themselves.
 */
async function apiServer({ mount, config, now, signal }: Reviewing): Promise<ApiServer> {
  const { host, ca, disableLocal } = config;
  const { reviewer } = mount;
  const rest = { host, outgoing: mount.outgoing(config, now), signal };
  if (ca !== '') return { ...rest, ca, reviewer };
  const local = await localAuthority();
  return { ...rest, ca: local, reviewer: reviewer ?? (disableLocal ? undefined : await localToken()) };
}

export interface Reviewed {
  readonly account: ServiceAccount;
  /** Whether the role's selector takes its namespace, which is asked for then. */
  readonly isSelected: () => Promise<boolean>;
}

/** Rejects with `TokenRefused`, or with `issuerUnreachable` when that cannot be told now. */
export async function reviewed(reviewing: Reviewing, token: string): Promise<Reviewed> {
  const { selector, audience } = reviewing.role;
  await checkBefore(reviewing, token);
  const server = await apiServer(reviewing);
  const account = serviceAccountOfUser(await reviewedUser(server, token, audience));
  return {
    account,
    isSelected: async () =>
      selector !== '' && selects(selector, await namespaceLabels(server, token, account.namespace)),
  };
}
