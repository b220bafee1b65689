/** `sys/config`, audit devices and what is told of the node. */
import type { Draw } from '../draw.ts';
import { anything, type KnownDifference } from '../known-differences.ts';
import { get, list, patch, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const cors = 'sys/config/cors';
const audited = (name: string): string => `sys/config/auditing/request-headers/${name}`;
const page = (name: string): string => `sys/config/ui/headers/${name}`;

export const before: readonly Step[] = [
  post('sys/policies/acl/weak', {
    policy: 'path "sys/config/*" { capabilities = ["read", "update", "create", "list"] }',
  }),
  post('auth/token/create', { policies: ['weak'] }, { keep: { weak: 'auth.client_token' } }),
];

const HEADERS = ['X-Own', 'x-own', 'X-OTHER', 'X-Vault-Token', 'Authorization', 'a_b'] as const;

export const odd: readonly Step[] = [
  get(cors),
  ...wrongly({
    step: post(cors, { allowed_origins: ['https://one.example'], allowed_headers: ['X-Own'] }),
    after: [get(cors)],
    methods: ['LIST'],
  }),
  ...[
    '*',
    'https://a.example,https://b.example',
    [],
    ['*'],
    ['*', 'https://a.example'],
    ['https://a.example/'],
  ].flatMap((allowed_origins) => [post(cors, { allowed_origins }), get(cors, { follows: true })]),
  post(cors, { allowed_origins: ['https://a.example'] }),
  ...['GET', 'OPTIONS'].map(() => get('sys/mounts/sys', { headers: { Origin: 'https://one.example' } })),
  remove(cors),
  get(cors),
  remove(cors),
  // Headers in the audit.
  get('sys/config/auditing/request-headers'),
  get(audited('none')),
  remove(audited('none')),
  ...wrongly({
    step: post(audited('X-Typed'), { hmac: true }),
    after: [get(audited('X-Typed')), get('sys/config/auditing/request-headers')],
    methods: ['LIST'],
  }),
  ...HEADERS.flatMap((name) => [
    post(audited(name), { hmac: true }),
    get(audited(name)),
    get(audited(name.toLowerCase())),
  ]),
  get('sys/config/auditing/request-headers'),
  ...HEADERS.map((name) => remove(audited(name))),
  remove(audited('X-Typed')),
  get('sys/config/auditing/request-headers'),
  get('sys/config/auditing'),
  list('sys/config/auditing/request-headers'),
  patch(audited('X-Own'), { hmac: true }),
  // Headers of pages.
  ...['Content-Security-Policy', 'Strict-Transport-Security'].flatMap((name) => [
    post(page(name), { values: ['one'] }),
    remove(page(name)),
  ]),
  post(audited('X Own'), { hmac: true }),
  remove(audited('X Own')),
  post(page('X Own'), { values: ['one'] }),
  list('sys/config/ui/headers', { unordered: ['keys'] }),
  ...wrongly({
    step: post(page('X-Typed'), { values: ['one'] }),
    after: [get(page('X-Typed')), list('sys/config/ui/headers', { unordered: ['keys'] })],
  }),
  ...HEADERS.flatMap((name) => [
    post(page(name), { values: ['one', 'two'] }),
    get(page(name)),
    get(`${page(name)}?multivalue=true`),
  ]),
  list('sys/config/ui/headers', { unordered: ['keys'] }),
  ...HEADERS.map((name) => remove(page(name))),
  remove(page('X-Typed')),
  list('sys/config/ui/headers', { unordered: ['keys'] }),
  ...['sys/config', 'sys/config/ui', 'sys/config/nothing', 'sys/config/reload/tcp', 'sys/config/state'].map((path) =>
    get(path),
  ),
  post('sys/config/reload/nothing', {}),
  // Who may.
  ...['{weak}', ''].flatMap((token): readonly Step[] => [
    get(cors, { token }),
    post(cors, { allowed_origins: '*' }, { token }),
    list('sys/config/ui/headers', { token, unordered: ['keys'] }),
    post(audited('X-Own'), { hmac: true }, { token }),
    get('sys/config/state/sanitized', { token }),
    get('sys/host-info', { token }),
    get('sys/loggers', { token }),
    get('sys/audit', { token }),
  ]),
  // Audit devices: none is made by the API.
  ...['file', 'socket', 'syslog', 'nothing', ''].map((type) =>
    post('sys/audit/made', { type, options: { file_path: '/nowhere/audit.log' } }),
  ),
  post('sys/audit/made', {}),
  remove('sys/audit/none'),
  get('sys/audit/none'),
  ...wrongly({ step: post('sys/audit-hash/none', { input: 'x' }), methods: ['GET', 'DELETE'] }),
  post('sys/audit-hash', { input: 'x' }),
  // Loggers.
  ...['trace', 'debug', 'info', 'notice', 'warn', 'warning', 'err', 'error', 'off', 'x', '', 'INFO'].map((level) =>
    post('sys/loggers', { level }),
  ),
  ...wrongly({ step: post('sys/loggers', { level: 'info' }), methods: ['LIST', 'PATCH'] }),
  post('sys/loggers/none', { level: 'info' }),
  remove('sys/loggers/none'),
  remove('sys/loggers'),
  // The keyring.
  ...wrongly({
    step: post('sys/rotate/config', { max_operations: 3_000_000, interval: '48h', enabled: true }),
    after: [get('sys/rotate/config')],
  }),
  ...[
    { max_operations: 0 },
    { max_operations: 999_999 },
    { max_operations: 5_000_000_000 },
    { interval: '1h' },
    { interval: '0' },
    { interval: '24h' },
    { enabled: false },
    {},
  ].flatMap((body) => [
    post('sys/rotate/config', body),
    get('sys/rotate/config', { follows: true }),
    get('sys/rotate/keyring/config', { follows: true }),
  ]),
  get('sys/key-status'),
  post('sys/rotate'),
  get('sys/key-status'),
  post('sys/rotate/keyring'),
  get('sys/key-status'),
  ...['sys/plugins/catalog/none/x', 'sys/plugins/catalog/auth/none', 'sys/plugins/catalog/secret/none'].map((path) =>
    get(path),
  ),
  list('sys/plugins/catalog/none'),
  ...[
    {},
    { plugin: 'kv' },
    { plugin: 'none' },
    { mounts: ['none'] },
    { mounts: ['cubbyhole/'] },
    { plugin: 'kv', mounts: ['x'] },
  ].map((body) => post('sys/plugins/reload/backend', body)),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) =>
    post(
      cors,
      draw.some({
        allowed_origins: draw.of<unknown>('*', ['https://a.example'], 'https://b.example'),
        allowed_headers: draw.of<unknown>(['X-A'], 'X-B'),
      }),
    ),
  () => get(cors),
  (draw) => (draw.chance(3) ? remove(cors) : get(cors)),
  (draw) => post(audited(draw.of('X-A', 'x-b', 'X-C')), draw.some({ hmac: draw.of(true, false) })),
  (draw) => get(audited(draw.of('X-A', 'x-b', 'x-c', 'none'))),
  (draw) => remove(audited(draw.of('X-A', 'x-b', 'none'))),
  () => get('sys/config/auditing/request-headers'),
  (draw) => post(page(draw.of('X-A', 'x-b')), { values: draw.of<unknown>(['a'], 'a,b', ['a', 'b']) }),
  (draw) => get(page(draw.of('X-A', 'x-b', 'none'))),
  (draw) => remove(page(draw.of('X-A', 'x-b', 'none'))),
  () => list('sys/config/ui/headers', { unordered: ['keys'] }),
  (draw) =>
    post(
      'sys/rotate/config',
      draw.some({
        max_operations: draw.of(2_000_000, 4_000_000),
        interval: draw.of('48h', '72h'),
        enabled: draw.of(true, false),
      }),
    ),
  () => get('sys/rotate/config'),
];

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^POST sys\/config\/\S+\/X Own$/,
    at: /^status \d+\/400$/,
    reason: 'the name of a header holds no blank',
  },
  {
    request: /^GET sys\/key-status$/,
    at: /encryptions$/,
    reason: 'the state of a node has the fields of Vault, and values of its own',
  },
  {
    request: /sys\/plugins\/catalog\/none/,
    at: /^status \d+\/400$/,
    reason: 'a type of plug-in that there is not is a 400',
  },
  {
    request: /^POST sys\/plugins\/reload\/backend$/,
    at: /^status 400\/200$/,
    reason: 'the cubbyhole is reloaded like any other mount: there is nothing to do',
  },
  {
    request: /^GET sys\/config\/cors$/,
    at: /allowed_headers$/,
    reason: 'the headers that pages of other origins may always send are those that Lockstep reads',
  },
  {
    request: /^POST sys\/config\/cors$/,
    at: /^status (20[04]|500)\/400$/,
    reason: 'the origins of pages, and their headers, are looked at when they are written',
  },
  {
    request: /^GET sys\/config\/state\/sanitized$/,
    at: /^body\./,
    reason: 'the configuration is shown by the keys that there are',
  },
  {
    request: /sys\/config\/ui\/headers\/(Content|Strict)-/,
    at: anything,
    reason: 'no header of pages is set from the start',
  },
  {
    request: /^GET sys\/config\/reload\/tcp$/,
    at: /^status 405\/404$/,
    reason: 'nothing is reloaded by the API',
  },
];
