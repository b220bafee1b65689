/** Tells the broker what the pipeline knows of a request. */
import type { JsonObject } from '../../framework/field.ts';
import type { Outcome } from '../../framework/request.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { MFA_HEADER } from '../mfa/credentials.ts';
import { requestPath, type MountRecord } from '../mounts/mount.ts';
import { parametersOf, type Access } from '../requests/access.ts';
import { PARAMETER } from '../requests/inline.ts';
import { snapshotUse } from '../requests/from-snapshot.ts';
import type { Token, TokenRecord } from '../tokens/token.ts';
import type { AuditBroker } from './broker.ts';
import type {
  AuditedAuth,
  AuditedCall,
  AuditedHeader,
  AuditedMount,
  AuditedResponse,
  AuditedWrap,
  PolicyResults,
} from './entry.ts';
import type { AuditTrail } from './trail.ts';

/** Lower-case header names to whether their values are hashed: `sys/config/auditing/request-headers`. */
export type AuditedHeaders = ReadonlyMap<string, { readonly hmac: boolean }>;

const noHeaders: AuditedHeaders = new Map();
const nobody: AuditedAuth = {
  displayName: '',
  policies: [],
  tokenPolicies: [],
  entityId: '',
  tokenType: 'default',
  tokenTtl: 0,
  issuedAt: 0,
};

/** Finds a token by itself, to name whom a login made; undefined when it is gone. */
export type FindToken = (id: string) => Token | undefined;

/** `headers` is asked for each request, `find` for each reply with a new token. */
export function brokerTrail(
  broker: AuditBroker,
  headers: () => AuditedHeaders = () => noHeaders,
  find: FindToken = () => undefined,
): AuditTrail {
  const callOf = (access: Access): AuditedCall => (access.audited ??= auditedCall(access, headers()));
  return {
    event: ({ region, address, what, detail }) => {
      // The broker tells the log when no device can record it.
      const alarm = { region: bounded(region), remoteAddress: address, what, detail: bounded(detail) };
      broker.alarm(alarm)?.catch(() => undefined);
    },
    afterwards: async ({ path, mount, address, data, reply }) => {
      if (!broker.enabled) return;
      const call: AuditedCall = {
        auth: nobody,
        request: {
          ...{ id: uuid(), operation: 'update', namespace: { id: 'root', path: '' }, path, data },
          mount: { ...mountOf(mount), clearResponseKeys: Object.keys(reply) },
          ...{ remoteAddress: address, remotePort: 0, wrapTtl: 0 },
        },
      };
      await broker.request(call);
      await broker.response(call, { data: reply });
    },
    request: (access) => (broker.enabled ? broker.request(callOf(access)) : undefined),
    both: (access, outcome) =>
      broker.enabled ? broker.both(callOf(access), auditedResponse(outcome, find)) : undefined,
    response: (access, outcome) =>
      broker.enabled && !(broker.ended && tellsNothing(outcome))
        ? broker.response(callOf(access), auditedResponse(outcome, find))
        : undefined,
  };
}

/** Such as the reply to the request that sealed the node, and with it ended the audit. */
const tellsNothing = ({ status, errors }: Outcome): boolean => status === 204 || errors !== undefined;

/** Whoever raises an alarm may have chosen its words. */
const bounded = (text: string): string => text.slice(0, 1_024);

function auditedCall(access: Access, headers: AuditedHeaders): AuditedCall {
  const { request, token, operation, error, routed, call, region } = access;
  return {
    auth: token === undefined ? strangerOf(access) : authOf(token, access, resultsOf(access)),
    request: {
      id: request.id,
      operation: request.help ? 'help' : operation,
      mount: routed === undefined ? undefined : mountOf(routed.mounted.record),
      clientToken: request.token,
      clientTokenAccessor: token?.record.accessor,
      namespace: call.namespace,
      path: request.path,
      data: dataOf(access),
      remoteAddress: request.address,
      remotePort: request.port,
      wrapTtl: request.wrapTtl,
      headers: headersOf(access, headers),
      clientCertificateSerial: request.peer?.serial,
      controlGroupAccessor: access.released,
      inlineAuthRequest: access.inline?.counterpart,
    },
    error: error?.message,
    forwardedFrom: region,
  };
}

const isAllowed = ({ error }: Access): boolean => error?.code !== 'permissionDenied' && error?.code !== 'hubRefused';

function resultsOf(access: Access): PolicyResults {
  const allowed = isAllowed(access);
  const results = { allowed, grantingPolicies: allowed ? access.grantedBy : [] };
  // Most are of the root namespace, which needs no words.
  return access.home === ''
    ? results
    : { ...results, namespace: { id: access.call.client.namespace, path: access.home } };
}

/** Who has no token here: nobody, or whom a region says it asks for. */
function strangerOf(access: Access): AuditedAuth {
  if (access.region === undefined) return nobody;
  const { displayName, policies, entity, accessor } = access.call.client;
  return {
    ...nobody,
    ...{ displayName, policies, accessor, entityId: entity },
    policyResults: resultsOf(access),
  };
}

const none: readonly string[] = [];

/** With policies of its entity a token's members are others once these change. */
const identities = new WeakMap<TokenRecord, { readonly policies: readonly string[] }>();

function identityOf(record: TokenRecord, policies: readonly string[]): object {
  if (policies.length === 0) return record;
  const known = identities.get(record);
  if (known?.policies === policies) return known;
  const made = { policies };
  identities.set(record, made);
  return made;
}

const together = (own: readonly string[], more: readonly string[]): readonly string[] =>
  more.length === 0 ? own : [...new Set([...own, ...more])].sort();

function authOf(
  { record }: Token,
  { request, identityPolicies = none }: Access,
  policyResults: PolicyResults,
): AuditedAuth {
  return {
    clientToken: request.token,
    accessor: record.accessor,
    displayName: record.displayName,
    policies: together(record.policies, identityPolicies),
    tokenPolicies: record.policies,
    identityPolicies,
    noDefaultPolicy: record.noDefaultPolicy && !record.policies.includes('root'),
    policyResults,
    metadata: record.meta,
    remainingUses: Math.max(0, record.numUses),
    entityId: record.entity,
    tokenType: record.type,
    tokenTtl: record.creationTtl,
    issuedAt: record.createdAt,
    identity: identityOf(record, identityPolicies),
  };
}

/** The body's fields, with those of the query below them, as the handler gets them. */
function dataOf({ request }: Access): JsonObject | undefined {
  const use = snapshotUse(request);
  const recovered = use?.kind === 'recover' ? { recover_snapshot_id: use.id } : {};
  const parameters = use === undefined ? parametersOf(request) : { ...parametersOf(request), ...recovered };
  return request.rawBody === undefined ? parameters : { ...parameters, http_raw_body: request.rawBody };
}

const mounts = new WeakMap<MountRecord, AuditedMount>();

function mountOf(record: MountRecord): AuditedMount {
  const known = mounts.get(record);
  if (known !== undefined) return known;
  const made: AuditedMount = {
    point: requestPath(record),
    type: record.type,
    accessor: record.accessor,
    class: record.table,
    clearRequestKeys: record.config.auditNonHmacRequestKeys ?? [],
    clearResponseKeys: record.config.auditNonHmacResponseKeys ?? [],
  };
  mounts.set(record, made);
  return made;
}

function headersOf({ request }: Access, chosen: AuditedHeaders): Readonly<Record<string, AuditedHeader>> | undefined {
  if (chosen.size === 0) return undefined;
  const shown: [string, AuditedHeader][] = [];
  for (const [name, { hmac }] of chosen) {
    const value = request.headers[name];
    if (value === undefined) continue;
    // Secrets, whatever was chosen.
    const hashed = hmac || name === MFA_HEADER || name.startsWith(PARAMETER);
    shown.push([name, { values: typeof value === 'string' ? [value] : value, hmac: hashed }]);
  }
  return Object.fromEntries(shown);
}

function auditedResponse(outcome: Outcome, find: FindToken): AuditedResponse {
  const { reply, errors, refusal, auth, displayName, leaseId, warnings, wrapInfo } = outcome;
  // Vault gives a refusal as data too, and there it is hashed.
  const error = errors === undefined || errors.length === 0 ? undefined : errors.join('; ');
  return {
    auth: auth === null ? undefined : madeAuth(auth, displayName, find),
    leaseId: leaseId === '' ? undefined : leaseId,
    data: error !== undefined ? { error } : reply === undefined ? undefined : replyData(reply),
    identity: error === undefined ? reply?.identity : undefined,
    warnings,
    wrap: wrapInfo === null ? undefined : madeWrap(wrapInfo),
    error: error === undefined || refusal === undefined ? error : `${error} (${refusal})`,
  };
}

function replyData({ data, bare, raw, status }: NonNullable<Outcome['reply']>): unknown {
  if (raw === undefined) return data ?? bare;
  return { http_content_type: raw.contentType, http_raw_body: raw.body, http_status_code: status };
}

/** From the `auth` block that the client gets. */
function madeAuth(auth: JsonObject, displayName: string | undefined, find: FindToken): AuditedAuth {
  const clientToken = textOf(auth, 'client_token');
  return {
    clientToken,
    accessor: textOf(auth, 'accessor'),
    displayName: displayName ?? (clientToken === '' ? undefined : find(clientToken))?.record.displayName ?? '',
    policies: textsOf(auth, 'policies'),
    tokenPolicies: textsOf(auth, 'token_policies'),
    identityPolicies: textsOf(auth, 'identity_policies'),
    metadata: isTexts(auth['metadata']) ? auth['metadata'] : null,
    numUses: countOf(auth, 'num_uses'),
    entityId: textOf(auth, 'entity_id'),
    tokenType: textOf(auth, 'token_type'),
    tokenTtl: countOf(auth, 'lease_duration'),
    issuedAt: 0,
  };
}

/** From the `wrap_info` block that the client gets. */
function madeWrap(info: JsonObject): AuditedWrap {
  return {
    ttl: countOf(info, 'ttl'),
    token: textOf(info, 'token'),
    accessor: textOf(info, 'accessor'),
    createdAt: textOf(info, 'creation_time'),
    creationPath: textOf(info, 'creation_path'),
    wrappedAccessor: textOf(info, 'wrapped_accessor'),
  };
}

function textOf(block: JsonObject, name: string): string {
  const value = block[name];
  return typeof value === 'string' ? value : '';
}

function countOf(block: JsonObject, name: string): number {
  const value = block[name];
  return typeof value === 'number' ? value : 0;
}

function textsOf(block: JsonObject, name: string): readonly string[] {
  const value = block[name];
  return Array.isArray(value) ? value.map(String) : [];
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((item) => typeof item === 'string');
}
