/** Work of an unsealed node that is due at its time, whoever asks what: called about once a second. */
import { keepKeys } from './identity/oidc/key-changes.ts';
import { forgetRevokedGrants } from './identity/oidc/revoked-grants.ts';
import { forgetForwarded } from './requests/forwarded.ts';
import type { Services } from './services.ts';

export async function doWhatIsDue(services: Services): Promise<void> {
  const readable = { isReadable: (id: string): boolean => services.namespaces.isReadable(id) };
  while (await services.revocation.expire(services.now()));
  services.leaseExpiry.tick();
  services.mounts.tend(services.now());
  await services.lockout.tidy();
  while (await forgetForwarded(services));
  while (await keepKeys(services.store, readable, services.now()));
  while (await forgetRevokedGrants(services.store, services.now()));
}
