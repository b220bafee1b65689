/** What `sys/internal` and its neighbours tell pages and operators, of tokens that may more or less. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { oneOf } from './area.ts';

const policies: Readonly<Record<string, string>> = {
  nothing: 'path "none" { capabilities = ["read"] }',
  reader: 'path "kv/*" { capabilities = ["read", "list"] } path "kv/secret/*" { capabilities = ["deny"] }',
  deep: 'path "kv/a/b/c" { capabilities = ["read"] } path "+/x" { capabilities = ["list"] }',
  all: 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
};
const TOKENS = ['root', 'inner', ...Object.keys(policies)] as const;

export const before: readonly Step[] = [
  post('sys/mounts/kv', { type: 'kv', description: 'first' }),
  post('sys/mounts/shown', { type: 'kv', config: { listing_visibility: 'unauth' } }),
  post('sys/auth/up', { type: 'userpass', config: { listing_visibility: 'unauth' } }),
  post('sys/namespaces/team', undefined, { keep: { team: 'data.id' } }),
  post('team/sys/mounts/kv', { type: 'kv' }),
  ...Object.entries(policies).flatMap(([name, policy]) => [
    post(`sys/policies/acl/${name}`, { policy }),
    post('auth/token/create', { policies: [name], ttl: '1h' }, { keep: { [name]: 'auth.client_token' } }),
  ]),
  post('team/sys/policies/acl/reader', { policy: policies['reader'] }),
  post('team/auth/token/create', { policies: ['reader'], ttl: '1h' }, { keep: { inner: 'auth.client_token' } }),
];

const PATHS = [
  'mounts',
  'mounts/',
  ...[
    'kv',
    'kv/',
    'kv/a',
    'kv/a/b/c',
    'kv/secret/x',
    'shown',
    'sys',
    'identity',
    'cubbyhole',
    'none',
    'auth/up',
    'auth',
  ]
    .concat(['team/kv', 'secret'])
    .map((path) => `mounts/${path}`),
  ...['namespaces', 'resultant-acl', 'feature-flags', 'version', 'nothing', 'authenticated-messages'],
].map((path) => `sys/internal/ui/${path}`);

const OTHERS = [
  ...['counters/entities', 'counters/tokens', 'counters/requests', 'counters/activity', 'counters/config'],
  ...['inspect/router/root', 'inspect/router/uuid', 'inspect/router/accessor', 'inspect/router/none'],
].map((path) => `sys/internal/${path}`);

const inTeam = { headers: { 'X-Vault-Namespace': 'team' } } as const;

export const odd: readonly Step[] = [
  ...PATHS.flatMap((path): readonly Step[] => [
    ...TOKENS.map((name) => get(path, { token: `{${name}}`, unordered: ['keys'] })),
    get(path, { token: '' }),
    get(path, { token: 'none' }),
    get(path, inTeam),
    get(path, { ...inTeam, token: '{inner}' }),
    get(path, { ...inTeam, token: '{reader}' }),
  ]),
  ...PATHS.flatMap((path) => [post(path, {}), remove(path), list(path)]),
  ...OTHERS.flatMap((path) => [
    get(path),
    get(path, { token: '{reader}' }),
    get(path, { token: '' }),
    get(path, inTeam),
    post(path, {}),
    remove(path),
    list(path),
  ]),
  ...[
    'in-flight-req',
    'host-info',
    'version-history',
    'ha-status',
    'seal-backend-status',
    'replication/status',
    'loggers',
  ]
    .concat(['pprof', 'metrics', 'monitor/x', 'license/status', 'managed-keys', 'mfa', 'wrapping', 'tools', 'storage'])
    .flatMap((name) => [
      get(`sys/${name}`, { token: '{nothing}' }),
      get(`sys/${name}`, { token: '' }),
      post(`sys/${name}`, {}),
      remove(`sys/${name}`),
    ]),
];

export const step = oneOf([
  (draw: Draw) => get(draw.of(PATHS[0] ?? '', ...PATHS), { token: `{${draw.of(...TOKENS)}}`, unordered: ['keys'] }),
]);

export const drawn = 0;

export const known: readonly KnownDifference[] = [
  {
    request: /^GET sys\/internal\/ui\/mounts/,
    at: /options$/,
    reason: 'options of a mount without any are null, as in Vault',
  },
  {
    request: /^GET sys\/internal\/ui\/mounts/,
    at: /(passthrough_request_headers|description|seal_wrap)$/,
    reason: 'sys/ is described in words of its own',
  },
  {
    request: /^GET sys\/internal\/ui\/mounts/,
    at: /(\.type|token_type)$/,
    reason: 'mounts that every namespace has are of one type in all of them, as in Vault',
  },
  {
    request: /^GET sys\/internal\/ui\/mounts$/,
    at: /^status 403\/200$/,
    reason: 'a token that is none counts as no token where none is needed',
  },
  {
    request: /^GET sys\/internal\/ui\/namespaces$/,
    at: /^status (200|500)\/403$/,
    reason: 'who asks which namespaces it can see needs the right to ask that',
  },
  {
    request: /^GET sys\/internal\/ui\/namespaces$/,
    at: /^body\.data\.keys$/,
    reason: 'where there are no namespaces to see their list is empty',
  },
  {
    request: /resultant-acl$/,
    at: /sys\/(renew|control-group\/request)$/,
    reason:
      'the default policy lets tokens renew leases by the old path sys/renew, and ask after what waits for approval, as in Vault',
  },
  {
    request: /^GET sys\/internal\/counters\/\w+$/,
    at: /^status (200|404)\/400$|^status 400\/404$/,
    reason: 'the counters are those of the whole server: they are told in the root namespace',
  },
  {
    request: /^GET sys\/internal\/inspect\/router\/\w+$/,
    at: /^body\.data/,
    reason: 'the router is shown in an order of its own, with the folders of this storage',
  },
  {
    request: /^\w+ sys\/seal-backend-status$/,
    at: /^status (403\/200|404\/405)$/,
    reason: 'how the seals are is told to everybody, as in Vault',
  },
  {
    request: /^GET sys\/replication\/status$/,
    at: /^status 404\/403$/,
    reason: 'who has no right to a path hears that, before what else is wrong with the request',
  },
  {
    request: /^(POST|DELETE) sys\/pprof$/,
    at: /^status 40[05]\/404$/,
    reason: 'a path that only leads to others is 404',
  },
  {
    request: /^\w+ sys\/metrics$/,
    at: /^status 200\/403$|^body\.errors$/,
    reason: 'metrics are for who may read them, of a development server too',
  },
];
