/** Users with passwords at `auth/up/`. Few logins: a password costs both servers the same time. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, patch, post, remove, type Step } from '../step.ts';
import { oneOf } from './area.ts';

const user = (name: string): string => `auth/up/users/${name}`;
const login = (name: string, password: unknown): Step =>
  post(`auth/up/login/${name}`, { password }, { token: '', keep: { [`${name}Token`]: 'auth.client_token' } });

export const before: readonly Step[] = [
  post('sys/auth/up', { type: 'userpass' }),
  post('sys/auth/up/tune', { user_lockout_config: { lockout_disable: true } }),
  post(user('ada'), { password: 'secret', token_policies: ['default'], token_ttl: '1h' }),
];

const settings: readonly object[] = [
  ...['1h', 60, '0', '', -1, 'x'].flatMap((value) => [
    { token_ttl: value },
    { token_max_ttl: value },
    { token_period: value },
    { token_explicit_max_ttl: value },
  ]),
  { token_ttl: '2h', token_max_ttl: '1h' },
  { token_ttl: 0, token_max_ttl: 0, token_period: 0, token_explicit_max_ttl: 0 },
  ...[['reader'], 'a,b', '', [], ['root'], ['B', 'a', 'a'], 7].flatMap((value) => [
    { token_policies: value },
    { policies: value },
  ]),
  { token_policies: ['a'], policies: ['b'] },
  ...[true, false, 'x', ''].map((value) => ({ token_no_default_policy: value })),
  ...[0, 5, -1, '7', 'x'].map((value) => ({ token_num_uses: value })),
  { token_num_uses: 0 },
  ...['service', 'batch', 'default', 'default-batch', 'default-service', 'x', ''].map((value) => ({
    token_type: value,
  })),
  { token_type: 'default' },
  ...[['127.0.0.1'], '127.0.0.0/8,10.0.0.0/8', [], 'x', ['::1']].map((value) => ({ token_bound_cidrs: value })),
  ...['1h', 0, 'x'].flatMap((value) => [{ ttl: value }, { max_ttl: value }]),
  { bound_cidrs: ['127.0.0.1'] },
  { bound_cidrs: [] },
  {},
  { unknown_field: 1 },
];

const NAMES = ['Mixed', 'a b', 'a.b', 'a-b', 'ünï', 'a@b.example', 'x'.repeat(80), 'a/b', '-a', '.a', '1'] as const;

export const odd: readonly Step[] = [
  ...settings.flatMap((body) => [
    { ...post(user('ada'), body), ...('unknown_field' in body ? { wrong: 'an unknown field' } : {}) },
    get(user('ada'), { follows: true }),
  ]),
  post(user('ada'), { token_policies: ['default'], token_ttl: '1h', token_max_ttl: 0 }),
  ...NAMES.flatMap((name) => [
    post(user(name), { password: 'p' }),
    get(user(name), { follows: true }),
    get(user(name.toLowerCase()), { follows: true }),
  ]),
  list('auth/up/users'),
  list('auth/up/users/'),
  ...['?after=a', '?limit=1', '?limit=x'].map((query) => list(`auth/up/users${query}`)),
  ...NAMES.map((name) => remove(user(name))),
  // Passwords.
  ...[
    {},
    { password: '' },
    { password: 7 },
    { password: ['x'] },
    { password: 'x'.repeat(72) },
    { password: 'x'.repeat(73) },
    { password_hash: 'x' },
  ]
    .concat([{ password: 'p', password_hash: 'x' }] as never[])
    .flatMap((body) => [
      post(user('made'), body),
      get(user('made'), { follows: true }),
      remove(user('made'), { follows: true }),
    ]),
  ...[{ password: 'other' }, {}, { password: '' }, { password: 7 }].map((body) =>
    post(`${user('ada')}/password`, body),
  ),
  post(`${user('ada')}/password`, { password: 'secret' }),
  post(`${user('none')}/password`, { password: 'x' }),
  post(`${user('ada')}/policies`, { token_policies: ['reader'] }),
  get(user('ada')),
  post(`${user('ada')}/policies`, { policies: 'a,b' }),
  get(user('ada')),
  post(`${user('none')}/policies`, { policies: 'a' }),
  post(`${user('ada')}/policies`, {}),
  get(user('ada')),
  get(`${user('ada')}/policies`),
  // Logins.
  login('ada', 'secret'),
  get('auth/token/lookup-self', { token: '{adaToken}' }),
  login('ADA', 'secret'),
  login('ada', 'wrong'),
  login('none', 'wrong'),
  login('ada', ''),
  login('ada', 7),
  post('auth/up/login/ada', {}, { token: '' }),
  post('auth/up/login', { username: 'ada', password: 'secret' }, { token: '' }),
  get('auth/up/login/ada'),
  patch(user('ada'), { token_ttl: '1h' }),
  list(user('ada')),
  get('auth/up'),
  get('auth/up/users'),
  get('auth/up/nothing'),
  get(user('ada'), { token: '' }),
  get(user('ada'), { token: '{adaToken}' }),
  remove(user('none')),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) =>
    post(
      user(draw.of('ada', 'bob', 'Bob')),
      draw.some({
        token_ttl: draw.of<unknown>('1h', 60, 0),
        token_max_ttl: draw.of<unknown>('2h', 0),
        token_policies: draw.of<unknown>(['reader'], 'a,b', []),
        token_no_default_policy: draw.of(true, false),
        token_num_uses: draw.of(0, 9),
        token_period: draw.of<unknown>(0, '1h'),
        token_bound_cidrs: draw.of<unknown>(['127.0.0.0/8'], []),
        token_type: draw.of('default', 'service'),
      }),
    ),
  (draw) => get(user(draw.of('ada', 'bob', 'BOB', 'none'))),
  (draw) => (draw.chance(8) ? post(user('bob'), { password: 'p' }) : get(user('bob'))),
  (draw) => (draw.chance(3) ? remove(user('bob')) : list('auth/up/users')),
  (draw) =>
    draw.chance(15)
      ? login('ada', draw.of('secret', 'secret', 'wrong'))
      : get('auth/token/lookup-self', { token: '{adaToken}' }),
];

export const step = oneOf(kinds);

export const drawn = 150;

export const known: readonly KnownDifference[] = [
  {
    request: /^GET auth\/token\/lookup-self$/,
    at: /^body\.data\.num_uses$/,
    reason: 'the last use of a token shows that no use is left',
    byChance: true,
  },
  {
    request: /^POST auth\/up\/login\/ada$/,
    at: /^body\.warnings$/,
    reason: 'a default TTL that is longer than a limit is shortened without a warning, since nobody asked for it',
    byChance: true,
  },
  {
    request: /^GET auth\/up\/users\//,
    at: /\.(policies|ttl|max_ttl|period|bound_cidrs)$/,
    reason: 'old names of AppRole and userpass settings are taken and not shown with the role or user',
  },
  {
    request: /^GET auth\/up\/users\/ada$/,
    at: /\.token_policies$/,
    reason: 'names of policies are kept in small letters',
    byChance: true,
  },
  {
    request: /^(GET|POST) auth\/up\/users\/ada$/,
    at: /\.token_type$|^status 400\/204$/,
    reason: 'the token types `default-service` and `default-batch` of a user are `service` and `batch`',
  },
  {
    request: /^\w+ auth\/up\/users\/\S* ?\S*$/,
    at: /^status 404\/(400|204)$|^body\.errors$/,
    reason: 'a username that could not be read, a missing password and a user who does not exist are a 400',
  },
];
