/** Who asks for what, and whether they may: routing, the token, the policies. Decided before anything runs. */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Call, Client } from '../../framework/call.ts';
import type { JsonObject } from '../../framework/field.ts';
import { needsSudo, type Operation, type Path } from '../../framework/path.ts';
import type { Request } from '../../framework/request.ts';
import type { Match } from '../../framework/router.ts';
import { coerce, type Coerced } from '../../framework/values.ts';
import type { AuditedCall } from '../audit/entry.ts';
import type { Routed } from '../mounts/mount-table.ts';
import { isWithin, ROOT, type Namespace } from '../namespaces/namespace.ts';
import type { ControlGroup, Decision, PolicyOperation } from '../policy/index.ts';
import type { KeysTemplate } from '../policy/keys-template.ts';
import type { RequestServices } from '../services.ts';
import { snapshotUse } from './from-snapshot.ts';
import type { Inline } from './inline.ts';
import { missing } from './missing.ts';
import { isOpen } from './open-paths.ts';
import { authenticate, sealedHome, sentToken } from './sent-token.ts';
import { holderOf, type Token } from '../tokens/token.ts';

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
  /** Those that the caller has by its entity; absent where it has none. */
  readonly identityPolicies?: readonly string[] | undefined;
  /** Of the list only these keys are shown. */
  readonly keysFilter?: KeysTemplate | undefined;
  readonly call: Call;
  /** The path of the namespace that the caller's policies belong to. */
  readonly home: string;
  readonly error: LockstepError | undefined;
  /** It is allowed once these have approved it: until then it is kept, and nothing of it is done. */
  readonly control?: ControlGroup | undefined;
  /** The accessor of the token that it has waited under, where it was approved and is done now. */
  readonly released?: string;
  readonly inline?: Inline | undefined;
  /** What the audit made of it for the first entry: the second tells the same. */
  audited?: AuditedCall;
}

const NOBODY: Client = {
  displayName: '',
  policies: [],
  namespace: ROOT.id,
  entity: '',
  entityNamespace: ROOT.id,
  ...{ tokenKey: '', accessor: '', address: '' },
};

export function clientOf(token: Token | undefined, address: string): Client {
  if (token === undefined) return { ...NOBODY, address };
  const { displayName, accessor } = token.record;
  // What is stored with a token is stored with none that is not stored itself.
  const tokenKey = token.record.type === 'batch' ? '' : token.key;
  return { ...holderOf(token), displayName, tokenKey, accessor, address };
}

/** LIST and SCAN are asked of a folder: Vault compares and routes them with a closing slash. */
function askedPath({ verb, path }: Request): string {
  return (verb === 'list' || verb === 'scan') && !path.endsWith('/') ? `${path}/` : path;
}

export function makeCall(
  { request, routed, namespace }: Pick<Asked, 'request' | 'routed' | 'namespace'>,
  client: Client,
  now: number,
): Call {
  return {
    signal: request.signal,
    id: request.id,
    namespace,
    now,
    path: routed?.rest ?? askedPath(request),
    mountPath: routed?.mounted.path ?? '',
    client,
    token: request.token,
    origin: request,
    authorization: request.headers['authorization']?.toString(),
    body: request.body ?? {},
    upload: request.upload,
    query: request.query,
    clientCertificates: request.clientCertificates ?? [],
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

/** What a request is about and who makes it, looked up once; nothing is decided yet, and no use of a token is taken. */
export interface Asked {
  /** With its path below the namespace. */
  readonly request: Request;
  readonly namespace: Namespace;
  /** As policies see it: from the root namespace on. */
  readonly path: string;
  /** Why it is not served whoever asks. */
  readonly refusal: LockstepError | undefined;
  readonly routed: Routed | undefined;
  readonly match: Match<unknown> | undefined;
  /** No token is asked for. */
  readonly open: boolean;
  /** The token that was sent, if there is one; undefined on open paths. */
  readonly token: Token | undefined;
}

/** What a request is about, whoever makes it. */
export type Placed = Omit<Asked, 'token'>;

/** Of this moment, as what follows. */
export function findPlace(services: RequestServices, sent: Request): Placed {
  const found = route(services, place(services, sent));
  return { ...found, open: isOpen(found.match?.path, found.request) };
}

/** Of this moment: what changes afterwards is not in it. */
export function lookUp(services: RequestServices, sent: Request): Asked {
  const found = findPlace(services, sent);
  const { request, refusal, open } = found;
  const token = open ? undefined : sentToken(services, request);
  const home = open || refusal !== undefined ? undefined : sealedHome(services, request);
  if (home !== undefined) return { ...found, token, refusal: home };
  const asked = { ...found, token };
  if (refusal !== undefined || token === undefined || token.namespace === found.namespace.id) return asked;
  return ofToken(services, asked, token.namespace);
}

type PlacedRequest = Pick<Asked, 'request' | 'namespace' | 'refusal'>;

/** Which namespace is meant, by header and path: once, for everything that comes after (design rule 29). */
function place({ namespaces }: RequestServices, request: Request): PlacedRequest {
  // Most nodes have none: nothing is looked up or made anew for them.
  const chrooted = request.listener.chroot !== undefined;
  if (namespaces.size === 0 && !chrooted) return { request, namespace: ROOT, refusal: undefined };
  try {
    const { namespace, path } = namespaces.place(request.namespace, request.path, chrooted);
    const refusal = namespaces.refusal(namespace, path);
    const below = path === request.path ? request : { ...request, path };
    return { request: below, namespace, refusal };
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return { request, namespace: ROOT, refusal: error };
  }
}

function route({ mounts }: RequestServices, { request, namespace, refusal }: PlacedRequest) {
  const path = askedPath(request);
  const routed = mounts.route(namespace.id, path);
  const match = routed?.mounted.router.match(routed.rest);
  return { request, namespace, refusal, path: namespace.path === '' ? path : namespace.path + path, routed, match };
}

/** Paths about the calling token itself: they mean nothing outside of its namespace, so they are served there. */
const OF_ITSELF: ReadonlySet<string> = new Set([
  'auth/token/lookup-self',
  'auth/token/renew-self',
  'auth/token/revoke-self',
]);

const isOfItself = ({ path, body, token }: Request): boolean =>
  OF_ITSELF.has(path) || (path === 'sys/wrapping/unwrap' && [undefined, '', token].includes(body?.['token'] as string));

/** A token of another namespace: what is its own it finds in its own namespace. */
function ofToken(services: RequestServices, asked: Asked, home: string): Asked {
  const { request, routed } = asked;
  const namespace = services.namespaces.byId(home);
  if (namespace === undefined) return asked;
  if (isOfItself(request)) {
    const refusal = services.namespaces.refusal(namespace, request.path);
    return { ...asked, ...route(services, { request, namespace, refusal }) };
  }
  // A token has one cubbyhole, wherever it is used.
  const own = routed?.mounted.record.uuid === 'cubbyhole' ? services.mounts.at(home, 'cubbyhole/') : undefined;
  return routed === undefined || own === undefined ? asked : { ...asked, routed: { ...routed, mounted: own } };
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
  if (snapshotUse(request) !== undefined) return 'recover';
  const exists = match?.path.exists;
  if (exists === undefined || coerced === undefined || routed === undefined) return 'update';
  return exists(routed.mounted.instance, coerced.values as never, call) ? 'update' : 'create';
}

/** Never throws for what a client did: the refusal is in `error`. */
export function grantAccess(services: RequestServices, asked: Asked): Access | Promise<Access> {
  const { request, path, routed, match, open, namespace } = asked;
  const base = { request, routed, match } as const;
  const refuse = (error: unknown, token?: Token): Access => {
    if (!isLockstepError(error)) throw error;
    const call = makeCall(asked, clientOf(token, request.address), services.now());
    return {
      ...base,
      home: homeOf(services, call),
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
  if (asked.refusal !== undefined) return refuse(asked.refusal);
  const granted = (token: Token | undefined): Access => {
    const client = clientOf(token, request.address);
    try {
      return decide(services, { ...base, path, namespace }, { token, client, region: undefined });
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
export function forwardedAccess(services: RequestServices, sent: Request, caller: Caller): Access {
  const found = route(services, place(services, sent));
  const access = decide(services, found, caller);
  return found.refusal === undefined ? access : { ...access, error: found.refusal };
}

function decide(services: RequestServices, asked: Omit<Asked, 'open' | 'token' | 'refusal'>, caller: Caller): Access {
  const { request, routed, match, path } = asked;
  const { token, client, region } = caller;
  const call = makeCall(asked, client, services.now());
  const tried = match === undefined ? undefined : coerceOrFail(match, request);
  const bad = isLockstepError(tried) ? tried : undefined;
  const coerced = isLockstepError(tried) ? undefined : tried;
  const found = { request, routed, match, coerced, call };
  const operation = aclOperation(found);
  const known = token !== undefined || region !== undefined;
  const { allowed, by, limit, keysFilter, control } =
    known && !request.help ? judge(services, found, { operation, path }) : OPEN;
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
    keysFilter,
    identityPolicies: identityPoliciesOf(services, client),
    call,
    home: homeOf(services, call),
    error,
    ...(control === undefined ? {} : { control }),
  };
}

/** What was kept, asked again by its token as if it came now. Its namespace and its token are known by what was kept. */
export function deferredAccess(
  services: RequestServices,
  { request, namespace, token }: Pick<Asked, 'request' | 'namespace'> & { readonly token: Token },
): Access {
  const refusal = services.namespaces.refusal(namespace, request.path);
  const here = { ...route(services, { request, namespace, refusal }), open: false, token };
  const asked = token.namespace === namespace.id ? here : ofToken(services, here, token.namespace);
  const access = decide(services, asked, { token, client: clientOf(token, request.address), region: undefined });
  return refusal === undefined ? access : { ...access, error: refusal };
}

function identityPoliciesOf({ identities }: RequestServices, { entity, entityNamespace, entityPolicies }: Client) {
  if (entityPolicies !== undefined) return entityPolicies;
  return entity === '' ? undefined : identities.known.identity(entityNamespace, entity)?.policies;
}

/** A rule's `pagination_limit` takes the place of the page size that was asked for. */
function limited(coerced: Coerced | undefined, limit: number | undefined): Coerced | undefined {
  if (coerced === undefined || limit === undefined) return coerced;
  return { ...coerced, values: { ...coerced.values, limit } };
}

/** Open paths, and the help of any. */
const OPEN: Decision = { allowed: true, sudo: false, root: false, by: [] };

function homeOf({ namespaces }: Pick<RequestServices, 'namespaces'>, { client }: Call): string {
  return namespaces.byId(client.namespace)?.path ?? '';
}

const OUTSIDE: Decision = { allowed: false, sudo: false, root: false, by: [] };

/** A token works in its own namespace and below it. Its policies can say nothing else; this holds whatever they say. */
function mayEnter({ namespaces }: RequestServices, { client, namespace }: Call): boolean {
  if (client.namespace === namespace.id) return true;
  const home = namespaces.byId(client.namespace);
  return home !== undefined && isWithin(namespace, home);
}

type Found = Pick<Access, 'request' | 'routed' | 'match' | 'coerced' | 'call'>;

function asksSudo(match: Match<unknown> | undefined, request: Request): boolean {
  return match !== undefined && (needsSudo(match.path.access) || operationOf(match.path, request)?.sudo === true);
}

function judge(
  services: RequestServices,
  { match, request, call }: Found,
  asked: Pick<Asked, 'path'> & Pick<Access, 'operation'>,
): Decision {
  if (!mayEnter(services, call)) return OUTSIDE;
  const acl = services.policies.acl(call.client);
  const sudo = asksSudo(match, request);
  const details = { body: parametersOf(request), wrapTtl: request.wrapTtl, sudo };
  const verdict = acl.allows(asked.operation, asked.path, details);
  if (asked.operation === 'recover' && !verdict.allowed) {
    const instead = acl.allows('create', asked.path, details);
    return instead.sudo ? instead : verdict;
  }
  return sudo && !verdict.sudo ? { ...verdict, allowed: false } : verdict;
}
