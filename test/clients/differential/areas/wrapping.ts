/** Wrapped replies: what is wrapped, what is asked of them, and by whom. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const SLOTS = [0, 1, 2] as const;
const wrapped = (at: number): string => `{wrapped${at}}`;
const kept = (at: number) => ({ [`wrapped${at}`]: 'wrap_info.token', [`wrapAccessor${at}`]: 'wrap_info.accessor' });
const ttl = (text: string) => ({ headers: { 'X-Vault-Wrap-TTL': text } });

export const before: readonly Step[] = [
  post('sys/mounts/kv', { type: 'kv' }),
  post('sys/mounts/kv2', { type: 'kv', options: { version: '2' } }),
  post('kv/a', { user: 'ada' }),
  post('sys/auth/approle', { type: 'approle' }),
  post('auth/approle/role/app', { token_policies: ['reader'] }),
  post('sys/policies/acl/reader', { policy: 'path "kv/*" { capabilities = ["read"] }' }),
  post('sys/policies/acl/bounded', {
    policy: 'path "kv/a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "10m" }',
  }),
  post('auth/token/create', { policies: ['reader'] }, { keep: { reader: 'auth.client_token' } }),
  post('auth/token/create', { policies: ['bounded'] }, { keep: { bounded: 'auth.client_token' } }),
];

const wrapping: readonly Step[] = ['60', '1m', '1h', '0', '0s', '-1', 'x', '', '1.5', '1d', '2m30s', '100000h'].flatMap(
  (text): readonly Step[] => [
    get('kv/a', { ...ttl(text), keep: kept(0) }),
    post('sys/wrapping/lookup', { token: wrapped(0) }),
    post('sys/wrapping/unwrap', { token: wrapped(0) }),
    post('sys/wrapping/unwrap', { token: wrapped(0) }),
    post('sys/wrapping/wrap', { a: 'b' }, { ...ttl(text), keep: kept(1) }),
    post('sys/wrapping/unwrap', undefined, { token: wrapped(1) }),
  ],
);

/** Each with a reply that is wrapped. */
const wrappable: readonly Step[] = [
  get('kv/none'),
  list('kv'),
  post('kv/b', { c: 'd' }),
  remove('kv/b'),
  get('kv2/config'),
  post('kv2/data/a', { data: { x: 'y' } }),
  get('kv2/data/a'),
  post('auth/token/create', { policies: ['reader'], ttl: '1h' }),
  post('auth/approle/role/app/secret-id', {}),
  get('auth/token/roles/none'),
  get('sys/nothing'),
  post('sys/tools/hash', { input: 'YQ==' }),
  get('auth/token/lookup-self', { token: '{reader}' }),
  get('sys/mounts', { token: '{reader}' }),
];

export const odd: readonly Step[] = [
  ...wrapping,
  ...wrappable.flatMap((step): readonly Step[] => [
    { ...step, ...ttl('5m'), keep: kept(0) },
    post('sys/wrapping/lookup', { token: wrapped(0) }),
    post('sys/wrapping/lookup', undefined, { token: wrapped(0) }),
    post('sys/wrapping/rewrap', { token: wrapped(0) }, { keep: kept(1) }),
    post('sys/wrapping/lookup', { token: wrapped(0) }),
    post('sys/wrapping/unwrap', undefined, { token: wrapped(1) }),
    post('sys/wrapping/unwrap', { token: wrapped(1) }),
  ]),
  ...wrongly({
    step: post(
      'sys/wrapping/wrap',
      { text: 'a', number: 7, list: [1], deep: { a: null } },
      { ...ttl('5m'), keep: kept(2) },
    ),
    after: [post('sys/wrapping/unwrap', { token: wrapped(2) })],
    methods: ['LIST', 'DELETE', 'PATCH'],
  }),
  ...['lookup', 'rewrap', 'unwrap'].flatMap((name) => [
    ...wrongly({
      step: post(`sys/wrapping/${name}`, { token: 'hvs.unknownunknownunknownun' }),
      methods: ['DELETE', 'PATCH'],
    }),
    post(`sys/wrapping/${name}`, undefined, { token: '' }),
    post(`sys/wrapping/${name}`, { token: wrapped(1) }, { token: '' }),
    post(`sys/wrapping/${name}`, { token: '{reader}' }),
    post(`sys/wrapping/${name}`, undefined, { token: '{reader}' }),
    post(`sys/wrapping/${name}`, { token: 'root' }),
    get('sys/wrapping/wrap', { ...ttl('5m'), keep: kept(1) }),
  ]),
  // What a wrapping token can do besides.
  get('kv/a', { ...ttl('5m'), keep: kept(0) }),
  get('auth/token/lookup-self', { token: wrapped(0) }),
  get('cubbyhole/response', { token: wrapped(0) }),
  get('cubbyhole/response', { token: wrapped(0) }),
  get('kv/a', { ...ttl('5m'), keep: kept(0) }),
  list('cubbyhole', { token: wrapped(0) }),
  get('kv/a', { ...ttl('5m'), keep: kept(0) }),
  post('auth/token/revoke', { token: wrapped(0) }),
  post('sys/wrapping/unwrap', { token: wrapped(0) }),
  get('kv/a', { ...ttl('5m'), keep: kept(0) }),
  post('auth/token/lookup-accessor', { accessor: '{wrapAccessor0}' }),
  post('auth/token/revoke-accessor', { accessor: '{wrapAccessor0}' }),
  post('sys/wrapping/unwrap', { token: wrapped(0) }),
  get('kv/a', { ...ttl('5m'), keep: kept(0) }),
  post('auth/token/create', { ttl: '1h' }, { token: wrapped(0) }),
  get('kv/a', { ...ttl('5m'), keep: kept(0) }),
  post('sys/wrapping/unwrap', undefined, {
    token: wrapped(0),
    ...ttl('5m'),
    keep: kept(1),
    wrong: 'wrapping what is unwrapped',
  }),
  post('sys/wrapping/unwrap', { token: wrapped(1) }, { wrong: 'wrapping what is unwrapped' }),
  // A policy says how long.
  ...[undefined, '30s', '1m', '5m', '10m', '11m', 'x'].map((text) =>
    get('kv/a', { token: '{bounded}', keep: kept(0), ...(text === undefined ? {} : ttl(text)) }),
  ),
  get('kv/a', { headers: { 'X-Vault-Wrap-TTL': '5m', 'X-Vault-Wrap-Format': 'jwt' }, wrong: 'format' }),
];

const slot = (draw: Draw): number => draw.of(...SLOTS);

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => ({
    ...draw.of<Step>(wrappable[0] ?? get('kv/a'), ...wrappable, get('kv/a')),
    ...ttl(draw.of('60', '5m', '1h', '0')),
    keep: kept(slot(draw)),
  }),
  (draw) =>
    post('sys/wrapping/wrap', draw.of<unknown>({ a: 'b' }, {}, { a: [1, { b: null }] }), {
      ...ttl('5m'),
      keep: kept(slot(draw)),
    }),
  (draw) =>
    post(
      'sys/wrapping/unwrap',
      { token: wrapped(slot(draw)) },
      { token: draw.of('root', '{reader}', '{bounded}', '') },
    ),
  (draw) => post('sys/wrapping/unwrap', undefined, { token: wrapped(slot(draw)) }),
  (draw) => post('sys/wrapping/lookup', { token: wrapped(slot(draw)) }, { token: draw.of('root', '{reader}', '') }),
  (draw) => get('sys/wrapping/lookup', { token: wrapped(slot(draw)) }),
  (draw) =>
    post(
      'sys/wrapping/rewrap',
      { token: wrapped(slot(draw)) },
      { token: draw.of('root', '{reader}'), keep: kept(slot(draw)) },
    ),
  (draw) => post('auth/token/lookup-accessor', { accessor: `{wrapAccessor${slot(draw)}}` }),
  (draw) => get('auth/token/lookup-self', { token: wrapped(slot(draw)) }),
];

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^POST sys\/wrapping\//,
    at: /^status 400\/403$/,
    reason: 'who has no right to a path hears that, before what else is wrong with the request',
  },
  {
    request: /^POST auth\/token\/lookup-accessor$/,
    at: /\.(display_name|path)$/,
    reason: 'a wrapping token has no name, and its path is that of the first wrapping',
  },
  {
    request: /^POST auth\/token\/lookup-accessor$/,
    at: /^status 200\/400$/,
    reason: 'a wrapping token that is used up is gone at once, where OpenBao still finds it for a moment',
    byChance: true,
  },
  {
    request: /^POST sys\/wrapping\/unwrap$/,
    at: /^body\.|^status 200\/400$/,
    wrong: /^wrapping what is unwrapped$/,
    reason: 'unwrapping answers what was wrapped, also where it is asked to wrap that',
  },
  {
    request: /^GET kv\/a$/,
    at: /wrap_info\.token$/,
    wrong: /^format$/,
    reason: 'wrapping tokens are never JWTs: `X-Vault-Wrap-Format` is not read',
  },
  {
    request: /^POST sys\/wrapping\/(lookup|rewrap|unwrap)$/,
    at: /^status 403\/400$/,
    reason: 'a wrapping token that is missing or is no text is a 400, as one that is not there',
  },
  {
    request: /^(PATCH|DELETE) sys\/wrapping\//,
    at: /^status 400\/405$/,
    reason: 'a method that a path does not have is a 405, whatever else is wrong with the request',
  },
  {
    request: /^POST sys\/wrapping\/rewrap$/,
    at: /wrapped_accessor$/,
    reason: 'a reply that is wrapped anew still tells the accessor of what is in it',
  },
];
