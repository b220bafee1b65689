/** From a reply that carries a lease to the secret that is answered. */
import { fail } from '../../errors.ts';
import type { LeaseGrant } from '../../framework/lease.ts';
import type { Granted } from '../leases/leases.ts';
import type { RequestServices } from '../services.ts';
import { operationOf, type Access } from './access.ts';
import { groupOf } from './counted.ts';

/** What an engine's author did wrong, said at once and whoever asks: nothing was made yet. */
function assertFits({ match, request, routed, token }: Access): void {
  const problem =
    match === undefined || operationOf(match.path, request)?.writes !== 'local'
      ? 'its operation does not write "local"'
      : routed?.mounted.plugin.leases === undefined || routed.mounted.record.table !== 'secret'
        ? 'its plug-in has no lease handlers'
        : token === undefined
          ? 'it is open, so there is no token that the lease could end with'
          : undefined;
  if (problem !== undefined) throw new TypeError(`a reply carries a lease, but ${problem}`);
}

/** Throws what the engine does. A token with its last use would take the secret with it. */
export async function grantLease(services: RequestServices, access: Access, lease: LeaseGrant): Promise<Granted> {
  assertFits(access);
  const { routed, call, token } = access;
  if (routed === undefined || token === undefined) throw fail('internal');
  if (access.inline !== undefined) {
    throw fail('badRequest', 'a leased secret hangs on a token, and an inline login leaves none: log in first');
  }
  if (token.record.numUses === -1) {
    throw fail('badRequest', 'the token had one use left, and a leased secret would end with it: use another token');
  }
  using _held = services.leaseQuotas.reserve(call.namespace, groupOf(access));
  // Awaited, so that the place is held until it is on disk.
  return await services.leases.grant({ mounted: routed.mounted, call, token }, lease);
}
