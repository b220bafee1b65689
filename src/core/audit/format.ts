/** Vault's JSON audit entries (field names and order of its audit formatter), one line each, for one device. */
import type { Hasher } from './hasher.ts';
import type {
  AuditedAlarm,
  AuditedAuth,
  AuditedCall,
  AuditedMount,
  AuditedRequest,
  AuditedResponse,
  AuditedWrap,
} from './entry.ts';
import { plainJson, redacted } from './redact.ts';
import type { FormatOptions } from './options.ts';

/** What both entries of a call share. */
interface Fragments {
  readonly auth: string;
  readonly request: string;
}

export class Formatter {
  readonly #options: FormatOptions;
  readonly #hasher: Hasher;
  readonly #fragments = new WeakMap<AuditedCall, Fragments>();

  constructor(options: FormatOptions, hasher: Hasher) {
    this.#options = options;
    this.#hasher = hasher;
  }

  /** `time`: milliseconds since the epoch. */
  request(call: AuditedCall, time: number): Uint8Array {
    const { auth, request } = this.#fragmentsOf(call);
    return this.#line([
      ...head('request', time),
      `"auth":${auth}`,
      `"request":${request}`,
      ...text('error', call.error),
      ...text('forwarded_from', call.forwardedFrom),
    ]);
  }

  response(call: AuditedCall, response: AuditedResponse, time: number): Uint8Array {
    const { auth, request } = this.#fragmentsOf(call);
    // A login's caller is whom the login made: the request came without a token.
    const caller =
      response.auth === undefined || call.auth.clientToken !== undefined ? auth : this.#auth(response.auth);
    return this.#line([
      ...head('response', time),
      `"auth":${caller}`,
      `"request":${request}`,
      `"response":${this.#response(call, response)}`,
      ...text('error', response.error ?? call.error),
      ...(call.forwardedFrom === undefined ? [] : ['"forwarded":true']),
    ]);
  }

  /** Not of Vault's: it has no such thing. */
  alarm(alarm: AuditedAlarm, time: number): Uint8Array {
    const members = [
      ...text('region', alarm.region),
      ...text('remote_address', alarm.remoteAddress),
      ...text('what', alarm.what),
      ...text('detail', alarm.detail),
    ];
    return this.#line([...head('alarm', time), `"alarm":${object(members)}`]);
  }

  #line(members: readonly string[]): Uint8Array {
    return Buffer.from(`${this.#options.prefix}{${members.join(',')}}\n`);
  }

  #fragmentsOf(call: AuditedCall): Fragments {
    const known = this.#fragments.get(call);
    if (known !== undefined) return known;
    const made = { auth: this.#auth(call.auth), request: this.#request(call) };
    this.#fragments.set(call, made);
    return made;
  }

  #auth(auth: AuditedAuth): string {
    const hashes = this.#tokenOf(auth);
    return object([
      ...text('client_token', hashes.clientToken),
      ...text('accessor', hashes.accessor),
      ...text('display_name', auth.displayName),
      ...list('policies', auth.policies),
      ...list('token_policies', auth.tokenPolicies),
      ...list('identity_policies', auth.identityPolicies),
      ...(auth.noDefaultPolicy === true ? ['"no_default_policy":true'] : []),
      ...policyResults(auth),
      ...map('metadata', auth.metadata),
      ...count('num_uses', auth.numUses),
      ...count('remaining_uses', auth.remainingUses),
      ...text('entity_id', auth.entityId),
      ...text('token_type', auth.tokenType),
      ...count('token_ttl', auth.tokenTtl),
      ...(auth.issuedAt === 0 ? [] : text('token_issue_time', `${moment(auth.issuedAt).slice(0, 19)}Z`)),
    ]);
  }

  #request({ auth, request }: AuditedCall): string {
    const hashes = this.#tokenOf({
      identity: auth.identity,
      clientToken: request.clientToken,
      accessor: request.clientTokenAccessor,
    });
    const data = request.data === undefined ? undefined : this.#data(request.data, request.mount?.clearRequestKeys);
    return object([
      ...text('id', request.id),
      ...text('operation', request.operation),
      ...mount(request.mount),
      ...text('client_token', hashes.clientToken),
      ...text('client_token_accessor', hashes.accessor),
      `"namespace":${object([...text('id', request.namespace.id), ...text('path', request.namespace.path)])}`,
      ...text('path', request.path),
      ...(data === undefined ? [] : [`"data":${data}`]),
      ...text('remote_address', request.remoteAddress),
      ...count('remote_port', request.remotePort),
      ...count('wrap_ttl', request.wrapTtl),
      ...this.#headers(request),
      ...text('client_certificate_serial_number', request.clientCertificateSerial),
    ]);
  }

  #response({ request }: AuditedCall, response: AuditedResponse): string {
    const elided = this.#options.elideListResponses && (request.operation === 'list' || request.operation === 'scan');
    const shown = elided ? counted(response.data) : response.data;
    const data =
      shown === undefined || shown === null ? undefined : this.#data(shown, request.mount?.clearResponseKeys);
    return object([
      ...(response.auth === undefined ? [] : [`"auth":${this.#auth(response.auth)}`]),
      ...mount(request.mount),
      ...(response.leaseId === undefined ? [] : [`"secret":${object(text('lease_id', response.leaseId))}`]),
      ...(data === undefined ? [] : [`"data":${data}`]),
      ...list('warnings', response.warnings ?? undefined),
      ...text('redirect', response.redirect),
      ...(response.wrap === undefined ? [] : [`"wrap_info":${this.#wrap(response.wrap)}`]),
    ]);
  }

  #wrap(wrap: AuditedWrap): string {
    return object([
      ...count('ttl', wrap.ttl),
      ...text('token', this.#secret(wrap.token)),
      ...text('accessor', this.#accessor(wrap.accessor)),
      ...text('creation_time', wrap.createdAt),
      ...text('creation_path', wrap.creationPath),
      ...text('wrapped_accessor', this.#accessor(wrap.wrappedAccessor ?? '')),
    ]);
  }

  #headers({ headers }: AuditedRequest): readonly string[] {
    const entries = Object.entries(headers ?? {});
    if (entries.length === 0) return [];
    const shown = entries.map(([name, { values, hmac }]) => {
      const texts = values.map((value) => JSON.stringify(hmac ? this.#secret(value) : value));
      return `${JSON.stringify(name)}:[${texts.join(',')}]`;
    });
    return [`"headers":{${shown.join(',')}}`];
  }

  #tokenOf(auth: Pick<AuditedAuth, 'identity' | 'clientToken' | 'accessor'>) {
    const { clientToken = '', accessor = '' } = auth;
    if (this.#options.raw) return { clientToken, accessor };
    const hashes = this.#hasher.token(auth);
    return { clientToken: hashes.clientToken, accessor: this.#options.hmacAccessor ? hashes.accessor : accessor };
  }

  #data(data: unknown, clear: readonly string[] = []): string | undefined {
    return this.#options.raw ? plainJson(data) : redacted(data, { hash: (value) => this.#hasher.hash(value), clear });
  }

  #secret(value: string): string {
    return value === '' || this.#options.raw ? value : this.#hasher.hash(value);
  }

  #accessor(value: string): string {
    return this.#options.hmacAccessor ? this.#secret(value) : value;
  }
}

const moment = (time: number): string => new Date(time).toISOString();

function head(type: 'request' | 'response' | 'alarm', time: number): readonly string[] {
  return [`"time":"${moment(time)}"`, `"type":"${type}"`];
}

function object(members: readonly string[]): string {
  return `{${members.join(',')}}`;
}

/** Empty text, lists and maps, and zero, are left out, as Vault does. */
function text(name: string, value: string | undefined): readonly string[] {
  return value === undefined || value === '' ? [] : [`"${name}":${JSON.stringify(value)}`];
}

function count(name: string, value: number | undefined): readonly string[] {
  return value === undefined || value === 0 ? [] : [`"${name}":${value}`];
}

function list(name: string, values: readonly string[] | undefined): readonly string[] {
  return values === undefined || values.length === 0 ? [] : [`"${name}":${JSON.stringify(values)}`];
}

function map(name: string, values: Readonly<Record<string, string>> | null | undefined): readonly string[] {
  if (values === undefined || values === null || Object.keys(values).length === 0) return [];
  return [`"${name}":${JSON.stringify(values)}`];
}

function policyResults({ policyResults: results }: AuditedAuth): readonly string[] {
  if (results === undefined) return [];
  const granting = results.grantingPolicies.map((name) => ({ name, namespace_id: 'root', type: 'acl' }));
  const shown = { allowed: results.allowed, ...(granting.length === 0 ? {} : { granting_policies: granting }) };
  return [`"policy_results":${JSON.stringify(shown)}`];
}

function mount(of: AuditedMount | undefined): readonly string[] {
  if (of === undefined) return [];
  return [
    ...text('mount_point', of.point),
    ...text('mount_type', of.type),
    ...text('mount_accessor', of.accessor),
    ...text('mount_class', of.class),
  ];
}

/** A listing's names replaced by how many there are. */
function counted(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([name, value]: [string, unknown]) => {
      if (name === 'keys' && Array.isArray(value)) return [name, value.length];
      if (name === 'key_info' && typeof value === 'object' && value !== null) return [name, Object.keys(value).length];
      return [name, value];
    }),
  );
}
