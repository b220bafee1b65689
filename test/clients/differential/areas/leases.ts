/** Leases of what both servers can make them for: logins, and tokens that others have made. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const SLOTS = [0, 1, 2] as const;
const login = (at: number): Step =>
  post(
    'auth/up/login',
    { role_id: 'ada' },
    { token: '', keep: { [`token${at}`]: 'auth.client_token', [`accessor${at}`]: 'auth.accessor' } },
  );

export const before: readonly Step[] = [
  post('sys/auth/up', { type: 'approle' }),
  post('auth/up/role/ada', {
    role_id: 'ada',
    bind_secret_id: false,
    token_policies: ['default'],
    token_ttl: '1h',
    token_max_ttl: '4h',
    token_bound_cidrs: ['127.0.0.1/8'],
  }),
  post('sys/policies/acl/looker', { policy: 'path "sys/leases/*" { capabilities = ["read", "update", "list"] }' }),
  post('auth/token/create', { policies: ['looker'] }, { keep: { looker: 'auth.client_token' } }),
  post('sys/namespaces/team', undefined, { keep: { team: 'data.id' } }),
  ...SLOTS.map(login),
];

const IDS = ['none', 'auth/up/login/none', 'auth/token/create/none', '/x', 'x/', 'a.b', ''] as const;

export const odd: readonly Step[] = [
  ...wrongly({
    step: post('sys/leases/lookup', { lease_id: 'auth/up/login/none' }),
    methods: ['GET', 'DELETE', 'PATCH'],
  }),
  ...wrongly({
    step: post('sys/leases/renew', { lease_id: 'auth/up/login/none', increment: 60 }),
    methods: ['GET', 'DELETE'],
  }),
  ...wrongly({
    step: post('sys/leases/revoke', { lease_id: 'auth/up/login/none', sync: true }),
    methods: ['GET', 'DELETE'],
  }),
  ...IDS.flatMap((id): readonly Step[] => [
    post('sys/leases/lookup', { lease_id: id }),
    post('sys/leases/renew', { lease_id: id }),
    post(`sys/leases/renew/${id}`, {}),
    post(`sys/leases/renew/${id}`, { lease_id: 'other' }),
    post('sys/leases/revoke', { lease_id: id }),
    post('sys/leases/revoke', { lease_id: id, sync: true }),
    post(`sys/leases/revoke/${id}`, {}),
    post(`sys/leases/revoke-prefix/none/${id}`, {}),
    post(`sys/leases/revoke-force/none/${id}`, {}),
  ]),
  ...['', '/', 'auth', 'auth/', 'auth/up', 'auth/up/login', 'auth/up/login/', 'auth/token', 'none', 'none/'].map(
    (prefix) => list(`sys/leases/lookup/${prefix}`),
  ),
  list('sys/leases/lookup'),
  get('sys/leases'),
  ...[
    '?type=irrevocable',
    '?type=x',
    '',
    '?type=irrevocable&include_child_namespaces=true',
    '?type=irrevocable&limit=1',
    '?type=irrevocable&limit=x',
  ]
    .concat(['?type=irrevocable&limit=none', '?type=irrevocable&limit=-1'])
    .flatMap((query) => [get(`sys/leases/count${query}`), get(`sys/leases${query}`)]),
  post('sys/leases'),
  post('sys/leases/count'),
  post('sys/leases/tidy'),
  get('sys/leases/tidy'),
  ...['sys/renew', 'sys/renew/x', 'sys/revoke/x', 'sys/revoke-prefix/x', 'sys/revoke-force/x'].map((path) =>
    post(path, { lease_id: 'x' }),
  ),
  // Who may.
  ...['{looker}', ''].flatMap((token): readonly Step[] => [
    post('sys/leases/lookup', { lease_id: 'none' }, { token }),
    list('sys/leases/lookup/auth', { token }),
    post('sys/leases/revoke-prefix/none', {}, { token }),
    post('sys/leases/revoke-force/none', {}, { token }),
    get('sys/leases/count?type=irrevocable', { token }),
    post('sys/leases/tidy', undefined, { token }),
  ]),
  // A prefix ends at a slash.
  login(0),
  post('sys/leases/revoke-prefix/auth/up/log', {}),
  get('auth/token/lookup-self', { token: '{token0}' }),
  post('sys/leases/revoke-prefix/auth/up/login', { sync: true }),
  get('auth/token/lookup-self', { token: '{token0}' }),
  login(0),
  post('sys/leases/revoke-force/auth/up', {}),
  get('auth/token/lookup-self', { token: '{token0}' }),
  ...[{ sync: 'x' }, { sync: 'false' }, { sync: 1 }].map((body) => post('sys/leases/revoke-prefix/none', body)),
  ...['', '/'].flatMap((path) => [
    post(`sys/leases/revoke-prefix${path}`, {}),
    post(`sys/leases/revoke-force${path}`, {}),
  ]),
  ...['team', 'none'].map((name) => list('sys/leases/lookup/', { headers: { 'X-Vault-Namespace': name } })),
  ...SLOTS.map(login),
];

const slot = (draw: Draw): number => draw.of(...SLOTS);

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => login(slot(draw)),
  (draw) => get('auth/token/lookup-self', { token: `{token${slot(draw)}}` }),
  (draw) =>
    post(
      'auth/token/renew-self',
      { increment: draw.of<unknown>('30m', 60, '2h', '9h') },
      { token: `{token${slot(draw)}}` },
    ),
  (draw) =>
    post('auth/token/renew-accessor', {
      accessor: `{accessor${slot(draw)}}`,
      increment: draw.of<unknown>('30m', '9h'),
    }),
  (draw) => post('auth/token/revoke-accessor', { accessor: `{accessor${slot(draw)}}` }),
  (draw) => post('sys/leases/lookup', { lease_id: draw.of(...IDS) }),
  (draw) =>
    post('sys/leases/renew', draw.some({ lease_id: draw.of(...IDS), increment: draw.of<unknown>(60, '1h', 'x', -1) })),
  (draw) => post('sys/leases/revoke', draw.some({ lease_id: draw.of(...IDS), sync: draw.of<unknown>(true, false) })),
  (draw) =>
    post(`sys/leases/revoke-prefix/${draw.of('auth/up/login', 'auth/up', 'none', 'auth/up/login/b')}`, { sync: true }),
  (draw) => get(`sys/leases/count?type=${draw.of('irrevocable', 'x', '')}`),
  (draw) => remove(`auth/up/role/${draw.of('bob', 'none')}`),
];

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^POST sys\/leases\/revoke$/,
    at: /^status 400\/20[024]$/,
    wrong: / as (7|-1|1\.5|true)$/,
    reason: 'a number as the id of a lease is the text of its digits',
  },
  {
    request: /^POST sys\/leases\/revoke-(prefix|force)$/,
    at: /^status 404\/400$/,
    reason: 'that the prefix is missing is said; OpenBao knows no such path',
  },
  {
    request: /^GET sys\/leases/,
    at: /^body\.warnings$/,
    reason: 'a list of leases does not warn of the parameters that it has',
  },
];
