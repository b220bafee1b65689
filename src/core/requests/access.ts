/** Who asks for what, and whether they may: routing, the token, the policies. Decided before anything runs. */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Call, Client } from '../../framework/call.ts';
import type { JsonObject } from '../../framework/field.ts';
import { needsSudo, type Operation, type Path } from '../../framework/path.ts';
import type { Request } from '../../framework/request.ts';
import type { Match } from '../../framework/router.ts';
import { coerce, type Coerced } from '../../framework/values.ts';
import { inCidrs } from '../../lib/cidr.ts';
import type { AuditedCall } from '../audit/entry.ts';
import type { Routed } from '../mounts/mount-table.ts';
import type { Decision, PolicyOperation } from '../policy/index.ts';
import type { RequestServices } from '../services.ts';
import type { Token } from '../tokens/token.ts';

/** What was found out about a request. On a refusal, `error` says why, and the rest is there for the audit. */
export interface Access {
  readonly request: Request;
  readonly routed: Routed | undefined;
  readonly match: Match<unknown> | undefined;
  readonly coerced: Coerced | undefined;
  readonly token: Token | undefined;
  /** The region that forwarded it, by its certificate. */
  readonly region: string | undefined;
  readonly operation: PolicyOperation;
  /** The policies that allow it. */
  readonly grantedBy: readonly string[];
  readonly call: Call;
  readonly error: LockstepError | undefined;
  /** What the audit made of it for the first entry: the second tells the same. */
  audited?: AuditedCall;
}

const NOBODY: Client = {
  displayName: '',
  policies: [],
  entity: '',
  tokenKey: '',
  accessor: '',
  address: '',
};

export function clientOf(token: Token | undefined, address: string): Client {
  if (token === undefined) return { ...NOBODY, address };
  const { displayName, policies, entity, accessor } = token.record;
  return { displayName, policies, entity, tokenKey: token.key, accessor, address };
}

/** LIST and SCAN are asked of a folder: Vault compares and routes them with a closing slash. */
function askedPath({ verb, path }: Request): string {
  return (verb === 'list' || verb === 'scan') && !path.endsWith('/') ? `${path}/` : path;
}

export function makeCall(request: Request, routed: Routed | undefined, client: Client, now: number): Call {
  return {
    signal: request.signal,
    id: request.id,
    namespace: { id: 'root', path: '' },
    now,
    path: routed?.rest ?? askedPath(request),
    mountPath: routed?.mounted.path ?? '',
    client,
    token: request.token,
    body: request.body ?? {},
    upload: request.upload,
    query: request.query,
    wrapTtl: request.wrapTtl,
    contentType: request.contentType,
  };
}

/** The fields of the body, and those of the query below them. */
export function parametersOf({ query, body }: Request): JsonObject | undefined {
  return Object.keys(query).length === 0 ? body : { ...query, ...body };
}

export function operationOf(path: Path<unknown>, request: Request): Operation<never, unknown> | undefined {
  return path.operations[request.verb];
}

function boundTo({ boundCidrs }: Token['record'], address: string): boolean {
  return boundCidrs.length === 0 || inCidrs(boundCidrs, address);
}

/** The mount that a login came from is there: with it, all that it granted ends. */
function hasOrigin({ mounts }: Pick<RequestServices, 'mounts'>, { record }: Token): boolean {
  return record.login === undefined || mounts.byUuid(record.login.mount) !== undefined;
}

/** Who calls an open path, if the token is one that could be used from there; no use is taken. */
export function presented(
  services: Pick<RequestServices, 'tokens' | 'mounts'>,
  id: string | undefined,
  address: string,
) {
  const token = id === undefined ? undefined : services.tokens.find(id);
  if (token === undefined || token.record.numUses < 0) return undefined;
  return boundTo(token.record, address) && hasOrigin(services, token) ? token : undefined;
}

/** What a request is about and who makes it, looked up once; nothing is decided yet, and no use of a token is taken. */
export interface Asked {
  readonly request: Request;
  /** As policies see it. */
  readonly path: string;
  readonly routed: Routed | undefined;
  readonly match: Match<unknown> | undefined;
  /** No token is asked for. */
  readonly open: boolean;
  /** The token that was sent, if there is one; undefined on open paths. */
  readonly token: Token | undefined;
}

/** Of this moment: what changes afterwards is not in it. */
export function lookUp(services: RequestServices, request: Request): Asked {
  const path = askedPath(request);
  const routed = services.mounts.route('root', path);
  const match = routed?.mounted.router.match(routed.rest);
  const open = isOpen(match?.path, request);
  const token = open || request.token === undefined ? undefined : services.tokens.find(request.token);
  return { request, path, routed, match, open, token };
}

/** The token of a request, one use of it taken. Throws `missingToken` or `invalidToken`. */
export function authenticate(
  services: RequestServices,
  { request, token }: Pick<Asked, 'request' | 'token'>,
): Token | Promise<Token> {
  if (request.token === undefined || request.token === '') throw fail('missingToken');
  if (token === undefined || !hasOrigin(services, token)) throw fail('invalidToken');
  if (!boundTo(token.record, request.address)) throw fail('permissionDenied');
  return token.record.numUses === 0 ? token : services.tokens.use(token);
}

function coerceOrFail(match: Match<unknown>, request: Request): Coerced | LockstepError {
  try {
    return coerce(match, request.body ?? {}, request.query);
  } catch (error) {
    if (isLockstepError(error)) return error;
    throw error;
  }
}

/** `create` where the path can tell that the thing is new, else what was asked. */
function aclOperation({ request, match, coerced, routed, call }: Found): PolicyOperation {
  if (request.verb !== 'update') return request.verb;
  const exists = match?.path.exists;
  if (exists === undefined || coerced === undefined || routed === undefined) return 'update';
  return exists(routed.mounted.instance, coerced.values as never, call) ? 'update' : 'create';
}

/** Whether no token is asked for. */
export function isOpen(
  path: { readonly access?: Path<unknown>['access'] } | undefined,
  { help, listener }: Request,
): boolean {
  if (help) return false;
  switch (path?.access) {
    case 'open':
      return true;
    case 'metrics':
      return listener.unauthenticatedMetrics;
    case 'rekey':
      return listener.unauthenticatedRekey === true;
    case 'generate-root':
      return listener.unauthenticatedGenerateRoot === true;
    default:
      return false;
  }
}

/** Never throws for what a client did: the refusal is in `error`. */
export function grantAccess(services: RequestServices, asked: Asked): Access | Promise<Access> {
  const { request, path, routed, match, open } = asked;
  const base = { request, routed, match } as const;
  const refuse = (error: unknown, token?: Token): Access => {
    if (!isLockstepError(error)) throw error;
    const call = makeCall(request, routed, clientOf(token, request.address), services.now());
    return {
      ...base,
      token,
      region: undefined,
      coerced: undefined,
      operation: request.verb,
      grantedBy: [],
      call,
      error,
    };
  };
  const refuseToken = (error: unknown): Access => {
    const said = match?.path.badToken;
    return refuse(said === undefined || !isLockstepError(error) ? error : fail('badRequest', said));
  };
  const granted = (token: Token | undefined): Access => {
    const client = clientOf(token, request.address);
    try {
      return decide(services, { ...base, path }, { token, client, region: undefined });
    } catch (error) {
      return refuse(error, token);
    }
  };
  let token: Token | undefined | Promise<Token>;
  try {
    token = open ? undefined : authenticate(services, asked);
  } catch (error) {
    return refuseToken(error);
  }
  return token instanceof Promise ? token.then(granted, refuseToken) : granted(token);
}

/** Whose policies decide: a token's, or those that a region says its caller has. Neither on open paths. */
export interface Caller {
  readonly token: Token | undefined;
  readonly client: Client;
  readonly region: string | undefined;
}

/** A request that a region forwards: its word on who asks, this node's policies, and what the region may write at all. */
export function forwardedAccess(services: RequestServices, request: Request, caller: Caller): Access {
  const path = askedPath(request);
  const routed = services.mounts.route('root', path);
  const match = routed?.mounted.router.match(routed.rest);
  return decide(services, { request, routed, match, path }, caller);
}

function decide(services: RequestServices, asked: Omit<Asked, 'open' | 'token'>, caller: Caller): Access {
  const { request, routed, match, path } = asked;
  const { token, client, region } = caller;
  const call = makeCall(request, routed, client, services.now());
  const tried = match === undefined ? undefined : coerceOrFail(match, request);
  const bad = isLockstepError(tried) ? tried : undefined;
  const coerced = isLockstepError(tried) ? undefined : tried;
  const found = { request, routed, match, coerced, call };
  const operation = aclOperation(found);
  const known = token !== undefined || region !== undefined;
  const { allowed, by, limit } = known && !request.help ? judge(services, found, { operation, path }) : OPEN;
  // Help is asked for without parameters.
  const error = allowed ? (missing(found) ?? (request.help ? undefined : bad)) : fail('permissionDenied');
  return {
    request,
    routed,
    match,
    coerced: limited(coerced, limit),
    token,
    region,
    operation,
    grantedBy: by,
    call,
    error,
  };
}

/** A rule's `pagination_limit` takes the place of the page size that was asked for. */
function limited(coerced: Coerced | undefined, limit: number | undefined): Coerced | undefined {
  if (coerced === undefined || limit === undefined) return coerced;
  return { ...coerced, values: { ...coerced.values, limit } };
}

/** Open paths, and the help of any. */
const OPEN: Decision = { allowed: true, sudo: false, root: false, by: [] };

type Found = Pick<Access, 'request' | 'routed' | 'match' | 'coerced' | 'call'>;

function judge(
  services: RequestServices,
  { match, request, call }: Found,
  asked: Pick<Asked, 'path'> & Pick<Access, 'operation'>,
): Decision {
  const acl = services.policies.acl(call.client.policies);
  const verdict = acl.allows(asked.operation, asked.path, { body: parametersOf(request), wrapTtl: request.wrapTtl });
  return needsSudo(match?.path.access) && !verdict.sudo ? { ...verdict, allowed: false } : verdict;
}

function missing({ routed, match, request }: Pick<Access, 'routed' | 'match' | 'request'>): LockstepError | undefined {
  if (routed === undefined) return fail('noHandler', `no handler for route "${request.path}". route entry not found.`);
  if (request.help && routed.rest === '') return undefined;
  if (match === undefined) {
    const { plugin, record } = routed.mounted;
    const hint = plugin.unsupported?.(record.options ?? {});
    return hint === undefined ? fail('unsupportedPath') : fail('unsupportedPath', `unsupported path: ${hint}`);
  }
  if (!request.help && match.path.operations[request.verb] === undefined) return fail('unsupportedOperation');
  return undefined;
}
