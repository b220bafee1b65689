/** Puts a reply aside where the caller asked for that, and answers with the token that holds it. */
import { envelope } from '../../framework/envelope.ts';
import type { Outcome } from '../../framework/request.ts';
import { isWaitingLogin } from '../mfa/waiting-login.ts';
import type { Access } from '../requests/access.ts';
import type { RequestServices } from '../services.ts';

/**
 * What is wrapped is what has an envelope and is no error: data, warnings, tokens. `sys/health` and its like answer
 * without one, as does a reply that is wrapped already.
 */
function wrappable({ status, errors, reply, wrapInfo }: Outcome): boolean {
  const enveloped = [reply?.bare, reply?.raw, reply?.stream, reply?.file].every((body) => body === undefined);
  return errors === undefined && wrapInfo === null && enveloped && status >= 200 && status < 300 && status !== 204;
}

/** Vault's reply: nothing but `wrap_info`, without the request's id. */
function standIn(outcome: Outcome, wrapInfo: Outcome['wrapInfo']): Outcome {
  const { headers } = outcome;
  const empty = { requestId: '', leaseId: '', leaseDuration: 0, renewable: false, auth: null, mountType: '' };
  return { status: 200, ...empty, warnings: null, wrapInfo, headers };
}

/** As Vault, which asks for lists by a closing slash. */
const askedPath = ({ verb, path }: Access['request']): string =>
  verb === 'list' && !path.endsWith('/') ? `${path}/` : path;

function accessorIn({ auth, reply }: Outcome): { readonly wrappedAccessor?: string } {
  const accessor = auth?.['accessor'] ?? reply?.wrappedAccessor;
  return typeof accessor === 'string' ? { wrappedAccessor: accessor } : {};
}

/** Who asks without a token has nothing wrapped but a login: or anybody could fill the storage. */
export function wrapped(
  services: RequestServices,
  { request, token, call }: Pick<Access, 'request' | 'token' | 'call'>,
  outcome: Outcome,
): Outcome | Promise<Outcome> {
  if (outcome.wrapInfo !== null) return standIn(outcome, outcome.wrapInfo);
  if (request.wrapTtl === 0 || !wrappable(outcome)) return outcome;
  if (token === undefined && outcome.auth === null) return outcome;
  // There is nothing in it yet; who finishes the login says whether it is to be wrapped.
  if (isWaitingLogin(outcome)) return outcome;
  const content = {
    ...{ body: envelope(outcome), path: askedPath(request), ttl: request.wrapTtl, namespace: call.namespace.id },
    ...accessorIn(outcome),
  };
  return services.wrapping.wrap(content).then((wrapInfo) => standIn(outcome, wrapInfo));
}
