/** Second factors by TOTP: methods, enforcements, what an administrator makes and takes away. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const totp = 'identity/mfa/method/totp';
const enforcement = (name: string): string => `identity/mfa/login-enforcement/${name}`;

export const before: readonly Step[] = [
  post('sys/auth/userpass', { type: 'userpass' }),
  get('sys/auth', { keep: { mount: 'data.userpass/.accessor' } }),
  post('auth/userpass/users/ann', { password: 'p' }),
  post(
    'auth/userpass/login/ann',
    { password: 'p' },
    { token: '', keep: { ann: 'auth.client_token', annId: 'auth.entity_id' } },
  ),
  post('identity/group', { name: 'staff' }, { keep: { staff: 'data.id' } }),
  post(totp, { issuer: 'x', method_name: 'one' }, { keep: { one: 'data.method_id' } }),
  post(totp, { issuer: 'y' }, { keep: { two: 'data.method_id' } }),
];

const fields = {
  ...{ issuer: 'x', period: 30, key_size: 20, qr_size: 200, algorithm: 'SHA1', digits: 6, skew: 1 },
  max_validation_attempts: 5,
};
const values: Readonly<Record<string, readonly unknown[]>> = {
  period: [1, '30s', '1h', 0, -1, 'x', 604_800_000],
  key_size: [1, 9, 10, 64, 0, -1, 100_000],
  qr_size: [0, 1, 200, 10_000],
  algorithm: ['SHA256', 'SHA512', 'sha1', 'MD5', ''],
  digits: [6, 8, 7, 0],
  skew: [0, 1, 2, -1],
  max_validation_attempts: [0, 1, -1, 1_000_000],
  issuer: ['', 'a:b', 'ü', 'x'.repeat(300)],
  method_name: ['one', 'two', '', 'a b', 'a/b'],
};

export const odd: readonly Step[] = [
  ...wrongly({
    step: post(`${totp}/{two}`, fields),
    after: [get(`${totp}/{two}`), get('identity/mfa/method/{two}')],
    methods: ['PATCH', 'LIST'],
  }),
  ...Object.entries(values).flatMap(([name, each]) =>
    each.flatMap((value) => [
      post(`${totp}/{two}`, { ...fields, [name]: value }),
      get(`${totp}/{two}`, { follows: true }),
    ]),
  ),
  post(`${totp}/{two}`, fields),
  list('identity/mfa/method', { unordered: ['keys'] }),
  list(totp, { unordered: ['keys'] }),
  list('identity/mfa/method/none'),
  ...['none', '00000000-0000-0000-0000-000000000000', 'a/b', ''].flatMap((id) => [
    get(`${totp}/${id}`),
    remove(`${totp}/${id}`),
    post(`${totp}/${id}`, {}),
    get(`identity/mfa/method/${id}`),
  ]),
  remove('identity/mfa/method/{two}'),
  ...wrongly({
    step: post(enforcement('typed'), {
      mfa_method_ids: ['{one}'],
      auth_method_accessors: ['{mount}'],
      auth_method_types: ['userpass'],
      identity_group_ids: ['{staff}'],
      identity_entity_ids: ['{annId}'],
    }),
    after: [get(enforcement('typed'))],
    methods: ['PATCH', 'LIST'],
  }),
  list('identity/mfa/login-enforcement', { unordered: ['keys'] }),
  ...['a b', 'A', 'a/b', 'a.b', 'x'.repeat(200)].flatMap((name) => [
    post(enforcement(name), { mfa_method_ids: ['{one}'], auth_method_types: ['userpass'] }),
    get(enforcement(name), { follows: true }),
    remove(enforcement(name)),
  ]),
  remove(`${totp}/{one}`),
  // Somebody's own, by an administrator.
  ...['admin-generate', 'admin-destroy'].flatMap((name): readonly Step[] =>
    wrongly({
      step: post(`${totp}/${name}`, { method_id: '{one}', entity_id: '{annId}' }),
      methods: ['GET', 'DELETE', 'PATCH', 'LIST'],
    }),
  ),
  ...wrongly({
    step: post(`${totp}/generate`, { method_id: '{one}' }, { token: '{ann}' }),
    methods: ['GET', 'DELETE'],
  }),
  // A login that waits.
  post(enforcement('all'), { mfa_method_ids: ['{one}'], auth_method_types: ['userpass'] }),
  post(`${totp}/admin-generate`, { method_id: '{one}', entity_id: '{annId}' }),
  post(
    'auth/userpass/login/ann',
    { password: 'p' },
    { token: '', keep: { waiting: 'auth.mfa_requirement.mfa_request_id' } },
  ),
  ...[
    {},
    { mfa_request_id: '{waiting}' },
    { mfa_payload: { '{one}': ['000000'] } },
    { mfa_request_id: 'none', mfa_payload: { '{one}': ['000000'] } },
    { mfa_request_id: '{waiting}', mfa_payload: {} },
    { mfa_request_id: '{waiting}', mfa_payload: { none: ['000000'] } },
    { mfa_request_id: '{waiting}', mfa_payload: { '{one}': [] } },
    { mfa_request_id: '{waiting}', mfa_payload: { '{one}': '000000' } },
    { mfa_request_id: '{waiting}', mfa_payload: { '{one}': [7] } },
    { mfa_request_id: '{waiting}', mfa_payload: 'x' },
    { mfa_request_id: 7, mfa_payload: { '{one}': ['000000'] } },
  ].map((body) => post('sys/mfa/validate', body, { token: '' })),
  ...['GET', 'LIST', 'DELETE', 'PATCH'].map((method): Step => ({
    method: method as 'GET',
    path: 'sys/mfa/validate',
    token: '',
  })),
  // Used by an enforcement.
  remove(`${totp}/{one}`),
  remove(enforcement('all')),
  remove(enforcement('typed')),
  remove(enforcement('typed')),
  remove(`${totp}/{one}`),
  get(`${totp}/{one}`),
];

export const step = oneOf([
  (draw: Draw) =>
    post(
      totp,
      { issuer: 'x', ...draw.some({ digits: draw.of(6, 8), period: draw.of(30, 60) }) },
      { keep: { [`m${draw.number(2)}`]: 'data.method_id' } },
    ),
  (draw: Draw) => get(`${totp}/{m${draw.number(2)}}`),
  (draw: Draw) => remove(`${totp}/{m${draw.number(2)}}`),
  (draw: Draw) =>
    post(enforcement('drawn'), { mfa_method_ids: [`{m${draw.number(2)}}`], auth_method_types: ['userpass'] }),
  () => get(enforcement('drawn')),
  () => remove(enforcement('drawn')),
]);

export const drawn = 150;

export const known: readonly KnownDifference[] = [
  {
    request: /^GET sys\/auth$/,
    at: /\.options$/,
    reason: 'options of a mount without any are null, as in Vault',
  },
  {
    request: /^(GET|LIST) identity\/mfa\/method/,
    at: /enable_self_enrollment$/,
    reason: 'methods of second factors have `enable_self_enrollment`, of Vault’s paid edition',
  },
  {
    request: /^(POST|GET|LIST) identity\/mfa\/method/,
    at: /^status 204\/400$|\.(max_validation_attempts|issuer|name|period|qr_size)$/,
    reason: 'the numbers and names of a method of second factors have bounds',
  },
  {
    request: /^\w+ identity\/mfa\/method\//,
    at: /^status 404\/(204|400)$|^body\.errors$/,
    reason: 'an id that none can have is one that is not there',
  },
  {
    request: /^POST identity\/mfa\/login-enforcement\/typed$/,
    at: /^status (204\/400|400\/204)$/,
    reason: 'an enforcement keeps its methods where none are given, and has at least one',
  },
  {
    request: /^(POST|DELETE) identity\/mfa\/login-enforcement\/a b$/,
    at: /^status 404\/204$/,
    reason: 'the name of an enforcement may hold a blank',
  },
  {
    request: /^POST sys\/mfa\/validate$/,
    at: /^status 403\/400$/,
    reason: 'a code that is no text is a 400',
  },
  {
    request: /^LIST sys\/mfa\/validate$/,
    at: /^status 403\/405$/,
    reason: 'a method that a path does not have is a 405, whatever else is wrong with the request',
  },
];
