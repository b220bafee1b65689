/** From a service account that is known for sure to what it gets: for logins, and for those who ask what one would give. */
import { fail } from '../../errors.ts';
import type { Grant } from '../../framework/reply.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { grantOf } from '../token-fields.ts';
import { bindsName, bindsNamespace, type KubernetesRole } from './role.ts';
import type { ServiceAccount } from './service-account.ts';

export const notBound = (): TokenRefused =>
  new TokenRefused('claim', 'its service account is not one that the role binds');

export const unfit = (): Error => fail('badRequest', 'the role does not fit offline verification: write it again');

/** Of a role for offline verification. Throws `badRequest` where it is older than the configuration. */
export function checkAliasSource({ aliasSource }: KubernetesRole): void {
  if (aliasSource !== 'serviceaccount_uid') throw unfit();
}

/** By names alone. Throws `TokenRefused`. */
export function checkBound(role: KubernetesRole, { name, namespace }: ServiceAccount): void {
  if (!bindsName(role, name) || !bindsNamespace(role, namespace)) throw notBound();
}

export function accountGrant(
  name: string,
  role: KubernetesRole,
  { namespace, name: accountName, uid }: ServiceAccount,
): Grant {
  const metadata = {
    service_account_uid: uid,
    service_account_name: accountName,
    service_account_namespace: namespace,
    service_account_secret_name: '',
  };
  return grantOf(role.token, {
    displayName: `${namespace}-${accountName}`,
    role: name,
    metadata: { ...metadata, role: name },
    alias: { name: role.aliasSource === 'serviceaccount_uid' ? uid : `${namespace}/${accountName}`, metadata },
    internal: { role: name },
  });
}
