/** Whether a request to subscribe is granted: recorded like any other request, before and after. */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import { isWithin } from '../namespaces/namespace.ts';
import { isAllowedOutright } from '../policy/index.ts';
import { clientOf, makeCall, type Access } from '../requests/access.ts';
import { asFailure, failure, outcomeOf } from '../requests/pipeline.ts';
import { authenticate, sentToken } from '../requests/sent-token.ts';
import type { Services } from '../services.ts';
import { holderOf, type Token } from '../tokens/token.ts';
import type { Wants } from './subscription.ts';

export interface Admission {
  /** 101 when it is granted. */
  readonly outcome: Outcome;
  readonly token: Token | undefined;
}

/** What else must hold: throws to refuse. */
export type Check = (token: Token) => void;

function assertGranted(services: Services, request: Request, wants: Wants, token: Token): void {
  const acl = services.policies.acl(holderOf(token));
  const { namespace } = wants;
  const home = services.namespaces.byId(token.namespace);
  // Whatever its policies say, as for any request; but ours may be asked from above, where full paths are named.
  const near =
    home !== undefined && (isWithin(namespace, home) || (wants.dialect === 'lockstep' && isWithin(home, namespace)));
  if (!near) throw fail('permissionDenied');
  const path = namespace.path + request.path;
  // Ours asks for rights on what is watched, not on this path; but a deny of it is meant.
  const allowed = wants.dialect === 'vault' ? isAllowedOutright(acl.allows('read', path)) : !acl.denies(path);
  if (!allowed) throw fail('permissionDenied');
  services.subscriptions.check(wants, token);
}

async function accessOf(services: Services, request: Request, wants: Wants, check: Check): Promise<Access> {
  const { namespace } = wants;
  const routed = services.mounts.route(namespace.id, request.path);
  const base = {
    request,
    routed,
    match: undefined,
    coerced: undefined,
    region: undefined,
    operation: 'subscribe',
    grantedBy: [],
  } as const;
  const made = (token: Token | undefined, error: LockstepError | undefined): Access => {
    const call = makeCall({ request, routed, namespace }, clientOf(token, request.address), services.now());
    const home = services.namespaces.byId(call.client.namespace)?.path ?? '';
    return { ...base, token, call, home, error };
  };
  let token: Token | undefined;
  try {
    const refusal = services.namespaces.refusal(namespace, request.path);
    if (refusal !== undefined) throw refusal;
    token = await authenticate(services, { request, token: sentToken(services, request) });
    assertGranted(services, request, wants, token);
    check(token);
    return made(token, undefined);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return made(token, error);
  }
}

/** `request`: with its path below the namespace. Never rejects: what goes wrong is in the outcome. */
export async function admit(services: Services, request: Request, wants: Wants, check: Check): Promise<Admission> {
  try {
    const access = await accessOf(services, request, wants, check);
    await services.audit.request(access);
    const outcome = access.error === undefined ? outcomeOf(request, { status: 101 }) : failure(request, access.error);
    if (access.token?.record.numUses === -1) await services.revocation.revoke(access.token.key);
    await services.audit.response(access, outcome);
    return { outcome, token: access.error === undefined ? access.token : undefined };
  } catch (error) {
    return { outcome: failure(request, asFailure(services, request, error)), token: undefined };
  }
}
