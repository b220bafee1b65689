/** Rate limits, and what holds for all quotas. None of them is low enough to refuse anything but what asks for it. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, patch, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const NAMES = ['q1', 'q2', 'Q3', 'with-dash', 'none'] as const;
const at = (name: string): string => `sys/quotas/rate-limit/${name}`;
const names = list('sys/quotas/rate-limit', { unordered: ['keys'] });
const config = 'sys/quotas/config';

export const before: readonly Step[] = [
  post('sys/mounts/kv', { type: 'kv' }),
  post('sys/auth/approle', { type: 'approle' }),
  post('auth/approle/role/job', { token_policies: ['default'] }),
  post('sys/namespaces/team', undefined, { keep: { team: 'data.id' } }),
  post('team/sys/mounts/kv', { type: 'kv' }),
];

const right: Step = post(at('q1'), {
  rate: 9_000,
  path: 'kv',
  interval: '1m',
  block_interval: '1m',
  inheritable: false,
});

export const odd: readonly Step[] = [
  get(config),
  names,
  ...wrongly({ step: right, after: [get(at('q1')), names], methods: ['PATCH', 'LIST'] }),
  post(at('typed'), { rate: 3_000, type: 'x', path: 'kv/typed' }),
  remove(at('q1')),
  get(at('q1')),
  remove(at('typed')),
  ...wrongly({
    step: post(config, { enable_rate_limit_response_headers: true, enable_rate_limit_audit_logging: true }),
    after: [get(config)],
    methods: ['PATCH', 'DELETE', 'LIST'],
  }),
  ...[['sys/health'], 'sys/health,sys/init', [], ['kv/*'], ['/kv/'], '', ['sys/*', 'kv']].flatMap((paths) => [
    post(config, { rate_limit_exempt_paths: paths }),
    get(config),
  ]),
  post(config, { rate_limit_exempt_paths: [] }),
  ...[
    '',
    'kv/',
    '/kv',
    'kv/a',
    'kv/a/',
    'kv/*',
    'kv/a*',
    'kv/*/a',
    'none',
    'none/',
    'team',
    'team/',
    'team/kv',
    'team/none',
  ]
    .concat(['auth/approle', 'auth/approle/login', 'auth/none', 'sys', 'sys/mounts', 'cubbyhole', 'identity', '*', ' '])
    .flatMap((path) => [post(at('place'), { rate: 5_000, path }), get(at('place')), remove(at('place'))]),
  ...['auth/approle', 'auth/approle/', 'auth/approle/login', 'kv', '', 'auth/token'].flatMap((path) => [
    post(at('role'), { rate: 5_000, path, role: 'job' }),
    get(at('role')),
    remove(at('role')),
  ]),
  // Two of the same place.
  post(at('one'), { rate: 5_000, path: 'kv/x' }),
  post(at('two'), { rate: 6_000, path: 'kv/x' }),
  post(at('two'), { rate: 6_000, path: 'kv/x/' }),
  get(at('two')),
  names,
  remove(at('one')),
  remove(at('one')),
  remove(at('two')),
  ...['lease-count', 'nothing'].map((kind) => list(`sys/quotas/${kind}/`)).slice(1),
  get('sys/quotas'),
  get('sys/quotas/'),
  list('sys/quotas'),
  get('sys/quotas/rate-limit'),
  patch(at('q1'), { rate: 3 }),
  post('sys/quotas/nothing/a', { rate: 3 }),
  // In a namespace.
  get(config, { headers: { 'X-Vault-Namespace': 'team' } }),
  post(at('inside'), { rate: 5_000 }, { headers: { 'X-Vault-Namespace': 'team' } }),
  get(at('inside'), { headers: { 'X-Vault-Namespace': 'team' } }),
  list('sys/quotas/rate-limit', { headers: { 'X-Vault-Namespace': 'team' } }),
  // One that refuses, for one path alone.
  post(at('low'), { rate: 2, interval: '1h', path: 'kv/low' }),
  ...[1, 2, 3, 4].map(() => get('kv/low')),
  get('kv/lower'),
  get('kv/low/er'),
  post('kv/low', { a: 'b' }),
  post(at('low'), { rate: 100, interval: '1h', path: 'kv/low' }),
  get('kv/low'),
  remove(at('low')),
  get('kv/low'),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) =>
    post(at(draw.of(...NAMES)), {
      ...draw.some({
        path: draw.of('', 'kv', 'kv/', 'kv/deep/er', 'kv/a*', 'auth/approle', 'team/', 'team/kv', 'none'),
        interval: draw.of<unknown>('1m', 30, '1h', 0, 'x', '-1s', '10ms'),
        block_interval: draw.of<unknown>('1m', 0, '10s', 'x'),
        role: draw.of<unknown>('job', '', undefined),
        inheritable: draw.of<unknown>(true, false, 'x', undefined),
        type: draw.of<unknown>('rate-limit', undefined),
      }),
      rate: draw.of<unknown>(5_000, 8_000.5, '7000', 9_999, 0, -1, 'x'),
    }),
  (draw) => get(at(draw.of(...NAMES))),
  (draw) => remove(at(draw.of(...NAMES))),
  (draw) => (draw.chance(3) ? { ...names, path: `${names.path}/` } : names),
  (draw) =>
    post(
      config,
      draw.some({
        enable_rate_limit_audit_logging: draw.of(true, false),
        enable_rate_limit_response_headers: draw.of(true, false),
        rate_limit_exempt_paths: draw.of<unknown>([], ['kv/free'], 'kv/a,kv/b', ['kv/*']),
      }),
    ),
  () => get(config),
  (draw) => get(draw.of('kv/a', 'kv/deep/er', 'team/kv/a', 'auth/approle/role/job')),
];

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^POST sys\/quotas\/rate-limit\/typed$/,
    at: /^status 204\/400$/,
    reason: 'a quota of a type that is not that of its path is refused',
  },
  {
    request: /^GET sys\/quotas\/rate-limit\//,
    at: /\.inheritable$/,
    reason: 'a quota of all shows that it is inheritable, as it is',
  },
  {
    request: /^GET sys\/quotas\/rate-limit\//,
    at: /\.(group_by|secondary_rate)$/,
    reason: 'a rate limit also has `group_by` and `secondary_rate`, of Vault’s paid edition',
  },
  {
    request: /^GET sys\/quotas\/config$/,
    at: /rate_limit_exempt_paths$/,
    reason: 'recovery mode has no rate limits',
  },
];
