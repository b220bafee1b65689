/**
 * Inline authentication: the login that a request brings along is served first, as any login is, but that nothing of its
 * token is stored; then the request, by that token, which ends with it.
 */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import { chain } from '../../lib/chain.ts';
import { inCidrs } from '../../lib/cidr.ts';
import { belowChroot } from '../../lib/path-segments.ts';
import { uuid } from '../../lib/crypto/random.ts';
import type { RequestServices } from '../services.ts';
import { deferredAccess, grantAccess, lookUp, type Access, type Asked } from './access.ts';
import { readInline, withoutParameters, type Inline, type InlineLogin } from './inline.ts';
import { refusalOf } from './refusal.ts';

/** The pipeline from the quotas on; `decide` says what is found out of the request. */
export type Serving = (asked: Asked, decide: (asked: Asked) => Access | Promise<Access>) => Outcome | Promise<Outcome>;

function loginOf(request: Request, login: InlineLogin & { readonly method: string }, id: string): Request {
  const { rawBody: _body, upload: _upload, ...rest } = request;
  const { verb, method, path, parameters } = login;
  return {
    ...rest,
    ...{ id, verb, method, path, namespace: namespaceOf(request, login) },
    ...{ help: false, token: undefined, body: parameters, query: {}, contentType: 'application/json' },
    ...{ wrapTtl: 0, index: undefined },
  };
}

function namespaceOf({ namespace, listener }: Request, login: InlineLogin): string {
  return login.namespace === undefined ? namespace : belowChroot(listener.chroot, login.namespace);
}

/** Who logs in asks a method's open path: nothing else of the API is there to be asked in a header. */
function isLogin({ open, routed, refusal }: Asked): boolean {
  return refusal === undefined && open && routed?.mounted.record.table === 'auth';
}

/** Serves a request that brings its login along. `sent`: as it came, before it was placed in its namespace. */
export function serveInline(
  services: RequestServices,
  { asked, sent }: { readonly asked: Asked; readonly sent: Request },
  serve: Serving,
): Outcome | Promise<Outcome> {
  const found = { ...asked, request: withoutParameters(asked.request) };
  const refused = (refusal: LockstepError, inline?: Inline) =>
    serve({ ...found, refusal }, (each) => chain(grantAccess(services, each), (access) => ({ ...access, inline })));
  if (found.refusal !== undefined) return refused(found.refusal);
  let login: Asked;
  const id = uuid();
  try {
    login = lookUp(services, loginOf(withoutParameters(sent), readInline(sent), id));
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return refused(error);
  }
  if (!isLogin(login)) return refused(fail('permissionDenied'));
  const logging: Inline = { counterpart: found.request.id };
  const served = serve(login, (each) =>
    chain(grantAccess(services, each), (access) => ({ ...access, inline: logging })),
  );
  return chain(served, (outcome) => {
    const inline: Inline = { counterpart: id };
    if (outcome.errors !== undefined) {
      return chain(refused(refusalOf(outcome), inline), (told) => ({
        ...told,
        status: outcome.status,
        headers: { ...outcome.headers, ...told.headers },
      }));
    }
    const { granted } = logging;
    if (granted === undefined) return refused(fail('permissionDenied'), inline);
    const { token } = granted;
    const { boundCidrs } = token.record;
    if (boundCidrs.length > 0 && !inCidrs(boundCidrs, found.request.address)) {
      return refused(fail('permissionDenied'), inline);
    }
    // A batch token is the caller's own, which is nowhere but in what it says: paths about itself can tell of it.
    const request = granted.id === '' ? found.request : { ...found.request, token: granted.id };
    return serve({ ...found, request, token }, (each) =>
      each.refusal === undefined
        ? { ...deferredAccess(services, { request: each.request, namespace: found.namespace, token }), inline }
        : chain(grantAccess(services, each), (access) => ({ ...access, inline })),
    );
  });
}
