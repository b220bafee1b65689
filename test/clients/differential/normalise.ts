/** Takes out of a reply what differs between any two servers: ids, tokens, times, and the words of errors. */
import { isFields } from './step.ts';

const time = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;
/** Seconds since 1970, or seconds that count down while the test runs. */
const unixTimes = new Set(['creation_time', 'issue_time', 'last_renewal', 'last_renewal_time']);
const countingDown = new Set(['ttl', 'lease_duration', 'secret_id_ttl', 'creation_ttl', 'expire_time']);
const random = new Set([
  'request_id',
  'accessor',
  'uuid',
  'secret_id_accessor',
  'wrapped_accessor',
  'hash',
  'entity_id',
  'reload_id',
  'nonce',
  'verification_nonce',
  'otp',
  'encoded_token',
  'encoded_root_token',
  'mfa_request_id',
  'barcode',
  'client_secret',
  'id_token',
  'access_token',
]);
const longToken = /^(hvs|hvb|s|b)\.[\w-]{20,}(\.\w+)?$/;
/** Of a token, in lists of leases. */
const tokenHash = /^h[0-9a-f]{64}$/;
const jwt = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/;
/** Of a client of the OIDC provider, and of a role for identity tokens. */
const clientId = /^[A-Za-z0-9]{26,32}$/;
/** Of a key, in hex and in base64. */
const share = /^[0-9a-f]{64,}$/;
const shares = new Set(['keys_base64', 'recovery_keys_base64']);
/** What a server made for these; others are what the client gave. */
const made = new Set(['secret_id', 'role_id', 'id']);
const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

export function normalised(value: unknown, kept: ReadonlyMap<string, string>, name = ''): unknown {
  if (typeof value === 'string') return text(value, kept, name);
  if (typeof value === 'number') return number(value, name);
  if (Array.isArray(value)) return value.map((each) => normalised(each, kept, name));
  if (!isFields(value)) return value;
  // How a request is refused is said in words of one's own.
  if (Array.isArray(value['errors'])) return { ...value, errors: value['errors'].length > 0 ? '<words>' : [] };
  if (name === 'warnings') return '<words>';
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      kept.has(key) ? `{${kept.get(key) ?? ''}}` : key,
      key === 'warnings' && each !== null ? '<words>' : normalised(each, kept, key),
    ]),
  );
}

/** Puts the lists of members with these names into one order. */
export function sorted(value: unknown, names: readonly string[]): unknown {
  if (names.length === 0 || !isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      Array.isArray(each) && names.includes(key) ? each.toSorted() : sorted(each, names),
    ]),
  );
}

/** What a text is taken for, by itself or by its name: the first that fits. */
const kinds: readonly (readonly [(value: string, name: string) => boolean, (value: string) => string])[] = [
  [(value, name) => random.has(name) && value !== '', () => '<id>'],
  [(value) => time.test(value), (value) => (value.startsWith('0001-') ? '<no time>' : '<time>')],
  [(value) => longToken.test(value) || tokenHash.test(value), () => '<token>'],
  [(value) => jwt.test(value), () => '<JWT>'],
  [(value, name) => name === 'client_id' && clientId.test(value), () => '<client>'],
  [(value) => value.startsWith('otpauth://'), () => '<URL of a TOTP key>'],
  [(value, name) => share.test(value) || shares.has(name), () => '<share>'],
  [(_, name) => name === 'random_bytes' || name === 'password', (value) => `<${value.length} characters>`],
  [(value, name) => made.has(name) && uuid.test(value), () => '<id>'],
];

function text(value: string, kept: ReadonlyMap<string, string>, name: string): string {
  const known = kept.get(value);
  if (known !== undefined) return `{${known}}`;
  const [, shown] = kinds.find(([is]) => is(value, name)) ?? [];
  return shown === undefined ? value : shown(value);
}

function number(value: number, name: string): number | string {
  if (unixTimes.has(name) && value > 1_000_000_000) return '<time>';
  // A few of them have passed; all that is asked for are whole minutes.
  return countingDown.has(name) && value > 0 ? Math.ceil(value / 60) * 60 : value;
}
