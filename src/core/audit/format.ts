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
  Fragments,
} from './entry.ts';
import { fitted } from './fitted.ts';
import { plainJson, quoted, redacted } from './redact.ts';
import type { FormatOptions } from './options.ts';

/** What stands in each entry of a token: in its `auth` block before and after the verdict, and in the request. */
interface TokenMembers {
  readonly before: Members;
  readonly after: Members;
  readonly asked: Members;
}

/** A name never needs escaping; a value may. Members begin with a comma, so that one that is left out is no text at all. */
type Members = string;

export class Formatter {
  readonly #options: FormatOptions;
  readonly #hasher: Hasher;
  readonly #moments = new Moments();
  /** By the token's own object, which the token cache lets go: nothing here keeps a token in memory. */
  readonly #tokens = new WeakMap<object, TokenMembers>();
  /** Replies' data with every string hashed, by their identity: what stands in the log, no secret. */
  readonly #replies = new WeakMap<object, string>();

  constructor(options: FormatOptions, hasher: Hasher) {
    this.#options = options;
    this.#hasher = hasher;
  }

  /** `time`: milliseconds since the epoch. */
  request(call: AuditedCall, time: number): string {
    const { auth, request } = this.#fragmentsOf(call);
    return this.#line(
      this.#head('request', time),
      member('auth', auth) +
        member('request', request) +
        text('error', call.error) +
        text('forwarded_from', call.forwardedFrom),
    );
  }

  response(call: AuditedCall, response: AuditedResponse, time: number): string {
    const { auth, request } = this.#fragmentsOf(call);
    const made = response.auth === undefined ? undefined : this.#auth(response.auth);
    // A login's caller is whom the login made: the request came without a token.
    const caller = made === undefined || call.auth.clientToken !== undefined ? auth : made;
    return this.#line(
      this.#head('response', time),
      member('auth', caller) +
        member('request', request) +
        member('response', this.#response(call, response, made)) +
        text('error', response.error ?? call.error) +
        flag('forwarded', call.forwardedFrom !== undefined),
    );
  }

  /** Not of Vault's: it has no such thing. */
  alarm(alarm: AuditedAlarm, time: number): string {
    const members =
      text('region', alarm.region) +
      text('remote_address', alarm.remoteAddress) +
      text('what', alarm.what) +
      text('detail', alarm.detail);
    return this.#line(this.#head('alarm', time), member('alarm', object(members)));
  }

  #line(head: string, members: Members): string {
    const { prefix, exclude, mostBytes } = this.#options;
    let json = `{${head}${members}}`;
    if (exclude !== undefined) json = exclude(json);
    if (mostBytes !== undefined) json = fitted(json, mostBytes - Buffer.byteLength(prefix) - 1, this.#hasher);
    return `${prefix}${json}\n`;
  }

  /** What each entry begins with. */
  #head(type: 'request' | 'response' | 'alarm', time: number): string {
    return `"time":"${this.#moments.text(time)}","type":"${type}"`;
  }

  /** What both entries of a call share is made once. */
  #fragmentsOf(call: AuditedCall): Fragments {
    const known = call.fragments?.find(({ by }) => by === this);
    if (known !== undefined) return known;
    const made = { by: this, auth: this.#auth(call.auth), request: this.#request(call) };
    (call.fragments ??= []).push(made);
    return made;
  }

  #auth(auth: AuditedAuth): string {
    const { before, after } = this.#tokenMembers(auth);
    return object(
      before,
      policyResults(auth) +
        map('metadata', auth.metadata) +
        count('num_uses', auth.numUses) +
        count('remaining_uses', auth.remainingUses) +
        after,
    );
  }

  #tokenMembers(auth: AuditedAuth): TokenMembers {
    // Nothing is kept without the token itself, since the next entry may have it, nor of a log that shows it in clear.
    const kept = this.#options.raw || (auth.clientToken ?? '') === '' ? undefined : auth.identity;
    const known = kept === undefined ? undefined : this.#tokens.get(kept);
    if (known !== undefined) return known;
    const token = this.#secret(auth.clientToken ?? '');
    const accessor = this.#accessor(auth.accessor ?? '');
    const made = {
      before:
        text('client_token', token) +
        text('accessor', accessor) +
        text('display_name', auth.displayName) +
        list('policies', auth.policies) +
        list('token_policies', auth.tokenPolicies) +
        list('identity_policies', auth.identityPolicies) +
        flag('no_default_policy', auth.noDefaultPolicy === true),
      after:
        text('entity_id', auth.entityId) +
        text('token_type', auth.tokenType) +
        count('token_ttl', auth.tokenTtl) +
        text('token_issue_time', auth.issuedAt === 0 ? '' : `${rfc3339(auth.issuedAt).slice(0, 19)}Z`),
      asked: text('client_token', token) + text('client_token_accessor', accessor),
    };
    // A login's is written once: to put it together before would be work for nothing.
    if (kept === undefined) return made;
    const whole = { before: inOnePiece(made.before), after: inOnePiece(made.after), asked: inOnePiece(made.asked) };
    this.#tokens.set(kept, whole);
    return whole;
  }

  #request({ auth, request }: AuditedCall): string {
    const { id, path } = request.namespace;
    return object(
      text('id', request.id),
      text('operation', request.operation) +
        mount(request.mount) +
        this.#asked(auth, request) +
        member('namespace', object(text('id', id) + text('path', path))) +
        text('path', request.path) +
        member('data', this.#data(request.data, request.mount?.clearRequestKeys)) +
        text('remote_address', request.remoteAddress) +
        count('remote_port', request.remotePort) +
        count('wrap_ttl', request.wrapTtl) +
        this.#headers(request) +
        text('client_certificate_serial_number', request.clientCertificateSerial) +
        text('control_group_accessor', this.#accessor(request.controlGroupAccessor ?? '')) +
        text('inline_auth_request', request.inlineAuthRequest),
    );
  }

  /** Whose token the request came with: mostly that of `auth`; there is none of its own behind an unknown one. */
  #asked(auth: AuditedAuth, { clientToken = '', clientTokenAccessor: accessor = '' }: AuditedRequest): Members {
    if (clientToken === auth.clientToken && accessor === auth.accessor) return this.#tokenMembers(auth).asked;
    return text('client_token', this.#secret(clientToken)) + text('client_token_accessor', this.#accessor(accessor));
  }

  #response({ request }: AuditedCall, response: AuditedResponse, auth: string | undefined): string {
    const place = mount(request.mount);
    return object(
      auth === undefined ? place : member('auth', auth) + place,
      member('secret', response.leaseId === undefined ? undefined : object(text('lease_id', response.leaseId))) +
        member('data', this.#replyData(request, response)) +
        list('warnings', response.warnings ?? undefined) +
        text('redirect', response.redirect) +
        member('wrap_info', response.wrap === undefined ? undefined : this.#wrap(response.wrap)),
    );
  }

  #replyData(request: AuditedRequest, { data, identity }: AuditedResponse): string | undefined {
    const listed = isListing(request);
    const elided = this.#options.elideListResponses && listed;
    const clear = request.mount?.clearResponseKeys ?? [];
    // Kept is only what is hashed throughout: neither values in clear, nor what another tuning of the mount would show.
    if (identity === undefined || elided || this.#options.raw || clear.length > 0) {
      return this.#data((elided ? counted(data) : data) ?? undefined, clear, listed);
    }
    const known = this.#replies.get(identity);
    if (known !== undefined) return known;
    const hashed = this.#data(data);
    if (hashed === undefined) return undefined;
    const made = inOnePiece(hashed);
    this.#replies.set(identity, made);
    return made;
  }

  #wrap(wrap: AuditedWrap): string {
    return object(
      count('ttl', wrap.ttl) +
        text('token', this.#secret(wrap.token)) +
        text('accessor', this.#accessor(wrap.accessor)) +
        text('creation_time', wrap.createdAt) +
        text('creation_path', wrap.creationPath) +
        text('wrapped_accessor', this.#accessor(wrap.wrappedAccessor ?? '')),
    );
  }

  #headers({ headers }: AuditedRequest): Members {
    if (headers === undefined) return '';
    let members = '';
    for (const [name, { values, hmac }] of Object.entries(headers)) {
      const texts = values.map((value) => quoted(hmac ? this.#secret(value) : value));
      members += `,${quoted(name)}:[${texts.join(',')}]`;
    }
    return members === '' ? '' : member('headers', object(members));
  }

  #data(data: unknown, clear: readonly string[] = [], listed = false): string | undefined {
    if (data === undefined) return undefined;
    if (this.#options.raw) return plainJson(data);
    const hasher = this.#hasher;
    const hash = (value: string, key: string): string =>
      listed && key === 'keys' ? hasher.hashName(value) : hasher.hash(value);
    return redacted(data, { hash, clear });
  }

  #secret(value: string): string {
    return value === '' || this.#options.raw ? value : this.#hasher.hash(value);
  }

  #accessor(value: string): string {
    return this.#options.hmacAccessor ? this.#secret(value) : value;
  }
}

const rfc3339 = (time: number): string => new Date(time).toISOString();

/** Moments as text. Within one second only the milliseconds differ, so the rest is made once. */
class Moments {
  #second = Number.NaN;
  /** `2030-01-31T12:00:00.` */
  #text = '';

  text(time: number): string {
    const second = Math.floor(time / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = rfc3339(second * 1000).slice(0, 20);
    }
    return `${this.#text}${String(Math.floor(time - second * 1000)).padStart(3, '0')}Z`;
  }
}

/** `first`: one or a few of them. A long text that was added up is copied once more to lose its comma. */
function object(first: Members, rest: Members = ''): string {
  return first === '' ? `{${rest.slice(1)}}` : `{${first.slice(1)}${rest}}`;
}

/** For what is kept: a text that was added up stays its many pieces, which each entry with it would put together anew. */
function inOnePiece(text: string): string {
  return Buffer.from(text).toString();
}

function member(name: string, json: string | undefined): Members {
  return json === undefined ? '' : `,"${name}":${json}`;
}

/** Empty text, lists and maps, zero and false are left out, as Vault does. */
function text(name: string, value: string | undefined): Members {
  return value === undefined || value === '' ? '' : `,"${name}":${quoted(value)}`;
}

function count(name: string, value: number | undefined): Members {
  return value === undefined || value === 0 ? '' : `,"${name}":${value}`;
}

function flag(name: string, value: boolean): Members {
  return value ? `,"${name}":true` : '';
}

function list(name: string, values: readonly string[] | undefined): Members {
  return values === undefined || values.length === 0 ? '' : `,"${name}":${JSON.stringify(values)}`;
}

function map(name: string, values: Readonly<Record<string, string>> | null | undefined): Members {
  if (values === undefined || values === null) return '';
  const json = JSON.stringify(values);
  return json === '{}' ? '' : `,"${name}":${json}`;
}

function policyResults({ policyResults: results }: AuditedAuth): Members {
  if (results === undefined) return '';
  const { id = 'root', path = '' } = results.namespace ?? {};
  const place = `"namespace_id":${quoted(id)}${text('namespace_path', path)}`;
  const granting = results.grantingPolicies.map((name) => `{"name":${quoted(name)},${place},"type":"acl"}`);
  const shown = granting.length === 0 ? '' : `,"granting_policies":[${granting.join(',')}]`;
  return `,"policy_results":{"allowed":${results.allowed}${shown}}`;
}

const mounts = new WeakMap<AuditedMount, Members>();

/** Made once for each: the same object comes with each request. */
function mount(of: AuditedMount | undefined): Members {
  if (of === undefined) return '';
  const known = mounts.get(of);
  if (known !== undefined) return known;
  const made = inOnePiece(
    text('mount_point', of.point) +
      text('mount_type', of.type) +
      text('mount_accessor', of.accessor) +
      text('mount_class', of.class),
  );
  mounts.set(of, made);
  return made;
}

const isListing = ({ operation }: AuditedRequest): boolean => operation === 'list' || operation === 'scan';

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
