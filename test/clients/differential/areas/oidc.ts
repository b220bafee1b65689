/**
 * Identity tokens and the OIDC provider: each field of each of their records, wrong in each way. How the flow of a login goes is
 * in `oidc-differential.test.ts`.
 */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const at = (rest: string): string => `identity/oidc/${rest}`;

export const before: readonly Step[] = [
  post('sys/auth/userpass', { type: 'userpass' }),
  post('sys/policies/acl/all', {
    policy: 'path "identity/oidc/*" { capabilities = ["create", "read", "update", "delete", "list"] }',
  }),
  post('auth/userpass/users/ann', { password: 'p', policies: 'all' }),
  post(
    'auth/userpass/login/ann',
    { password: 'p' },
    { token: '', keep: { ann: 'auth.client_token', annId: 'auth.entity_id' } },
  ),
  post('identity/group', { name: 'staff', member_entity_ids: ['{annId}'] }, { keep: { staff: 'data.id' } }),
  post(at('config'), { issuer: 'https://issuer.example:8200' }),
  post(at('key/other'), { allowed_client_ids: '*' }),
];

const key = at('key/typed');
const role = at('role/typed');
const assignment = at('assignment/typed');
const scope = at('scope/typed');
const client = at('client/typed');
const provider = at('provider/typed');

/** Written, read, listed, deleted, and deleted again; by paths and methods that it does not have too. */
const around = (kind: string, name: string): readonly Step[] => [
  list(at(kind), { unordered: ['keys'] }),
  list(at(`${kind}/`), { unordered: ['keys'] }),
  ...['?limit=1', '?limit=x', '?after=typed'].map((query) => list(at(`${kind}${query}`), { unordered: ['keys'] })),
  get(at(kind)),
  get(at(`${kind}/none`)),
  remove(at(`${kind}/none`)),
  list(at(`${kind}/${name}`)),
  ...['A', 'a b', 'a.b', 'a/b', '-a', 'x'.repeat(200)].flatMap((each) => [
    get(at(`${kind}/${each}`)),
    remove(at(`${kind}/${each}`)),
  ]),
  get(at(`${kind}/${name}`), { token: '' }),
];

export const odd: readonly Step[] = [
  ...wrongly({
    step: post(at('config'), { issuer: 'https://issuer.example:8200' }),
    after: [get(at('config'))],
    methods: ['DELETE', 'LIST', 'PATCH'],
  }),
  ...['x', 'http://a', 'https://a/', 'https://a?b', 'https://a#b', 'https://user:p@a', '//a', 'https://'].flatMap(
    (issuer) => [post(at('config'), { issuer }), get(at('config'), { follows: true })],
  ),
  post(at('config'), { issuer: 'https://issuer.example:8200' }),
  ...wrongly({
    step: post(key, { rotation_period: '24h', verification_ttl: '12h', allowed_client_ids: ['*'], algorithm: 'RS256' }),
    after: [get(key)],
    methods: ['PATCH'],
  }),
  ...around('key', 'typed'),
  ...['RS384', 'RS512', 'ES384', 'ES512', 'EdDSA', 'none', 'rs256', ''].flatMap((algorithm) => [
    post(key, { algorithm }),
    get(key, { follows: true }),
  ]),
  ...['1m', '59s', '0', '-1h', '100000h'].flatMap((rotation_period) => [
    post(key, { rotation_period }),
    get(key, { follows: true }),
  ]),
  ...['0', '-1h', '240h', '241h'].flatMap((verification_ttl) => [
    post(key, { rotation_period: '24h', verification_ttl }),
    get(key, { follows: true }),
  ]),
  post(key, { rotation_period: '24h', verification_ttl: '12h', algorithm: 'RS256' }),
  ...wrongly({ step: post(`${key}/rotate`, { verification_ttl: '1h' }), methods: ['GET', 'DELETE', 'PATCH'] }),
  ...wrongly({
    step: post(role, { key: 'typed', ttl: '1h', client_id: 'app', template: '{"a": {{identity.entity.name}}}' }),
    after: [get(role)],
    methods: ['PATCH'],
  }),
  ...around('role', 'typed'),
  ...[
    '{"sub": 1}',
    '{"a": {{time.now}}}',
    '{"a": {{time.now.plus.1h}}}',
    '{"a": {{identity.entity.aliases.none.name}}}',
    '{"a": {{identity.entity.groups.ids}}}',
    '{"a": {{identity.entity.metadata.x}}}',
    '{"a": "{{identity.entity.name}}"}',
    '{{identity.entity.name}}',
    '{"nonce": 1}',
    '{"a": 1',
    '[1]',
    'not JSON',
    '{"a": {{}}}',
    '{"a": {{identity.entity.id}}, "a": 2}',
  ].flatMap((template) => [
    post(role, { key: 'typed', template }),
    get(role, { follows: true }),
    post(scope, { template }),
    get(scope, { follows: true }),
    get(at('token/typed'), { token: '{ann}', follows: true }),
  ]),
  remove(role),
  post(role, { key: 'typed', client_id: 'app' }),
  post(role, { key: 'none' }),
  get(at('token/none'), { token: '{ann}' }),
  get(at('token/typed'), { token: '{ann}', keep: { idToken: 'data.token' } }),
  get(at('key/typed'), { token: '{idToken}' }),
  ...['POST', 'DELETE', 'LIST', 'PATCH'].map((method): Step => ({ method: method as 'POST', path: at('token/typed') })),
  ...wrongly({
    step: post(at('introspect'), { token: '{idToken}', client_id: 'app' }),
    methods: ['GET', 'DELETE', 'PATCH'],
  }),
  ...['a.b.c', 'e30.e30.', '{idToken}x', 'hvs.x'].map((token) => post(at('introspect'), { token })),
  get(at('.well-known/openid-configuration'), { token: '' }),
  post(at('.well-known/keys'), {}, { token: '' }),
  get(at('.well-known/nothing'), { token: '' }),
  get(at('.well-known'), { token: '' }),
  ...wrongly({
    step: post(assignment, { entity_ids: ['{annId}'], group_ids: ['{staff}'] }),
    after: [get(assignment)],
    methods: ['PATCH'],
  }),
  ...around('assignment', 'typed'),
  ...wrongly({
    step: post(scope, { template: '{"groups": {{identity.entity.groups.names}}}', description: 'who' }),
    after: [get(scope)],
    methods: ['PATCH'],
  }),
  ...around('scope', 'typed'),
  ...wrongly({
    step: post(client, {
      key: 'typed',
      redirect_uris: ['https://app.example/cb'],
      assignments: ['typed'],
      id_token_ttl: '1h',
      access_token_ttl: '2h',
      client_type: 'confidential',
    }),
    after: [get(client, { keep: { id: 'data.client_id' } })],
    methods: ['PATCH'],
    fixed: ['key'],
  }),
  ...['key', 'id_token_ttl', 'client_type', 'redirect_uris', 'assignments'].flatMap((name) =>
    ['', 'none', 7, null, []].map((value) => post(client, { [name]: value })),
  ),
  ...[
    'javascript:alert(1)',
    'x',
    '/cb',
    'https://a/#b',
    'http://localhost:1/cb',
    'app:/cb',
    'data:text/html,x',
  ].flatMap((uri) => [post(client, { redirect_uris: [uri] }), get(client, { follows: true })]),
  ...around('client', 'typed'),
  ...wrongly({
    step: post(provider, {
      issuer: 'https://issuer.example:8200',
      allowed_client_ids: ['{id}'],
      scopes_supported: ['typed'],
    }),
    after: [get(provider)],
    methods: ['PATCH'],
  }),
  ...around('provider', 'typed'),
  ...['?allowed_client_id={id}', '?allowed_client_id=none', '?allowed_client_id=*'].map((query) =>
    list(at(`provider${query}`), { unordered: ['keys'] }),
  ),
  ...['authorize', 'token', 'userinfo', '.well-known/openid-configuration', '.well-known/keys', 'nothing'].flatMap(
    (name) => [
      get(at(`provider/typed/${name}`)),
      post(at(`provider/typed/${name}`), {}),
      remove(at(`provider/typed/${name}`)),
      list(at(`provider/typed/${name}`)),
    ],
  ),
  // Each still needed by the one before it.
  ...['key', 'scope', 'assignment', 'client', 'provider', 'role', 'scope', 'assignment', 'key'].flatMap((kind) => [
    remove(at(`${kind}/typed`)),
    get(at(`${kind}/typed`)),
  ]),
  ...['key', 'assignment', 'provider'].flatMap((kind) => {
    const name = kind === 'assignment' ? 'allow_all' : 'default';
    return [remove(at(`${kind}/${name}`)), post(at(`${kind}/${name}`), {}), get(at(`${kind}/${name}`))];
  }),
];

export const step = oneOf([
  (draw: Draw) =>
    post(
      at(`key/${draw.of('a', 'b')}`),
      draw.some({ algorithm: draw.of('RS256', 'ES256'), allowed_client_ids: draw.of('*', 'x') }),
    ),
  (draw: Draw) => get(at(`key/${draw.of('a', 'b')}`)),
  (draw: Draw) => remove(at(`key/${draw.of('a', 'b')}`)),
  (draw: Draw) =>
    post(at(`role/${draw.of('r', 's')}`), draw.some({ key: draw.of('a', 'b', 'other'), ttl: draw.of('1h', '2m') })),
  (draw: Draw) => get(at(`role/${draw.of('r', 's')}`)),
  (draw: Draw) => get(at(`token/${draw.of('r', 's')}`), { token: '{ann}' }),
  (draw: Draw) => remove(at(`role/${draw.of('r', 's')}`)),
]);

export const drawn = 150;

export const known: readonly KnownDifference[] = [
  {
    request: /^GET identity\/oidc\/config$/,
    at: /^body\.warnings$/,
    reason: 'that the issuer of identity tokens has no host is told by a warning',
  },
  {
    request: /^(GET|LIST) identity\/oidc\/provider/,
    at: /issuer$/,
    reason: 'without `api_addr` the issuer has no host',
  },
  {
    request: /^LIST identity\/oidc\/\w+$/,
    at: /^status 200\/40[04]$|^body\.warnings$|^body\.data\.(keys|key_info\.\w+)$/,
    reason: 'what belongs to identity tokens and the OIDC provider is listed in pages too',
  },
  {
    request: /^(GET|DELETE) identity\/oidc\/\w+\/(a b|-a)$/,
    at: /^status 404\/204$|^body\.errors$/,
    reason: 'a name that none can have is one that is not there',
  },
  {
    request: /^POST identity\/oidc\//,
    at: /^status 20[04]\/400$/,
    wrong: /^list as \{\}$/,
    reason: 'an object is no list of texts, and an empty text no number',
  },
  {
    request: /^POST identity\/oidc\/client\/typed$/,
    at: /^status 204\/400$/,
    reason: 'the redirect URIs of a client are looked at when they are written',
  },
  {
    request: /^LIST identity\/oidc\/client\/?$/,
    at: /redirect_uris$/,
    reason: 'the redirect URIs of a client are looked at when they are written',
  },
  {
    request: /^POST identity\/oidc\/client\/typed$/,
    at: /^status 400\/204$/,
    reason: 'a field that is null counts as one that is not given',
  },
  {
    request: /^POST identity\/oidc\/(role|scope)\/typed$/,
    at: /^status 204\/400$/,
    reason: 'a template gives each name once',
  },
  {
    request: /^POST identity\/oidc\/introspect$/,
    at: /^body\.error$/,
    reason: 'why a token is not active is said in words of its own',
  },
  {
    request: /^GET identity\/oidc\/\.well-known\/nothing$/,
    at: /^status 404\/403$/,
    reason: 'who has no right to a path hears that, before what else is wrong with the request',
  },
  {
    request: /openid-configuration$/,
    at: /^body\.(authorization_endpoint|grant_types_supported|code_challenge_methods_supported)$/,
    reason: 'discovery tells of all that the provider can, and of the address of the API',
  },
  {
    request: /^GET identity\/oidc\/provider\/typed\/\.well-known\/keys$/,
    at: /^body\.keys$/,
    reason: 'keys that sign are each server’s own',
  },
];
