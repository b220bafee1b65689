/** The way of every request: fresh enough, routed, authorised, recorded, served, recorded. */
import { rm } from 'node:fs/promises';
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Reply } from '../../framework/reply.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import { mountHelp, pathHelp } from '../../framework/help.ts';
import { chain } from '../../lib/chain.ts';
import { faultOf } from '../../lib/fault.ts';
import type { Granted } from '../leases/leases.ts';
import type { ControlGroup } from '../policy/index.ts';
import type { RequestServices } from '../services.ts';
import { authBlock } from '../tokens/token.ts';
import { MFA_NEEDED, waitingLogin } from '../mfa/waiting-login.ts';
import { grantAccess, lookUp, type Asked, operationOf, type Access } from './access.ts';
import { serveFromSnapshot, snapshotUse, type SnapshotUse } from './from-snapshot.ts';
import { grantToken, identityPoliciesOf } from './grants.ts';
import { countedOf } from './counted.ts';
import { grantLease } from './leased.ts';
import { isInline } from './inline.ts';
import { serveInline } from './inline-login.ts';
import { guarded } from './guarded.ts';
import { checkAge } from './staleness.ts';
import { filteredKeys } from './filtered-keys.ts';
import { wrapped } from '../wrapping/wrapped.ts';

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

export function outcomeOf(request: Request, reply: Reply, extra: Partial<Outcome> = {}): Outcome {
  return {
    status: reply.status,
    requestId: request.id,
    reply,
    leaseId: '',
    leaseDuration: reply.leaseDuration ?? 0,
    renewable: false,
    auth: reply.auth ?? null,
    wrapInfo: reply.wrapInfo ?? null,
    warnings: reply.warnings === undefined || reply.warnings.length === 0 ? null : reply.warnings,
    mountType: '',
    headers: reply.headers ?? NO_HEADERS,
    ...extra,
  };
}

export function failure(request: Request, error: LockstepError): Outcome {
  const errors = error.message === '' ? [] : [error.message];
  return { ...outcomeOf(request, { status: error.status }), errors, refusal: error.detail };
}

/** What a handler threw. Anything that is not of the catalogue is our fault: logged, and not shown. */
export function asFailure(services: Pick<RequestServices, 'log'>, request: Request, error: unknown): LockstepError {
  if (isLockstepError(error)) return error;
  services.log.error('request failed', { request: request.id, path: request.path, ...faultOf(error) });
  return fail('internal', `internal error: request ${request.id}`);
}

/** A forwarded write that this region does not show yet names the index to wait for by itself. */
export function withStanding(services: RequestServices, outcome: Outcome): Outcome {
  const headers = { 'X-Vault-Index': services.freshness.text, ...outcome.headers, ...services.standing() };
  return { ...outcome, headers };
}

/** Under what a request that waits is counted: a token that is none is the address's, or each would have a share anew. */
function waiterOf({ tokens }: RequestServices, { token, address }: Request): string {
  return (token === undefined ? undefined : tokens.find(token)?.key) ?? address;
}

/** Serves one request on an unsealed node. Never rejects. `asked`: where the caller has looked it up, just now. */
export function serve(services: RequestServices, request: Request, asked?: Asked): Outcome | Promise<Outcome> {
  const { metrics } = services;
  const start = metrics.begin();
  let open = false;
  const failed = (error: unknown): Outcome => failure(request, asFailure(services, request, error));
  const ended = (outcome: Outcome): Outcome => {
    metrics.end(start, open);
    return withStanding(services, outcome);
  };
  try {
    const served = chain(
      services.freshness.reach(request.index, () => waiterOf(services, request)),
      () => {
        const found = asked ?? lookUp(services, request);
        open = found.open;
        return isInline(found)
          ? serveInline(services, { asked: found, sent: request }, (each, decide) => counted(services, each, decide))
          : counted(services, found);
      },
    );
    return served instanceof Promise ? served.then(ended, (error: unknown) => ended(failed(error))) : ended(served);
  } catch (error) {
    return ended(failed(error));
  }
}

type Decide = (asked: Asked) => Access | Promise<Access>;

/** `decide`: where it is not the request's own token that says what is allowed. */
function counted(services: RequestServices, found: Asked, decide?: Decide): Outcome | Promise<Outcome> {
  return services.quotas.active ? metered(services, found, decide) : granted(services, found, decide);
}

function granted(services: RequestServices, found: Asked, decide?: Decide): Outcome | Promise<Outcome> {
  return chain(decide === undefined ? grantAccess(services, found) : decide(found), (access) =>
    found.open && tellsOnlyState(access) ? attempt(services, access) : recorded(services, access),
  );
}

/** Counted before a token is looked at further: what is too much costs no more than that. */
function metered(services: RequestServices, found: Asked, decide?: Decide): Outcome | Promise<Outcome> {
  const { headers, refusal } = services.quotas.admit(countedOf(found));
  if (refusal !== undefined && !services.quotas.audited) {
    return { ...failure(found.request, refusal), headers: { ...headers } };
  }
  const outcome = granted(services, refusal === undefined ? found : { ...found, refusal }, decide);
  return headers === undefined
    ? outcome
    : chain(outcome, (served) => ({ ...served, headers: { ...served.headers, ...headers } }));
}

/**
 * Nothing is changed before the request is on record, and nothing is answered before both of its entries are. So what
 * changes nothing is served meanwhile, and where that took no waiting both entries are recorded at once.
 */
function recorded(services: RequestServices, access: Access): Outcome | Promise<Outcome> {
  const { audit } = services;
  if (mayChange(access))
    return chain(audit.request(access), () => answered(services, access, attempt(services, access)));
  services.metrics.onlyReads();
  const served = attempt(services, access);
  if (!(served instanceof Promise)) return told(served, audit.both(access, served));
  const asked = audit.request(access);
  return Promise.all([answered(services, access, served), asked]).then(([outcome]) => outcome);
}

/** A refusal and help change nothing; a read does with a token's last use, and when its reply is put aside. */
function mayChange({ match, request, error, token, control }: Access): boolean {
  if (token?.record.numUses === -1) return true;
  if (error !== undefined || request.help || match === undefined) return false;
  if (control !== undefined) return true;
  return request.wrapTtl > 0 || operationOf(match.path, request)?.writes !== 'nothing';
}

/** The outcome, once its entry is on record. */
function answered(
  services: RequestServices,
  access: Access,
  served: Outcome | Promise<Outcome>,
): Outcome | Promise<Outcome> {
  return chain(served, (outcome) => {
    const ending = access.token?.record.numUses === -1 ? services.revocation.revoke(access.token.key) : undefined;
    const entry = (): undefined | Promise<void> => services.audit.response(access, outcome);
    return told(outcome, ending === undefined ? entry() : ending.then(entry));
  });
}

/** `recorded`: its entry, or both. */
function told(outcome: Outcome, recorded: undefined | Promise<void>): Outcome | Promise<Outcome> {
  if (recorded === undefined) return outcome;
  return recorded.then(
    () => outcome,
    (error: unknown) => neverSent(outcome, error),
  );
}

/** What nobody gets must not stay on the disk, nor go on. */
async function neverSent({ reply }: Outcome, error: unknown): Promise<never> {
  if (reply?.file !== undefined) await rm(reply.file.path, { force: true });
  await reply?.stream?.body[Symbol.asyncIterator]().return?.();
  throw error;
}

/**
 * Health, seal status and the like, which a sealed node tells anybody too: not recorded, as in Vault, so that a load
 * balancer neither fills the audit log nor is refused when that is full.
 */
function tellsOnlyState({ match, request }: Access): boolean {
  return match?.path.sealed === true && operationOf(match.path, request)?.writes === 'nothing';
}

function refused({ request, match }: Access, error: LockstepError): Outcome {
  const outcome = failure(request, error);
  const reply = match?.path.refusal?.(error);
  return reply === undefined
    ? outcome
    : { ...outcome, status: reply.status, reply, headers: reply.headers ?? NO_HEADERS };
}

function attempt(services: RequestServices, access: Access): Outcome | Promise<Outcome> {
  const { request } = access;
  const failed = (error: unknown): Outcome => failure(request, asFailure(services, request, error));
  try {
    if (access.error !== undefined) return refused(access, access.error);
    const result = request.help
      ? help(access)
      : access.control === undefined
        ? chain(run(services, access), (outcome) => wrapped(services, access, outcome))
        : deferred(services, access, access.control);
    return result instanceof Promise ? result.catch(failed) : result;
  } catch (error) {
    return failed(error);
  }
}

/** Nothing of it is done: who asked gets a token that it waits under. */
async function deferred(services: RequestServices, access: Access, control: ControlGroup): Promise<Outcome> {
  if (services.controls === undefined) throw fail('internal', 'this thread keeps no requests');
  const wrapInfo = await services.controls.defer(access, control);
  return { ...(await wrapped(services, access, outcomeOf(access.request, { status: 200, wrapInfo }))), waits: true };
}

function help({ match, routed, request }: Access): Outcome {
  if (routed === undefined) throw fail('notFound');
  const { mounted, rest } = routed;
  if (rest !== '' && match !== undefined) {
    return outcomeOf(request, { status: 200, bare: pathHelp(match.path, mounted.path) });
  }
  const paths = mounted.plugin.paths({ options: mounted.record.options ?? {} });
  return outcomeOf(request, { status: 200, bare: mountHelp(mounted.plugin.help, paths, mounted.path) });
}

/** The handler, on this node or, for shared writes of a region, at the hub. */
export function run(services: RequestServices, access: Access): Outcome | Promise<Outcome> {
  const { request, match, routed, coerced, call } = access;
  if (match === undefined || routed === undefined || coerced === undefined) throw fail('internal');
  const operation = operationOf(match.path, request);
  if (operation === undefined) throw fail('unsupportedOperation');
  const use = snapshotUse(request);
  if (use !== undefined) return fromSnapshot(services, access, use);
  if (operation.writes === 'shared' && services.forward !== undefined) return services.forward(access);
  checkAge(services, access);
  const timing = services.metrics.route(routed.mounted, access.operation);
  const start = performance.now();
  const { instance } = routed.mounted;
  const replied = guarded(services, access, operation, () => operation.run(instance, coerced.values as never, call));
  return chain(replied, (reply) => {
    timing.record(start, performance.now());
    return finish(services, access, reply);
  });
}

function leased({ id, duration, renewable }: Pick<Granted, 'id' | 'duration' | 'renewable'>): Partial<Outcome> {
  return { leaseId: id, leaseDuration: duration, renewable };
}

function fromSnapshot(services: RequestServices, access: Access, use: SnapshotUse): Outcome | Promise<Outcome> {
  const source = services.snapshotSource?.();
  if (source === undefined) throw fail('badRequest', 'no snapshot can be loaded on this node');
  // What a snapshot gives is judged where it was asked for, by who asked.
  if (access.region !== undefined) throw fail('badRequest', 'regions ask nothing of a snapshot of their hub');
  checkAge(services, access);
  return chain(serveFromSnapshot(source, access, use), (reply) => finish(services, access, reply));
}

/** What a policy hides of a list is taken out before anything else sees it. */
function finish(services: RequestServices, access: Access, reply: Reply): Outcome | Promise<Outcome> {
  const { keysFilter: template, request, call } = access;
  if (template === undefined) return complete(services, access, reply);
  const path = request.path.endsWith('/') ? request.path : `${request.path}/`;
  const filtering = {
    template,
    acl: services.policies.acl(call.client),
    namespace: call.namespace.path,
    path,
    verb: request.verb,
  };
  return filteredKeys(reply, filtering).then((filtered) => complete(services, access, filtered));
}

function complete(services: RequestServices, access: Access, reply: Reply): Outcome | Promise<Outcome> {
  const { request, routed, coerced } = access;
  const mountType = routed?.mounted.record.type ?? '';
  const unknown = coerced?.unknown ?? [];
  const ignored =
    unknown.length === 0 ? [] : [`Endpoint ignored these unrecognized parameters: [${unknown.join(' ')}]`];
  const warn = (more: readonly string[]): readonly string[] | null => {
    const all = [...(reply.warnings ?? []), ...ignored, ...more];
    return all.length === 0 ? null : all;
  };
  if (reply.lease !== undefined) {
    const { lease } = reply;
    return grantLease(services, access, lease).then((granted) => {
      const { data, warnings } = granted;
      return outcomeOf(request, { ...reply, data }, { mountType, warnings: warn(warnings), ...leased(granted) });
    });
  }
  if (reply.grant === undefined) {
    const warnings = warn([]);
    // A 204 has no body that could warn: a misspelt parameter would be dropped in silence.
    const status = reply.status === 204 && warnings !== null ? 200 : reply.status;
    const lease = reply.renewed === undefined ? {} : leased(reply.renewed);
    return outcomeOf(request, reply, { mountType, warnings, status, ...lease });
  }
  return grantToken(services, access, reply.grant).then((granted) => {
    const { warnings } = granted;
    if ('required' in granted) {
      return outcomeOf(request, reply, { mountType, ...waitingLogin(granted.required), warnings: warn([MFA_NEEDED]) });
    }
    const { created } = granted;
    const { record } = created.token;
    const auth = authBlock(created.token, created.id, identityPoliciesOf(services, created.token));
    const { displayName } = record;
    return outcomeOf(request, reply, { mountType, auth, displayName, warnings: warn(warnings) });
  });
}
