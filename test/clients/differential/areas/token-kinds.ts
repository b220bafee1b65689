/** Tokens of every kind and the roles that make them: batch, periodic, orphaned, bound in their uses and addresses. */
import type { Draw } from '../draw.ts';
import { renewals, type KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const role = (name: string): string => `auth/token/roles/${name}`;
const made = (name: string, body: object, path = 'auth/token/create', token = '{root}'): Step =>
  post(path, body, { token, keep: { [name]: 'auth.client_token', [`${name}Accessor`]: 'auth.accessor' } });
const looked = (name: string): Step => get('auth/token/lookup-self', { token: `{${name}}`, follows: true });

export const before: readonly Step[] = [
  post('sys/policies/acl/reader', { policy: 'path "kv/*" { capabilities = ["read"] }' }),
  post('sys/policies/acl/maker', { policy: 'path "auth/token/*" { capabilities = ["create", "update", "sudo"] }' }),
  made('parent', { policies: ['reader', 'maker'], ttl: '2h' }),
];

const bodies: readonly object[] = [
  {},
  ...['service', 'batch', 'default', 'x', ''].map((type) => ({ type, ttl: '1h' })),
  ...[true, false].map((no_parent) => ({ no_parent, ttl: '1h' })),
  ...[1, 2, 0, -1].map((num_uses) => ({ num_uses, ttl: '1h' })),
  ...['1h', '0', '-1h', 'x', '100000h'].map((period) => ({ period })),
  ...['30m', '0', '3h'].map((explicit_max_ttl) => ({ explicit_max_ttl, ttl: '1h' })),
  { period: '1h', explicit_max_ttl: '2h' },
  { ttl: '100000h' },
  { lease: '1h' },
  { ttl: '1h', lease: '2h' },
  ...[true, false].map((renewable) => ({ renewable, ttl: '1h' })),
  ...[['reader'], ['Reader'], ['reader', 'reader'], ['root'], ['none'], [], ['default']].map((policies) => ({
    policies,
    ttl: '1h',
  })),
  { policies: ['reader'], no_default_policy: true, ttl: '1h' },
  { policies: ['default'], no_default_policy: true, ttl: '1h' },
  ...['name', 'two words', 'ünï', '', 'x'.repeat(300)].map((display_name) => ({ display_name, ttl: '1h' })),
  ...[{ a: 'b' }, {}, { a: 1 }].map((meta) => ({ meta, ttl: '1h' })),
  { id: 'own-token', ttl: '1h' },
  { id: 'own-token', ttl: '1h' },
  { id: 'hvs.looks-like-one', ttl: '1h' },
  { id: 'with.dot', ttl: '1h' },
  { entity_alias: 'ann', ttl: '1h' },
];

const batches: readonly object[] = [
  { type: 'batch', ttl: '1h', policies: ['reader'] },
  { type: 'batch' },
  { type: 'batch', ttl: '1h', num_uses: 3 },
  { type: 'batch', ttl: '1h', period: '1h' },
  { type: 'batch', ttl: '1h', explicit_max_ttl: '2h' },
  { type: 'batch', ttl: '1h', renewable: true },
  { type: 'batch', ttl: '1h', id: 'own' },
  { type: 'batch', ttl: '1h', no_parent: true },
  { type: 'batch', policies: ['root'], ttl: '1h' },
];

const roles: readonly object[] = [
  {},
  { allowed_policies: ['reader'] },
  { allowed_policies: 'reader,maker', disallowed_policies: ['maker'] },
  { allowed_policies_glob: ['read*'], disallowed_policies_glob: 'read?r' },
  { allowed_policies: ['default'] },
  { allowed_policies: ['root'] },
  { disallowed_policies: ['default'] },
  { orphan: true },
  { renewable: false },
  { path_suffix: 'suffix' },
  { token_period: '1h' },
  { token_period: '-1h' },
  { token_explicit_max_ttl: '2h' },
  { token_num_uses: 3 },
  { token_num_uses: -1 },
  { token_no_default_policy: true, allowed_policies: ['reader'] },
  { token_bound_cidrs: ['127.0.0.0/8'] },
  { token_bound_cidrs: ['10.0.0.0/8'] },
  { token_bound_cidrs: 'x' },
  { allowed_entity_aliases: ['ann', 'b*'] },
  { token_type: 'batch', renewable: false, orphan: true },
  ...['service', 'default', 'default-service', 'default-batch', 'x'].map((token_type) => ({ token_type })),
];

const asks: readonly object[] = [
  { ttl: '1h' },
  { policies: ['reader'], ttl: '1h' },
  { policies: ['maker'], ttl: '1h' },
  { policies: ['default'], ttl: '1h' },
  { policies: ['root'], ttl: '1h' },
];

export const odd: readonly Step[] = [
  ...bodies.flatMap((body) => [made('made', body), looked('made')]),
  ...bodies.slice(0, 12).flatMap((body) => [made('made', body, 'auth/token/create-orphan'), looked('made')]),
  ...bodies.slice(0, 20).flatMap((body) => [made('made', body, 'auth/token/create', '{parent}'), looked('made')]),
  ...batches.flatMap((body): readonly Step[] => [
    made('batch', body),
    looked('batch'),
    post('auth/token/renew-self', { increment: '1h' }, { token: '{batch}', follows: true }),
    post('auth/token/revoke-self', undefined, { token: '{batch}', follows: true }),
    post('auth/token/create', { ttl: '1h' }, { token: '{batch}', follows: true }),
    post('cubbyhole/a', { b: 'c' }, { token: '{batch}', follows: true }),
    post('auth/token/revoke', { token: '{batch}' }, { follows: true }),
    post('auth/token/lookup', { token: '{batch}' }, { follows: true }),
  ]),
  // Each role anew, so that nothing is left of the one before.
  ...roles.flatMap((body): readonly Step[] => [
    remove(role('drawn')),
    post(role('drawn'), body),
    get(role('drawn'), { follows: true }),
    ...asks.flatMap((ask) => [
      { ...made('made', ask, 'auth/token/create/drawn'), follows: true as const },
      looked('made'),
    ]),
  ]),
  ...wrongly({
    step: post(role('typed'), {
      allowed_policies: ['reader'],
      orphan: true,
      renewable: true,
      path_suffix: 'suffix',
      token_period: '1h',
      token_num_uses: 3,
    }),
    after: [get(role('typed'))],
    methods: ['PATCH'],
  }),
  ...wrongly({ step: post('auth/token/lookup', { token: '{parent}' }), methods: ['DELETE', 'PATCH'] }),
  ...wrongly({
    step: post('auth/token/renew', { token: '{parent}', increment: '2h' }),
    fixed: ['increment'],
    methods: ['GET', 'DELETE'],
  }),
  ...wrongly({
    step: post('auth/token/lookup-accessor', { accessor: '{parentAccessor}' }),
    methods: ['GET', 'DELETE'],
  }),
  ...['x/y', 'X', 'a b', 'a.b', 'none'].flatMap((name) => [
    post(role(name), { renewable: true }),
    get(role(name), { follows: true }),
    remove(role(name)),
  ]),
  list('auth/token/roles'),
  post('auth/token/create/none', {}),
  // Ends with its parent, or not.
  made('mother', { policies: ['maker'], ttl: '1h' }),
  made('child', { policies: ['maker'], ttl: '1h' }, 'auth/token/create', '{mother}'),
  made('orphan', { ttl: '1h', no_parent: true }, 'auth/token/create', '{mother}'),
  made('grandchild', { ttl: '1h' }, 'auth/token/create', '{child}'),
  post('auth/token/revoke-orphan', { token: '{child}' }),
  looked('grandchild'),
  post('auth/token/revoke', { token: '{mother}' }),
  looked('child'),
  looked('orphan'),
  // Uses.
  made('used', { num_uses: 3, ttl: '1h', policies: ['default'] }),
  ...[1, 2, 3].map(() => post('sys/capabilities-self', { paths: ['kv/a'] }, { token: '{used}' })),
  // Roles with a bound address.
  post(role('far'), { token_bound_cidrs: ['10.0.0.0/8'] }),
  made('far', {}, 'auth/token/create/far'),
  get('auth/token/lookup-self', { token: '{far}' }),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) =>
    made(
      `t${draw.number(3)}`,
      draw.of<object>({}, ...bodies.filter((body) => !('id' in body))),
      draw.of('auth/token/create', 'auth/token/create-orphan'),
    ),
  (draw) => get('auth/token/lookup-self', { token: `{t${draw.number(3)}}` }),
  (draw) => post('auth/token/lookup-accessor', { accessor: `{t${draw.number(3)}Accessor}` }),
  (draw) => post(`auth/token/${draw.of('revoke', 'revoke-orphan')}`, { token: `{t${draw.number(3)}}` }),
  (draw) =>
    post('auth/token/renew-accessor', { accessor: `{t${draw.number(3)}Accessor}`, increment: draw.of('30m', '1h') }),
];

export const step = oneOf(kinds);

export const drawn = 600;

export const known: readonly KnownDifference[] = [
  ...renewals,
  {
    request: /^GET auth\/token\/roles\//,
    at: /^body\.data\.(period|explicit_max_ttl)$/,
    reason: 'a role tells `period` and `explicit_max_ttl` as it tells the new names of both',
  },
  {
    request: /^(GET|POST|DELETE) auth\/token\/roles\/a b$/,
    at: /^status 404\/(400|204)$|^body\.errors$/,
    reason: 'the name of a token role with a blank is a 400 that says so, and deleting what cannot be there a 204',
  },
  {
    request: /^POST auth\/token\/roles\/typed$/,
    at: /^status 204\/400$/,
    wrong: /^(list|number) as (\{.*\}|"")$/,
    reason: 'an object is no list of texts, and an empty text no number',
  },
  {
    request: /^POST auth\/token\/(lookup|renew)$/,
    at: /^status 403\/400$/,
    wrong: /^string as /,
    reason: 'a token of another type than a text is a 400',
  },
  {
    request: /^POST auth\/token\/lookup$/,
    at: /^body\.data\.(display_name|issue_time|path|renewable)$/,
    wrong: /^(string as ""|no token|no fields|a body that is null)$/,
    reason: 'the root token of a development server is told as that of an initialisation',
  },
  {
    request: /^POST sys\/capabilities-self$/,
    at: /^status 400\/200$/,
    reason: 'with its last use a token can ask for its own capabilities',
  },
  {
    request: /^GET auth\/token\/lookup-self$/,
    at: /^status 200\/403$/,
    reason: 'bound addresses hold for root tokens without an end too',
  },
  {
    request: /^POST auth\/token\/(create(-orphan)?|renew-accessor)$/,
    at: /^body\.auth\.token_policies$/,
    reason: 'a token without policies shows an empty list of them',
  },
  {
    request: /^POST auth\/token\/create(-orphan)?$/,
    at: /^body\.warnings$/,
    reason: 'no warning goes with an id of one’s own, which is hashed as any other',
  },
  {
    request: /^GET auth\/token\/lookup-self$/,
    at: /^body\.data\.(period|explicit_max_ttl)$/,
    reason: 'a token of a token role shows the period and the explicit_max_ttl that it has from the role',
  },
];
