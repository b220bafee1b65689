/** Mounts and auth methods: made, tuned, moved; and what `sys/internal/ui` and `sys/remount` tell of them. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const made = (table: 'mounts' | 'auth', name: string): Step =>
  post(`sys/${table}/${name}`, { type: table === 'auth' ? 'approle' : 'kv', description: 'words', config: {} });

export const before: readonly Step[] = [
  made('mounts', 'm'),
  made('auth', 'a'),
  post('sys/policies/acl/reader', { policy: 'path "m/*" { capabilities = ["read"] }' }),
  post('auth/token/create', { policies: ['reader'] }, { keep: { reader: 'auth.client_token' } }),
];

/** One after the other: what each of them leaves is told by the tune. */
const tunings: readonly object[] = [
  { default_lease_ttl: '1h' },
  { default_lease_ttl: 90 },
  { default_lease_ttl: 'system' },
  { default_lease_ttl: '' },
  { default_lease_ttl: '0' },
  { default_lease_ttl: 'x' },
  { max_lease_ttl: '2h' },
  { default_lease_ttl: '3h' },
  { default_lease_ttl: '1h', max_lease_ttl: '30m' },
  { default_lease_ttl: '10m', max_lease_ttl: '30m' },
  { max_lease_ttl: '5m' },
  { max_lease_ttl: 'system', default_lease_ttl: 'system' },
  { max_lease_ttl: '100000h' },
  { max_lease_ttl: '0' },
  { description: 'other' },
  { description: '' },
  { audit_non_hmac_request_keys: ['a', 'b'] },
  { audit_non_hmac_request_keys: 'c,d' },
  { audit_non_hmac_request_keys: '' },
  { audit_non_hmac_response_keys: ['e'] },
  { audit_non_hmac_response_keys: [] },
  { listing_visibility: 'unauth' },
  { listing_visibility: 'hidden' },
  { listing_visibility: '' },
  { listing_visibility: 'x' },
  { passthrough_request_headers: ['X-One', 'x-two'] },
  { passthrough_request_headers: ['*'] },
  { passthrough_request_headers: ['X-Vault-Token'] },
  { passthrough_request_headers: [] },
  { allowed_response_headers: ['X-One'] },
  { allowed_response_headers: [] },
  { options: { a: 'b' } },
  { options: {} },
  { options: { a: '' } },
  { plugin_version: '' },
  {},
];

const authTunings: readonly object[] = [
  ...['default-service', 'default-batch', 'service', 'batch', 'default', 'x', ''].map((token_type) => ({ token_type })),
  ...[
    { lockout_threshold: '3' },
    { lockout_threshold: 3 },
    { lockout_duration: '5m', lockout_counter_reset_duration: '1m' },
    { lockout_disable: true },
    { lockout_threshold: 'x' },
    {},
  ].map((user_lockout_config) => ({ user_lockout_config })),
];

const PATHS = [
  'x',
  'x/y',
  'x/y/z',
  'X',
  'a b',
  'x.y',
  'ünï',
  'sys',
  'sys/x',
  'auth',
  'auth/x',
  'identity',
  'cubbyhole/x',
  'audit',
  'm',
  'm/deep',
  'x%20y',
] as const;

/** OpenBao moves in the background: these give it the time. */
const whileMoving = [1, 2, 3, 4].map(() => get('sys/policies/acl/reader'));

const reserved = ['sys', 'identity', 'cubbyhole'] as const;

export const odd: readonly Step[] = [
  ...tunings.flatMap((body) => [
    post('sys/mounts/m/tune', body),
    get('sys/mounts/m/tune', { follows: true }),
    get('sys/mounts/m', { follows: true }),
  ]),
  ...[...tunings, ...authTunings].flatMap((body) => [
    post('sys/auth/a/tune', body),
    get('sys/auth/a/tune', { follows: true }),
    get('sys/auth/a', { follows: true }),
  ]),
  ...['description', 'default_lease_ttl', 'max_lease_ttl', 'listing_visibility', 'audit_non_hmac_request_keys'].flatMap(
    (name) =>
      reserved.map((path) =>
        post(`sys/mounts/${path}/tune`, {
          [name]: name.endsWith('ttl') ? '2h' : name === 'listing_visibility' ? 'hidden' : 'words',
        }),
      ),
  ),
  ...reserved.map((path) => get(`sys/mounts/${path}/tune`)),
  post('sys/mounts/m/tune', { default_lease_ttl: '-1s' }),
  post('sys/mounts/m/tune', { default_lease_ttl: 'system' }),
  post('sys/mounts/m/tune', { plugin_version: 'v1' }),
  get('sys/auth/token/tune'),
  post('sys/auth/token/tune', { description: 'own words' }),
  post('sys/auth/token/tune', { token_type: 'batch' }),
  ...['none', 'none/x', ''].flatMap((name) => [
    get(`sys/mounts/${name}/tune`),
    post(`sys/mounts/${name}/tune`, { description: 'x' }),
  ]),
  ...PATHS.flatMap((path) => [
    made('mounts', path),
    get(`sys/mounts/${path}`, { follows: true }),
    remove(`sys/mounts/${path}`, { follows: true }),
    made('auth', path),
    get(`sys/auth/${path}`, { follows: true }),
    remove(`sys/auth/${path}`, { follows: true }),
  ]),
  made('mounts', 'm'),
  ...wrongly({
    step: post('sys/mounts/t', {
      type: 'kv',
      description: 'words',
      local: false,
      seal_wrap: false,
      external_entropy_access: false,
      options: { version: '1' },
      config: { default_lease_ttl: '1h', max_lease_ttl: '2h', force_no_cache: false, listing_visibility: 'hidden' },
    }),
    after: [get('sys/mounts/t'), remove('sys/mounts/t')],
    methods: ['LIST'],
  }),
  remove('sys/mounts/t'),
  ...[
    { default_lease_ttl: '3h', max_lease_ttl: '2h' },
    { default_lease_ttl: 'x' },
    { token_type: 'batch' },
    { options: 'x' },
    { listing_visibility: 'x' },
    { nothing: 1 },
  ].flatMap((config) => [
    post('sys/mounts/t', { type: 'kv', config }),
    get('sys/mounts/t', { follows: true }),
    remove('sys/mounts/t', { follows: true }),
  ]),
  ...['generic', 'kv-v1', 'kv-v2', 'KV', 'approle', 'system', 'identity', '', 'plugin'].flatMap((type) => [
    post('sys/mounts/t', { type }),
    get('sys/mounts/t', { follows: true }),
    remove('sys/mounts/t', { follows: true }),
    post('sys/auth/t', { type }),
    remove('sys/auth/t', { follows: true }),
  ]),
  ...['userpass', 'token'].flatMap((type) => [post('sys/auth/t', { type }), remove('sys/auth/t', { follows: true })]),
  // What can be seen of them.
  ...['', '/m', '/m/', '/m/deep', '/auth/a', '/auth/a/role', '/none', '/sys', '/cubbyhole', '/identity'].flatMap(
    (path) => ['{root}', '{reader}', ''].map((token) => get(`sys/internal/ui/mounts${path}`, { token })),
  ),
  post('sys/mounts/m/tune', { listing_visibility: 'unauth' }),
  get('sys/internal/ui/mounts', { token: '' }),
  get('sys/internal/ui/mounts/m', { token: '' }),
  ...['namespaces', 'resultant-acl', 'nothing'].map((name) => get(`sys/internal/ui/${name}`, { token: '{reader}' })),
  get('sys/internal/counters/tokens'),
  get('sys/internal/counters/entities'),
  get('sys/internal/inspect/router/none'),
  // Moved.
  ...wrongly({ step: post('sys/remount', { from: 'none', to: 'other' }), methods: ['GET', 'DELETE', 'LIST'] }),
  ...[
    ['m', 'n'],
    ['n/', 'm'],
    ['m', 'm'],
    ['m', 'sys/x'],
    ['m', 'auth/m'],
    ['auth/a', 'auth/b'],
    ['auth/b', 'b'],
    ['auth/b', 'auth/a'],
    ['sys', 'x'],
    ['auth/token', 'auth/x'],
  ]
    .concat([
      ['m', 'a b'],
      ['m', ''],
      ['', 'm'],
      ['cubbyhole', 'x'],
      ['m', 'm/deep'],
      ['m/deep', 'm'],
      ['/m', '/n'],
      ['n', 'm'],
    ])
    .flatMap(([from, to]) => [post('sys/remount', { from, to }), ...whileMoving]),
  get('sys/remount/status/none'),
  list('sys/mounts'),
  get('sys/mounts/none'),
  remove('sys/mounts/none'),
  remove('sys/auth/none'),
  ...reserved.map((path) => remove(`sys/mounts/${path}`)),
  remove('sys/auth/token'),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => made('mounts', draw.of('d1', 'd2', 'deep/d3')),
  (draw) => made('auth', draw.of('d1', 'd2', 'deep/d3')),
  (draw) => remove(`sys/${draw.of('mounts', 'auth')}/${draw.of('d1', 'd2', 'deep/d3', 'none')}`),
  (draw) => get(`sys/${draw.of('mounts', 'auth')}/${draw.of('d1', 'd2', 'deep/d3', 'none')}${draw.of('', '/tune')}`),
  (draw) => get(`sys/internal/ui/mounts/${draw.of('d1', 'd2', 'auth/d1', 'none')}`),
  (draw) =>
    post(`sys/${draw.of('mounts', 'auth')}/${draw.of('d1', 'd2', 'deep/d3', 'none')}/tune`, {
      ...draw.some({
        description: draw.of('a', 'b'),
        listing_visibility: draw.of('hidden', 'unauth'),
        max_lease_ttl: draw.of('24h', '48h'),
      }),
      ...draw.some({
        default_lease_ttl: draw.of('1h', '2h'),
        audit_non_hmac_request_keys: draw.of<unknown>(['a'], []),
        options: draw.of<unknown>({ a: 'b' }, {}),
      }),
    }),
];

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^GET sys\/(mounts|auth)\/[\w/]+\/tune$/,
    at: /default_lease_ttl$/,
    reason: 'the default TTL that a mount shows is never longer than its longest',
  },
  {
    request: /^GET sys\/mounts\/\w+\/x$/,
    at: /^status 200\/400$/,
    reason: 'a mount is read by its own path, not by one below it',
  },
  {
    request: /^GET sys\/mounts\/t$/,
    at: /\.(type|options\.version)$/,
    reason: 'the type `generic` is kv with version 1',
  },
  {
    request: /^GET sys\/policies\/acl\/reader$/,
    at: /allow_\w+_in_identity_templates$|cas_required$|modified$|version$/,
    reason:
      'a policy shows its version and end only where they were asked for, and the default policy is in words of its own',
  },
  {
    request: /^GET sys\/internal\/ui\/namespaces$/,
    at: /^status 200\/403$/,
    reason: 'who asks which namespaces it can see needs the right to ask that',
  },
  {
    request: /resultant-acl$/,
    at: /exact_paths\.sys\/(renew|control-group\/request)$/,
    reason:
      'the default policy lets tokens renew leases by the old path sys/renew, and ask after what waits for approval, as in Vault',
  },
  {
    request: /^GET sys\/(mounts|internal\/ui\/mounts)\/(sys|identity)$/,
    at: /(passthrough_request_headers|description|seal_wrap)$/,
    reason: 'sys/ is described in words of its own',
  },
  {
    request: /^POST sys\/(mounts\/m|auth\/a)\/tune$/,
    at: /^status (204\/400|400\/204)$/,
    reason: 'a TTL below zero is refused, and the version of a plug-in is not looked at: there is one',
  },
  {
    request: /^GET sys\/mounts\/(sys|identity)\/tune$/,
    at: /passthrough_request_headers$|description$/,
    reason: 'sys/ is described in words of its own',
  },
  {
    request: /^GET sys\/(mounts|auth|internal)/,
    at: /\.options$/,
    reason: 'options of a mount without any are null, as in Vault',
  },
  {
    request: /^GET sys\/(mounts|auth|internal)/,
    at: /\b(sys|identity)\/\.(config\.passthrough_request_headers|description|seal_wrap)$/,
    reason: 'sys/ is described in words of its own',
  },
  {
    request: /^POST sys\/remount$/,
    at: /migration_id$|^body\.warnings$/,
    reason: 'the id of a move lies in `data` alone',
  },
];
