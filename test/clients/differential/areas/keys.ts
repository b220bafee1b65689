/** New shares and root tokens, step by step: `sys/rotate/root`, `sys/rekey`, `sys/generate-root`, `sys/generate-root-token`. */
import { generateKey } from 'openpgp';
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { worlds } from '../worlds.ts';
import { oneOf } from './area.ts';

const { publicKey } = await generateKey({ userIDs: [{ name: 'operator' }], format: 'object' });
/** In base64, as the API takes them. */
const pgp = Buffer.from(publicKey.write()).toString('base64');

/** Of the right length, and of nobody. */
const FOREIGN = Buffer.alloc(33, 7).toString('base64');
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** How the shares of a kind of seal are asked for, and where they lie in the reply. */
export interface Kind {
  readonly fields: { readonly shares: string; readonly threshold: string };
  readonly at: string;
}
const unsealing: Kind = { fields: { shares: 'secret_shares', threshold: 'secret_threshold' }, at: 'keys_base64' };

/** Three shares, of which two are needed: `k0`, `k1`, `k2`. */
export const initialised = ({ fields, at }: Kind): Step =>
  post(
    'sys/init',
    { [fields.shares]: 3, [fields.threshold]: 2 },
    { token: '', keep: { root: 'root_token', ...Object.fromEntries([0, 1, 2].map((n) => [`k${n}`, `${at}.${n}`])) } },
  );

export const active = get('sys/health', { until: 200 });

export const before: readonly Step[] = [
  initialised(unsealing),
  ...[0, 1].map((n) => post('sys/unseal', { key: `{k${n}}` }, { token: '' })),
  active,
];

/** Where the replies of a path keep what they tell: below `data`, or bare. */
const below = (bare: boolean, name: string): string => (bare ? name : `data.${name}`);

interface Rekeying {
  readonly base: string;
  readonly bare: boolean;
  /** Where the backup lies. */
  readonly backup: string;
  /** Names of the shares of today and of the new ones. */
  readonly old: string;
  readonly made: string;
}

const NOTHING_STARTED = (base: string): readonly Step[] => [
  get(`${base}/init`),
  remove(`${base}/init`),
  get(`${base}/verify`),
  remove(`${base}/verify`),
  ...['update', 'verify'].flatMap((name) => [
    post(`${base}/${name}`, {}),
    post(`${base}/${name}`, { key: '{k0}' }),
    post(`${base}/${name}`, { nonce: NOBODY }),
    post(`${base}/${name}`, { key: '{k0}', nonce: NOBODY }),
  ]),
  list(`${base}/init`),
  get(`${base}/update`),
  remove(`${base}/update`),
];

const wrongSplits: readonly object[] = [
  {},
  ...[
    [0, 0],
    [2, 3],
    [2, 1],
    [2, 0],
    [-1, -1],
    [256, 2],
    [1, 2],
  ].map(([secret_shares, secret_threshold]) => ({ secret_shares, secret_threshold })),
  { secret_shares: 1 },
  { secret_threshold: 1 },
  { secret_shares: 'x', secret_threshold: 1 },
  { secret_shares: 2, secret_threshold: 2, pgp_keys: [pgp] },
  { secret_shares: 1, secret_threshold: 1, pgp_keys: ['x'] },
  { secret_shares: 1, secret_threshold: 1, pgp_keys: [''] },
  { secret_shares: 1, secret_threshold: 1, pgp_keys: 7 },
];

const share = (path: string, key: string, nonce: string, keep: Step['keep'] = {}): Step =>
  post(path, { key, nonce }, { keep });

const wrongGivings = (base: string, name: 'update' | 'verify', nonce: string): readonly Step[] => [
  ...['x', '', 'not base64!'].map((key) => share(`${base}/${name}`, key, nonce)),
  share(`${base}/${name}`, '{k0}', NOBODY),
  share(`${base}/${name}`, '{k0}', 'x'),
  share(`${base}/${name}`, '{k0}', ''),
  post(`${base}/${name}`, { key: 7, nonce }),
  post(`${base}/${name}`, { key: '{k0}' }),
];

/** New shares that hold at once, or once they are proven, with all that goes wrong on the way. */
export function rekeying({ base, bare, backup, old, made }: Rekeying): readonly Step[] {
  const started = (body: object): Step => post(`${base}/init`, body, { keep: { nonce: below(bare, 'nonce') } });
  const given = (key: string, keep: Step['keep'] = {}): Step => share(`${base}/update`, key, '{nonce}', keep);
  const proven = (key: string): Step => share(`${base}/verify`, key, '{verification}');
  const split = { secret_shares: 3, secret_threshold: 2 };
  const keptShares = Object.fromEntries([0, 1, 2].map((n) => [`${made}${n}`, below(bare, `keys_base64.${n}`)]));
  return [
    ...NOTHING_STARTED(base),
    ...wrongSplits.flatMap((body) => [post(`${base}/init`, body), remove(`${base}/init`)]),
    started({ secret_shares: 1, secret_threshold: 1, unknown_field: 'x' }),
    remove(`${base}/init`),
    started({ ...split, require_verification: true }),
    get(`${base}/init`),
    post(`${base}/init`, split),
    ...wrongGivings(base, 'update', '{nonce}'),
    get(`${base}/init`),
    given(`{${old}0}`),
    given(`{${old}0}`),
    get(`${base}/init`),
    given(FOREIGN),
    get(`${base}/init`),
    get(`${base}/verify`),
    remove(`${base}/verify`),
    get(`${base}/verify`),
    get(`${base}/init`),
    remove(`${base}/init`),
    get(`${base}/init`),
    started({ ...split, require_verification: true }),
    given(`{${old}0}`),
    given(`{${old}2}`, { ...keptShares, verification: below(bare, 'verification_nonce') }),
    get(`${base}/init`),
    get(`${base}/verify`),
    post(`${base}/init`, split),
    given(`{${old}0}`),
    ...wrongGivings(base, 'verify', '{verification}'),
    proven(`{${made}0}`),
    proven(`{${made}0}`),
    get(`${base}/verify`),
    post(`${base}/verify`, undefined),
    { ...remove(`${base}/verify`), keep: { verification: below(bare, 'nonce') } },
    get(`${base}/verify`),
    proven(FOREIGN),
    proven(`{${made}0}`),
    proven(`{${made}1}`),
    { ...get(`${base}/verify`), keep: { verification: below(bare, 'nonce') } },
    proven(`{${made}0}`),
    get(`${base}/verify`),
    proven(`{${made}1}`),
    get(`${base}/verify`),
    get(`${base}/init`),
    // The old ones hold no more.
    started({ secret_shares: 1, secret_threshold: 1, pgp_keys: [pgp], backup: true }),
    get(`${base}/init`),
    get(backup),
    given(`{${old}0}`),
    given(`{${old}1}`),
    get(`${base}/init`),
    remove(`${base}/init`),
    started(split),
    given('YQ=='),
    remove(`${base}/init`),
    started(split),
    given('x'.repeat(600)),
    remove(`${base}/init`),
    started({ ...split, pgp_keys: [pgp, pgp, pgp], backup: true, require_verification: false }),
    get(`${base}/init`),
    remove(`${base}/init`),
    get(backup),
    remove(backup),
    post(backup, {}),
    list(backup),
  ];
}

interface RootTokens {
  readonly base: string;
  readonly bare: boolean;
  readonly shares: string;
}

export function rootTokens({ base, bare, shares }: RootTokens): readonly Step[] {
  const attempt = `${base}/attempt`;
  const started = (body: object): Step =>
    post(attempt, body, { keep: { nonce: below(bare, 'nonce'), otp: below(bare, 'otp') } });
  const given = (key: string, keep: Step['keep'] = {}): Step =>
    post(`${base}/update`, { key, nonce: '{nonce}' }, { keep });
  return [
    get(attempt),
    remove(attempt),
    list(attempt),
    ...[{}, { key: `{${shares}0}` }, { nonce: NOBODY }, { key: `{${shares}0}`, nonce: NOBODY }].map((body) =>
      post(`${base}/update`, body),
    ),
    ...[{ otp: 'x' }, { otp: 7 }, { pgp_key: 'x' }, { pgp_key: 7 }, { otp: 'x', pgp_key: pgp }].flatMap((body) => [
      post(attempt, body),
      remove(attempt),
    ]),
    started({}),
    get(attempt),
    post(attempt, {}),
    ...['x', '', 'not base64!'].map((key) => given(key)),
    post(`${base}/update`, { key: `{${shares}0}`, nonce: NOBODY }),
    post(`${base}/update`, { key: `{${shares}0}`, nonce: '' }),
    post(`${base}/update`, { key: `{${shares}0}` }),
    given(`{${shares}0}`),
    given(`{${shares}0}`),
    get(attempt),
    given(FOREIGN),
    get(attempt),
    remove(attempt),
    get(attempt),
    started({}),
    given(`{${shares}0}`),
    given(`{${shares}1}`, { encoded: below(bare, 'encoded_token') }),
    get(attempt),
    post(
      'sys/decode-token',
      { encoded_token: '{encoded}', otp: '{otp}' },
      { token: '', keep: { other: 'data.token' } },
    ),
    get('auth/token/lookup-self', { token: '{other}' }),
    started({ pgp_key: pgp }),
    get(attempt),
    given(`{${shares}0}`),
    given(`{${shares}2}`),
    get(attempt),
    get(`${base}/update`),
    remove(`${base}/update`),
  ];
}

export const odd: readonly Step[] = [
  ...rekeying({ base: 'sys/rotate/root', bare: false, backup: 'sys/rotate/root/backup', old: 'k', made: 'm' }),
  ...rekeying({ base: 'sys/rekey', bare: true, backup: 'sys/rekey/backup', old: 'm', made: 'n' }),
  ...NOTHING_STARTED('sys/rotate/recovery'),
  post('sys/rotate/recovery/init', { secret_shares: 1, secret_threshold: 1 }),
  post('sys/rotate/root', {}),
  get('sys/rotate/root'),
  ...rootTokens({ base: 'sys/generate-root-token', bare: false, shares: 'n' }),
  ...rootTokens({ base: 'sys/generate-root', bare: true, shares: 'n' }),
  get('sys/generate-root'),
  post('sys/generate-root', {}),
  get('sys/generate-recovery-token/attempt'),
  post('sys/generate-recovery-token/attempt', {}),
  post('sys/generate-recovery-token/update', {}),
  // Without a token, and with one that may not.
  ...['rekey/init', 'rotate/root/init', 'generate-root/attempt', 'generate-root-token/attempt'].flatMap((name) => [
    get(`sys/${name}`, { token: '' }),
    post(`sys/${name}`, {}, { token: 'none' }),
    remove(`sys/${name}`, { token: '' }),
  ]),
  // The keyring.
  ...['sys/rotate', 'sys/rotate/keyring'].flatMap((path) => [
    post(path, {}),
    get(path),
    list(path),
    remove(path),
    post(path, { unknown_field: 'x' }, { wrong: 'an unknown field' }),
    get(`${path}/config`),
    ...wrongly({
      step: post(`${path}/config`, { enabled: true, interval: '48h', max_operations: 2_000_000 }),
      after: [get(`${path}/config`)],
      methods: ['LIST', 'DELETE', 'PATCH'],
    }),
    ...['24h', '23h', '0', 0, '-1h', '1000000h'].flatMap((interval) => [
      post(`${path}/config`, { interval }),
      get(`${path}/config`, { follows: true }),
    ]),
    ...[0, 999_999, 1_000_000, 3_865_470_566, 3_865_470_567, 4_294_967_296, 2 ** 53].flatMap((max_operations) => [
      post(`${path}/config`, { max_operations }),
      get(`${path}/config`, { follows: true }),
    ]),
  ]),
  ...wrongly({
    step: post('sys/decode-token', { encoded_token: '{encoded}', otp: '{otp}' }, { token: '' }),
    methods: ['GET', 'LIST', 'DELETE', 'PATCH'],
  }),
  ...['a', 'aa', 'aaa', '=', '!'].flatMap((text) =>
    ['a', 'aa', 'ü'].map((otp) => post('sys/decode-token', { encoded_token: text, otp }, { token: '' })),
  ),
];

export const step = oneOf([(draw: Draw) => get(draw.of('sys/rekey/init', 'sys/rotate/root/init'))]);

export const drawn = 0;

export const world = worlds.shares;

/** What is different of each of these paths, whoever holds the shares. */
export const ofShares: readonly KnownDifference[] = [
  {
    request: /^(GET sys\/health|POST sys\/(init|unseal))$/,
    at: /^body/,
    reason: 'the state of a node has the fields of Vault, and values of its own',
  },
  {
    request: /^\w+ sys\/(rotate\/(root|recovery)|generate-root-token)\//,
    at: /^body\.data\.\w+$/,
    reason: 'replies about new shares and root tokens have all of their fields, always',
  },
  {
    request: /^\w+ sys\/generate-root(-token)?\//,
    at: /otp_length$/,
    reason: 'a one-time password is as long as a token of Vault’s form, 28',
  },
  {
    request: /^\w+ sys\/(rotate\/\w+|rekey)\/(verify|init)$/,
    at: /nonce$/,
    reason: 'there is no nonce of a verification that is not due',
  },
  {
    request: /^POST sys\/(rotate\/\w+|rekey\S*)\/(update|verify)$/,
    at: /^status 200\/400$/,
    reason: 'a share that is too short or too long to be one is refused when it is given',
  },
  {
    request: /^(LIST|GET|DELETE) sys\/(rekey|generate-root|decode-token|rotate)/,
    at: /^status (200|400|403)\/405$/,
    reason: 'a method that a path does not have is a 405, whatever else is wrong with the request',
  },
];

export const known: readonly KnownDifference[] = [
  ...ofShares,
  {
    request: /^(GET|POST) sys\/generate-root$/,
    at: /^status 405\/404$/,
    reason: 'a path that only leads to others is 404',
  },
  {
    request: /^POST sys\/rotate\/root$/,
    at: /^status 204\/400$/,
    reason: 'with shares a new root key needs them: the unseal key is not kept in memory',
  },
];
