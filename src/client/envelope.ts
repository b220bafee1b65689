import { isObject } from './json.ts';

/** Vault's reply envelope, with the names of the wire. Source: Vault HTTP API, "API responses". */
export interface Envelope {
  readonly request_id: string;
  readonly lease_id: string;
  /** Seconds. */
  readonly lease_duration: number;
  readonly renewable: boolean;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly warnings: readonly string[] | null;
  readonly auth?: Auth;
  readonly wrap_info?: WrapInfo;
}

export interface Auth {
  readonly client_token: string;
  readonly accessor: string;
  readonly policies: readonly string[] | null;
  readonly token_policies: readonly string[] | null;
  readonly identity_policies: readonly string[] | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly orphan: boolean;
  readonly entity_id: string;
  /** Seconds; 0 never expires. */
  readonly lease_duration: number;
  readonly renewable: boolean;
  readonly mfa_requirement: unknown;
}

export interface WrapInfo {
  readonly token: string;
  readonly accessor: string;
  /** Seconds. */
  readonly ttl: number;
  /** RFC 3339. */
  readonly creation_time: string;
  readonly creation_path: string;
  readonly wrapped_accessor?: string;
}

const envelopeFields = ['request_id', 'lease_id', 'lease_duration', 'renewable', 'data', 'auth', 'wrap_info'];

/**
 * Reads a reply's body. Some paths (`sys/seal-status`, `sys/health`) answer without an envelope: their fields become
 * `data`. Fields of a wrong type read as absent.
 */
export function toEnvelope(body: unknown): Envelope {
  const fields = isObject(body) ? body : {};
  const bare = !envelopeFields.some((name) => name in fields);
  const auth = isObject(fields['auth']) ? toAuth(fields['auth']) : undefined;
  const wrapInfo = isObject(fields['wrap_info']) ? toWrapInfo(fields['wrap_info']) : undefined;
  return {
    request_id: text(fields['request_id']),
    lease_id: text(fields['lease_id']),
    lease_duration: number(fields['lease_duration']),
    renewable: fields['renewable'] === true,
    data: bare ? bareData(fields) : isObject(fields['data']) ? fields['data'] : null,
    warnings: texts(fields['warnings']),
    ...(auth === undefined ? {} : { auth }),
    ...(wrapInfo === undefined ? {} : { wrap_info: wrapInfo }),
  };
}

function bareData(fields: Readonly<Record<string, unknown>>): Envelope['data'] {
  const entries = Object.entries(fields).filter(([name]) => name !== 'warnings' && name !== 'errors');
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

function toAuth(fields: Readonly<Record<string, unknown>>): Auth {
  const metadata = isObject(fields['metadata'])
    ? Object.fromEntries(Object.entries(fields['metadata']).map(([name, value]) => [name, text(value)]))
    : null;
  return {
    client_token: text(fields['client_token']),
    accessor: text(fields['accessor']),
    policies: texts(fields['policies']),
    token_policies: texts(fields['token_policies']),
    identity_policies: texts(fields['identity_policies']),
    metadata,
    orphan: fields['orphan'] === true,
    entity_id: text(fields['entity_id']),
    lease_duration: number(fields['lease_duration']),
    renewable: fields['renewable'] === true,
    mfa_requirement: fields['mfa_requirement'] ?? null,
  };
}

function toWrapInfo(fields: Readonly<Record<string, unknown>>): WrapInfo {
  const wrapped = text(fields['wrapped_accessor']);
  return {
    token: text(fields['token']),
    accessor: text(fields['accessor']),
    ttl: number(fields['ttl']),
    creation_time: text(fields['creation_time']),
    creation_path: text(fields['creation_path']),
    ...(wrapped === '' ? {} : { wrapped_accessor: wrapped }),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function texts(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : null;
}
