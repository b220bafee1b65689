/** What each token keeps for itself. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, patch, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const made = (name: string, body: unknown): Step =>
  post('auth/token/create', body, { keep: { [name]: 'auth.client_token', [`${name}Accessor`]: 'auth.accessor' } });

export const before: readonly Step[] = [
  post('sys/namespaces/team', undefined, { keep: { team: 'data.id' } }),
  made('one', { policies: ['default'] }),
  made('two', { policies: ['default'] }),
  made('batch', { policies: ['default'], type: 'batch', ttl: '1h' }),
  made('bare', { policies: [], no_default_policy: true }),
  made('twice', { policies: ['default'], num_uses: 6 }),
];

const WHO = ['{root}', '{one}', '{two}', '{batch}', '{bare}', ''] as const;
const KEYS = ['a', 'b', 'deep/a', 'deep/er/a', 'with space', 'ünicode', 'none', 'A'] as const;
const FOLDERS = ['', 'deep', 'deep/', 'deep/er', 'none', 'a'] as const;

export const odd: readonly Step[] = [
  ...wrongly({
    step: post('cubbyhole/a', { text: 'b', number: 7, list: [1], object: { c: null } }),
    after: [get('cubbyhole/a')],
    methods: ['PATCH'],
  }),
  ...WHO.flatMap((token): readonly Step[] => [
    post('cubbyhole/a', { mine: token }, { token }),
    get('cubbyhole/a', { token }),
    post('cubbyhole/deep/a', { b: 'c' }, { token }),
    list('cubbyhole', { token }),
    list('cubbyhole/', { token }),
    list('cubbyhole/deep', { token }),
    get('cubbyhole/deep/', { token }),
    get('cubbyhole', { token }),
    get('cubbyhole/', { token }),
    post('cubbyhole', { a: 'b' }, { token }),
    post('cubbyhole/', { a: 'b' }, { token }),
    post('cubbyhole/slash/', { a: 'b' }, { token }),
    remove('cubbyhole', { token }),
    remove('cubbyhole/deep', { token }),
    remove('cubbyhole/deep/a', { token }),
    list('cubbyhole/deep', { token }),
    patch('cubbyhole/a', { x: 'y' }, { token }),
  ]),
  ...['?after=a', '?after=a&limit=1', '?limit=1', '?limit=-1', '?limit=0', '?limit=x', '?after=zz'].map((query) =>
    list(`cubbyhole/${query}`),
  ),
  ...[1, 2, 3].flatMap(() => [
    post('cubbyhole/a', { b: 'c' }, { token: '{twice}' }),
    get('cubbyhole/a', { token: '{twice}' }),
  ]),
  get('cubbyhole/a', { token: '{twice}' }),
  // In a namespace: the same one for a token from outside.
  get('cubbyhole/a', { token: '{one}', headers: { 'X-Vault-Namespace': 'team' } }),
  // Gone with its token.
  post('auth/token/revoke', { token: '{two}' }),
  get('cubbyhole/a', { token: '{two}' }),
  made('two', { policies: ['default'] }),
  get('cubbyhole/a', { token: '{two}' }),
  // The mount.
  remove('sys/mounts/cubbyhole'),
  post('sys/mounts/other', { type: 'cubbyhole' }),
  post('sys/remount', { from: 'cubbyhole', to: 'other' }),
  get('sys/mounts/cubbyhole/tune'),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) =>
    post(
      `cubbyhole/${draw.of(...KEYS)}`,
      draw.of<unknown>({ a: 'b' }, { a: draw.number(9), b: null }, {}, { 'odd key.': [1] }, { ttl: '1h' }, 'text'),
      { token: draw.of(...WHO) },
    ),
  (draw) => get(`cubbyhole/${draw.of(...KEYS)}`, { token: draw.of(...WHO) }),
  (draw) => get(`cubbyhole/${draw.of(...KEYS)}`, { token: draw.of(...WHO) }),
  (draw) => remove(`cubbyhole/${draw.of(...KEYS)}`, { token: draw.of(...WHO) }),
  (draw) => list(`cubbyhole/${draw.of(...FOLDERS)}`, { token: draw.of(...WHO) }),
  (draw) =>
    list(`cubbyhole/?after=${draw.of('', 'a', 'deep/', 'z')}&limit=${draw.of('', '1', '2', '0')}`, {
      token: draw.of(...WHO),
    }),
  (draw) => get(`cubbyhole/${draw.of(...KEYS)}`, { token: draw.of(...WHO), headers: { 'X-Vault-Wrap-TTL': '1m' } }),
];

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^POST cubbyhole/,
    at: /^status (400|500)\/403$/,
    reason: 'who has no right to a path hears that, before what else is wrong with the request',
  },
  {
    request: /^LIST cubbyhole\/$/,
    at: /^status 200\/40[04]$|^body\.(warnings|data\.keys)$/,
    reason: 'the cubbyhole is listed in pages too',
  },
];
