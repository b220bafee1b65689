/** Namespaces: made, described, locked, deleted; and what their names and headers mean. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, patch, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const within = (namespace: string) => ({ headers: { 'X-Vault-Namespace': namespace } });
const ids = (name: string) => ({ keep: { [`${name}Id`]: 'data.id', [`${name}Uuid`]: 'data.uuid' } });
const namesOf = { unordered: ['keys'] };

export const before: readonly Step[] = [
  post('sys/namespaces/first', undefined, ids('first')),
  post('sys/namespaces/deep', undefined, { ...within('first'), ...ids('deep') }),
  post('first/deep/sys/namespaces/deepest', undefined, ids('deepest')),
  post('sys/mounts/kv', { type: 'kv' }),
  post('first/sys/mounts/kv', { type: 'kv' }),
  post('first/deep/sys/mounts/kv', { type: 'kv' }),
  post('kv/a', { where: 'root' }),
  post('first/kv/a', { where: 'first' }),
  post('first/deep/kv/a', { where: 'deep' }),
  post('first/sys/policies/acl/reader', {
    policy: 'path "kv/*" { capabilities = ["read"] } path "deep/kv/*" { capabilities = ["read"] }',
  }),
  post(
    'first/auth/token/create',
    { policies: ['reader'] },
    { keep: { inner: 'auth.client_token', innerAccessor: 'auth.accessor' } },
  ),
  post('sys/policies/acl/outer', {
    policy: 'path "first/kv/*" { capabilities = ["read"] } path "sys/namespaces/*" { capabilities = ["read", "list"] }',
  }),
  post(
    'auth/token/create',
    { policies: ['outer'] },
    { keep: { outer: 'auth.client_token', outerAccessor: 'auth.accessor' } },
  ),
];

const oddNames = [
  'a b',
  'a.b',
  'ünï',
  'A',
  'a-b',
  'a_b',
  '1',
  'x'.repeat(100),
  'sys',
  'audit',
  'auth',
  'cubbyhole',
  'identity',
  'root',
  'kv',
].concat(['a/b', '/a', 'first/deep', 'a%20b', 'kvx', 'secret', 'a@b', "a'b", 'a:b', 'a=b', 'a,b']);

export const odd: readonly Step[] = [
  list('sys/namespaces', namesOf),
  list('sys/namespaces', { ...namesOf, ...within('first') }),
  list('sys/namespaces', within('first/deep/deepest')),
  ...wrongly({
    step: post('sys/namespaces/told', { custom_metadata: { owner: 'us', tier: '1' } }, ids('told')),
    after: [get('sys/namespaces/told')],
    methods: ['LIST'],
  }),
  ...[{ owner: 'you' }, { owner: null }, { a: 7 }, { a: { b: 'c' } }, {}, 'x', ['x']].flatMap(
    (custom_metadata): readonly Step[] => [
      patch('sys/namespaces/told', { custom_metadata }),
      get('sys/namespaces/told'),
      post('sys/namespaces/told', { custom_metadata: { owner: 'us' } }),
    ],
  ),
  post('sys/namespaces/unnamed', { custom_metadata: { '': 'x' } }),
  remove('sys/namespaces/unnamed', { follows: true }),
  post('sys/namespaces/told/', { custom_metadata: { owner: 'us' } }),
  patch('sys/namespaces/none', { custom_metadata: { a: 'b' } }),
  patch('sys/namespaces/told', {}),
  ...oddNames.flatMap((name) => [
    post(`sys/namespaces/${name}`, undefined, ids('odd')),
    get(`sys/namespaces/${name}`),
    get('sys/mounts/kv', { ...within(encodeURI(name)), wrong: 'header' }),
    remove(`sys/namespaces/${name}`),
  ]),
  // What a header and a path mean.
  ...[
    '',
    'root',
    '/',
    'first',
    'first/',
    '/first',
    '/first/',
    'first/deep',
    'first/deep/',
    'none',
    'first/none',
    'FIRST',
    'first deep',
  ].flatMap((name): readonly Step[] => [
    get('kv/a', within(name)),
    get('deep/kv/a', within(name)),
    get('first/kv/a', within(name)),
    get('sys/health', within(name)),
    get('auth/token/lookup-self', within(name)),
    get('sys/namespaces/deep', within(name)),
    get('nothing/at/all', within(name)),
  ]),
  ...['first', 'first/sys', 'first/sys/', 'first/none', 'first/deep', 'first/deep/sys/namespaces'].map((path) =>
    get(path),
  ),
  // Nobody reaches up or across.
  ...['{inner}', '{outer}', ''].flatMap((token): readonly Step[] => [
    get('kv/a', { token }),
    get('first/kv/a', { token }),
    get('first/deep/kv/a', { token }),
    get('kv/a', { token, ...within('first') }),
    get('auth/token/lookup-self', { token }),
    get('auth/token/lookup-self', { token, ...within('first') }),
    get('auth/token/lookup-self', { token, ...within('first/deep') }),
    list('sys/namespaces', { token, ...namesOf }),
    get('sys/namespaces/first', { token }),
    post('sys/namespaces/mine', undefined, { token }),
    post(
      'sys/wrapping/wrap',
      { a: 'b' },
      { token, headers: { 'X-Vault-Wrap-TTL': '1m', 'X-Vault-Namespace': 'first' } },
    ),
    post('auth/token/renew-self', { increment: '1h' }, { token, ...within('first/deep') }),
  ]),
  post('auth/token/lookup', { token: '{inner}' }, within('first')),
  post('auth/token/lookup-accessor', { accessor: '{innerAccessor}' }, within('first')),
  post('auth/token/lookup-accessor', { accessor: '{innerAccessor}' }, within('first/deep')),
  post('auth/token/lookup-accessor', { accessor: '{outerAccessor}' }, within('first')),
  post('auth/token/create', { policies: ['root'] }, within('first')),
  post('auth/token/create', { policies: ['outer'] }, within('first')),
  post('auth/token/create', {}, within('first')),
  // What is of the node alone.
  ...[
    'sys/audit',
    'sys/seal-status',
    'sys/leader',
    'sys/key-status',
    'sys/config/cors',
    'sys/quotas/config',
    'sys/metrics',
    'sys/host-info',
  ]
    .concat([
      'sys/config/state/sanitized',
      'sys/rotate/config',
      'sys/loggers',
      'sys/init',
      'sys/ha-status',
      'sys/in-flight-req',
    ])
    .map((path) => get(path, within('first'))),
  // Locked.
  post('sys/namespaces/lockable', undefined, ids('lockable')),
  post('sys/mounts/kv', { type: 'kv' }, within('lockable')),
  post('sys/namespaces/api-lock/lock/lockable', undefined, { keep: { unlockKey: 'data.unlock_key' } }),
  get('kv/a', within('lockable')),
  get('sys/namespaces/lockable'),
  get('sys/mounts', within('lockable')),
  get('auth/token/lookup-self', within('lockable')),
  post('sys/namespaces/api-lock/lock/lockable'),
  post('sys/namespaces/api-lock/unlock/lockable', { unlock_key: 'wrong' }),
  post('sys/namespaces/api-lock/unlock/lockable', { unlock_key: 7 }),
  post('sys/namespaces/api-lock/unlock/lockable', { unlock_key: '{unlockKey}' }),
  get('kv/a', within('lockable')),
  post('sys/namespaces/api-lock/unlock/lockable', { unlock_key: '{unlockKey}' }),
  post('sys/namespaces/api-lock/lock', undefined, { ...within('lockable'), keep: { unlockKey: 'data.unlock_key' } }),
  post('sys/namespaces/api-lock/unlock', undefined, within('lockable')),
  get('kv/a', within('lockable')),
  post('sys/namespaces/api-lock/lock/none'),
  post('sys/namespaces/api-lock/unlock/none', {}),
  post('sys/namespaces/api-lock/lock'),
  post('sys/namespaces/api-lock/unlock', {}),
  get('sys/namespaces/api-lock/lock'),
  get('sys/namespaces/api-lock/unlock/lockable'),
  // Deleted.
  remove('sys/namespaces/first'),
  remove('sys/namespaces/none'),
  remove('sys/namespaces/lockable'),
  remove('sys/namespaces/told'),
  ...['sys/namespaces', 'sys/namespaces/'].flatMap((path) => [post(path, {}), remove(path), get(path)]),
];

const NAMES = ['n1', 'n2', 'n3'] as const;
const place = (draw: Draw): string => draw.of('', '', 'n1', 'n1/n2', 'n3', 'none');

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => {
    const [name, at] = [draw.of(...NAMES), place(draw)];
    const body = draw.of<unknown>(undefined, {}, { custom_metadata: { a: 'b' } }, { custom_metadata: { c: 'd' } });
    return post(`sys/namespaces/${name}`, body, { ...within(at), ...ids(`${name}_${at.replaceAll('/', '_')}`) });
  },
  (draw) => get(`sys/namespaces/${draw.of(...NAMES)}`, within(place(draw))),
  (draw) => list('sys/namespaces', { ...within(place(draw)), ...namesOf }),
  (draw) =>
    patch(
      `sys/namespaces/${draw.of(...NAMES)}`,
      { custom_metadata: draw.of<unknown>({ a: 'c' }, { a: null }) },
      within(place(draw)),
    ),
  (draw) => post(`sys/mounts/${draw.of('kv', 'n1', 'n2/a')}`, { type: 'kv' }, within(place(draw))),
  (draw) => post(`kv/${draw.of('a', 'b')}`, { at: draw.number(9) }, within(place(draw))),
  (draw) => get(`kv/${draw.of('a', 'b')}`, within(place(draw))),
  (draw) => get(`${draw.of('n1', 'n1/n2', 'n3')}/kv/${draw.of('a', 'b')}`),
  (draw) => list('kv', within(place(draw))),
  (draw) =>
    post(
      'auth/token/create',
      { policies: ['default'] },
      { ...within(place(draw)), keep: { drawn: 'auth.client_token' } },
    ),
  (draw) => get('auth/token/lookup-self', { ...within(place(draw)), token: '{drawn}' }),
  (draw) => post('cubbyhole/a', { b: draw.number(9) }, { ...within(place(draw)), token: '{drawn}' }),
  (draw) => get('cubbyhole/a', { ...within(place(draw)), token: '{drawn}' }),
  (draw) => post('sys/policies/acl/mine', { policy: 'path "kv/*" { capabilities = ["read"] }' }, within(place(draw))),
  (draw) => get('sys/mounts/kv', within(place(draw))),
];

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^GET auth\/token\/lookup-self$/,
    at: /^body\.data\.(display_name|issue_time|path|renewable)$/,
    reason: 'the root token of a development server is like the one that initialisation gives',
  },
  {
    request: /^GET sys\/(health|ha-status)$/,
    at: /^status (400\/200|400\/404|200\/400)$/,
    reason: '`sys/health` answers in a namespace too, `sys/ha-status` in the root namespace alone',
  },
  {
    request: /^GET /,
    at: /^status 400\/404$/,
    wrong: /^header$/,
    reason: 'the name of a namespace in a header is read as it is, never decoded',
  },
  {
    request: /^POST sys\/namespaces\/unnamed$/,
    at: /^status 200\/400$/,
    reason: 'the keys of custom_metadata have a name',
  },
  {
    request: /^(GET|DELETE) sys\/namespaces\//,
    at: /^status (404|200)\/400$/,
    reason: 'a name that no namespace can have is refused, whatever is asked of it',
  },
  {
    request: /^GET sys\/mounts\/kv$/,
    at: /\.options$/,
    reason: 'options of a mount without any are null, as in Vault',
  },
  {
    request: /^GET sys\/(health|leader|ha-status|seal-status|config\/state\/sanitized|loggers|host-info)$/,
    at: /^body\./,
    reason: 'the state of a node has the fields of Vault, and values of its own',
  },
];
