/** An envelope as rows, as fields by name and as JSON, in the shapes of Vault's clients. */
import type { Auth, Envelope, WrapInfo } from '../client/envelope.ts';
import { ExactNumber, isObject } from '../client/json.ts';
import { formatShortDuration } from '../lib/duration.ts';
import { sortedEntries, toQuoted, toText, type Struct } from './go-format.ts';

export type Row = readonly [string, string];

const durationName = /(^|_)(ttl|period|duration)$|^lease_max$/;

/** Seconds in a field whose name says that it is a duration read better as one: `1h`, `59m59s`. */
export function displayValue(name: string, value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value) && durationName.test(name)) return formatShortDuration(value);
  return toText(value);
}

export function dataRows(data: Readonly<Record<string, unknown>>): Row[] {
  return sortedEntries(data).map(([name, value]) => [name, displayValue(name, value)]);
}

export function envelopeRows(envelope: Envelope): Row[] {
  if (envelope.wrap_info !== undefined) return wrapRows(envelope.wrap_info);
  return [
    ...leaseRows(envelope),
    ...(envelope.auth === undefined ? [] : authRows(envelope.auth)),
    ...(envelope.data === null ? [] : dataRows(envelope.data)),
  ];
}

function leaseRows({ lease_id, lease_duration, renewable }: Envelope): Row[] {
  if (lease_duration <= 0) return [];
  const duration = formatShortDuration(lease_duration);
  // Key-value engines have no leases; theirs says when to read again.
  if (lease_id === '') return [['refresh_interval', duration]];
  return [
    ['lease_id', lease_id],
    ['lease_duration', duration],
    ['lease_renewable', String(renewable)],
  ];
}

function authRows(auth: Auth): Row[] {
  // There is no token yet: rows of one would say that it never ends.
  const { mfa_requirement: asked } = auth;
  if (isObject(asked)) return [['mfa_request_id', toText(asked['mfa_request_id'])]];
  return [
    ['token', auth.client_token],
    ['token_accessor', auth.accessor],
    ['token_duration', auth.lease_duration === 0 ? '∞' : formatShortDuration(auth.lease_duration)],
    ['token_renewable', String(auth.renewable)],
    ['token_policies', toQuoted(auth.token_policies)],
    ['identity_policies', toQuoted(auth.identity_policies)],
    ['policies', toQuoted(auth.policies)],
    ...sortedEntries(auth.metadata ?? {}).map(([name, value]): Row => [`token_meta_${name}`, value]),
  ];
}

function wrapRows(wrap: WrapInfo): Row[] {
  return [
    ['wrapping_token:', wrap.token],
    ['wrapping_accessor:', wrap.accessor],
    ['wrapping_token_ttl:', formatShortDuration(wrap.ttl)],
    ['wrapping_token_creation_time:', spacedTime(wrap.creation_time)],
    ['wrapping_token_creation_path:', wrap.creation_path],
    ...(wrap.wrapped_accessor === undefined ? [] : [['wrapped_accessor:', wrap.wrapped_accessor] as const]),
  ];
}

/** As Go prints a time: `2026-11-23 13:08:35.550170171 +0000 UTC`. */
function spacedTime(text: string): string {
  const match = /^([0-9-]+)T([0-9:.]+)Z$/.exec(text);
  return match === null ? text : `${match[1]} ${match[2]} +0000 UTC`;
}

/** Where `-field` looks beside `data`. */
const namedFields: Readonly<Record<string, (envelope: Envelope) => unknown>> = {
  lease_id: (envelope) => envelope.lease_id,
  lease_duration: (envelope) => envelope.lease_duration,
  lease_renewable: (envelope) => envelope.renewable,
  refresh_interval: (envelope) => envelope.lease_duration,
  token: ({ auth }) => auth?.client_token,
  token_accessor: ({ auth }) => auth?.accessor,
  token_duration: ({ auth }) => auth?.lease_duration,
  token_renewable: ({ auth }) => auth?.renewable,
  token_policies: ({ auth }) => auth?.token_policies,
  identity_policies: ({ auth }) => auth?.identity_policies,
  policies: ({ auth }) => auth?.policies,
  wrapping_token: (envelope) => envelope.wrap_info?.token,
  wrapping_accessor: (envelope) => envelope.wrap_info?.accessor,
  wrapping_token_ttl: (envelope) => envelope.wrap_info?.ttl,
  wrapping_token_creation_time: (envelope) => envelope.wrap_info?.creation_time,
  wrapping_token_creation_path: (envelope) => envelope.wrap_info?.creation_path,
  wrapped_accessor: (envelope) => envelope.wrap_info?.wrapped_accessor,
};

/** What `-field` names; undefined when there is none. A field of `data` goes before one of the envelope. */
export function namedField(envelope: Envelope, name: string): unknown {
  const { auth, data } = envelope;
  if (data !== null && Object.hasOwn(data, name)) return data[name];
  const metadata = name.startsWith('token_meta_') ? name.slice('token_meta_'.length) : undefined;
  if (metadata !== undefined) return auth?.metadata?.[metadata];
  return Object.hasOwn(namedFields, name) ? namedFields[name]?.(envelope) : undefined;
}

/** The JSON of an envelope: its own fields in Vault's order. */
export function envelopeStruct(envelope: Envelope): Struct {
  const { auth, wrap_info: wrap } = envelope;
  return new Map<string, unknown>([
    ['request_id', envelope.request_id],
    ['lease_id', envelope.lease_id],
    ['lease_duration', envelope.lease_duration],
    ['renewable', envelope.renewable],
    ['data', envelope.data],
    ['warnings', envelope.warnings],
    ...(auth === undefined ? [] : [['auth', new Map(Object.entries(auth))] as const]),
    ...(wrap === undefined ? [] : [['wrap_info', new Map(Object.entries(wrap))] as const]),
  ]);
}

/** What the `yaml` package can print: objects, and numbers that it knows. */
export function toPlain(value: unknown): unknown {
  if (value instanceof ExactNumber) {
    return /^-?[0-9]+$/.test(value.source) ? BigInt(value.source) : Number(value.source);
  }
  if (Array.isArray(value)) return value.map(toPlain);
  if (value instanceof Map) return toPlain(Object.fromEntries(value as Struct));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toPlain(item)]));
}
