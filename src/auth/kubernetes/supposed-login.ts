/** What a login with the claims of a service account's token would grant, without such a token. */
import type { SupposedGrant, SupposedLogin } from '../../framework/plugin.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { checkClaims, defaultLeeways, type Claims } from '../../lib/jwt/claims.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { isObject } from '../../lib/jwt/strict-json.ts';
import { supposed } from '../../lib/jwt/supposed.ts';
import { checkSupposedAddress, supposedAt } from '../token-fields.ts';
import { accountGrant, checkAliasSource, checkBound } from './account-grant.ts';
import { isOffline, type KubernetesConfig, type KubernetesMount } from './mount.ts';
import { offlineAccount } from './offline.ts';
import { checkSaid } from './review.ts';
import { bindsNamespace, mustReadRole, type KubernetesRole } from './role.ts';
import { serviceAccountOf, type ServiceAccount } from './service-account.ts';

interface Judging {
  readonly config: KubernetesConfig;
  readonly role: KubernetesRole;
  readonly now: number;
}

/** What a token says of its account; without a uid it is of one that has not logged in before. */
function withUid(claims: SupposedLogin['claims']): { readonly claims: object; readonly isNew: boolean } {
  const said = Object.hasOwn(claims, 'kubernetes.io') ? claims['kubernetes.io'] : undefined;
  const account = isObject(said) && Object.hasOwn(said, 'serviceaccount') ? said['serviceaccount'] : undefined;
  if (!isObject(said) || !isObject(account) || Object.hasOwn(account, 'uid')) return { claims, isNew: false };
  return {
    claims: { ...claims, 'kubernetes.io': { ...said, serviceaccount: { ...account, uid: uuid() } } },
    isNew: true,
  };
}

/** Of a token that the API server would vouch for. Throws `TokenRefused`. */
function reviewedAccount(claims: Claims, { config, role, now }: Judging): ServiceAccount {
  checkSaid(claims, { config, role });
  checkClaims(claims, { now, leeways: defaultLeeways, audiences: 'any' });
  const account = serviceAccountOf(claims);
  if (role.selector !== '' && !bindsNamespace(role, account.namespace)) {
    const why = 'its namespace is not bound by name, and whether the selector takes it the cluster alone can tell';
    throw new TokenRefused('claim', why);
  }
  return account;
}

function accountOf(claims: Claims, judging: Judging): ServiceAccount {
  const { config, role, now } = judging;
  if (!isOffline(config)) return reviewedAccount(claims, judging);
  checkAliasSource(role);
  return offlineAccount(claims, { config, audience: role.audience, now });
}

const BY_REVIEW = ['the signature', 'whether the cluster has revoked the token'];

/** Without asking the cluster. As `Plugin.supposedLogin`. */
export function supposedLogin(mount: KubernetesMount, login: SupposedLogin): SupposedGrant {
  const { role: given, claims, now, address } = login;
  const name = given.toLowerCase();
  const role = mustReadRole(mount.view.shared, name);
  const config = mount.mustConfig();
  checkSupposedAddress(role.token, address);
  const { claims: whole, isNew } = withUid(claims);
  const usual = {
    iss: config.issuer === '' ? undefined : config.issuer,
    aud: role.audience === '' ? undefined : [role.audience],
  };
  const said = supposed(whole, usual, now);
  const account = accountOf(said.claims, { config, role, now });
  checkBound(role, account);
  const grant = supposedAt(accountGrant(name, role, account), role.token, address);
  const assumed = isNew ? [...said.assumed, 'uid'] : said.assumed;
  return { grant, assumed, rest: 'login', unjudged: isOffline(config) ? ['the signature'] : BY_REVIEW };
}
