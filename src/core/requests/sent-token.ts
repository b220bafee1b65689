/** The token that comes with a request: whether it is one here, and one use of it. */
import { fail, type LockstepError } from '../../errors.ts';
import type { Request } from '../../framework/request.ts';
import { inCidrs } from '../../lib/cidr.ts';
import { isWithin, type Namespace } from '../namespaces/namespace.ts';
import { ownDocument } from '../policy/wrapping-policy.ts';
import type { RequestServices } from '../services.ts';
import type { Token } from '../tokens/token.ts';

function boundTo({ boundCidrs }: Token['record'], address: string): boolean {
  return boundCidrs.length === 0 || inCidrs(boundCidrs, address);
}

type Finding = Pick<RequestServices, 'tokens' | 'namespaces'>;
type Sent = Pick<Request, 'token' | 'listener' | 'address'>;

/**
 * The token that was sent, if it is one here. A listener of one namespace knows those of that and of what lies below it.
 * Those from above work there as in any namespace below theirs; but a reply that was put aside there stays there.
 */
export function sentToken({ tokens, namespaces }: Finding, { token: id, listener }: Sent): Token | undefined {
  const token = id === undefined ? undefined : tokens.find(id);
  if (token === undefined || listener.chroot === undefined) return token;
  const home = namespaces.byId(token.namespace);
  if (home === undefined) return undefined;
  const place = placeBeside(home, listener.chroot);
  return place === 'within' || (place === 'above' && !isOwnToken(token)) ? token : undefined;
}

/** Where a namespace lies, as the listener of `chroot` sees it. */
function placeBeside(namespace: Namespace, chroot: string): 'within' | 'above' | 'beside' {
  const served = { id: '', path: `${chroot}/` };
  if (isWithin(namespace, served)) return 'within';
  return isWithin(served, namespace) ? 'above' : 'beside';
}

/** What the core made it for is done in its own namespace: a reply is put aside there, a user's name is told. */
const isOwnToken = ({ record: { policies } }: Token): boolean =>
  policies.length === 1 && policies.some((name) => ownDocument(name) !== undefined);

/** Who calls an open path, if the token is one that could be used from there; no use is taken. */
export function presented(services: Finding, sent: Sent): Token | undefined {
  const token = sentToken(services, sent);
  if (token === undefined || token.record.numUses < 0) return undefined;
  return boundTo(token.record, sent.address) ? token : undefined;
}

/** A token of a namespace that is sealed cannot be looked up: that says nothing about the token. */
export function sealedHome({ namespaces }: Finding, { token, listener }: Sent): LockstepError | undefined {
  if (token === undefined || namespaces.size === 0) return undefined;
  const home = namespaces.ofId(token);
  if (listener.chroot !== undefined && placeBeside(home, listener.chroot) === 'beside') return undefined;
  return namespaces.isSealed(home.id) ? fail('namespaceSealed') : undefined;
}

/** The token of a request, one use of it taken. Throws `missingToken` or `invalidToken`. */
export function authenticate(
  services: Pick<RequestServices, 'tokens'>,
  { request, token }: { readonly request: Sent; readonly token: Token | undefined },
): Token | Promise<Token> {
  if (request.token === undefined || request.token === '') throw fail('missingToken');
  if (token === undefined) throw fail('invalidToken');
  if (!boundTo(token.record, request.address)) throw fail('permissionDenied');
  return token.record.numUses === 0 ? token : services.tokens.use(token);
}
