/** ACL policies with all their fields, and password policies. */
import type { Draw } from '../draw.ts';
import { anything, type KnownDifference } from '../known-differences.ts';
import { get, list, patch, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const acl = (name: string): string => `sys/policies/acl/${name}`;
const password = (name: string): string => `sys/policies/password/${name}`;
const read = 'path "kv/*" { capabilities = ["read"] }';
const rule = 'length = 20\nrule "charset" { charset = "abcdefghij" min-chars = 1 }';

export const before: readonly Step[] = [post(acl('kept'), { policy: read })];

const documents: readonly string[] = [
  read,
  '',
  ' ',
  '# nothing',
  'path "kv/*" { capabilities = ["read"] } path "kv/*" { capabilities = ["list"] }',
  'path "kv/a" { capabilities = [] }',
  'path "kv/a" { capabilities = ["read", "read"] }',
  'path "kv/a" { capabilities = "read" }',
  'path "kv/a" { capabilities = ["READ"] }',
  'path "kv/a" { capabilities = ["deny", "read"] }',
  'path "kv/a" { policy = "read" capabilities = ["list"] }',
  'path "kv/a" { policy = "fly" }',
  'path "" { capabilities = ["read"] }',
  'path "/kv/a" { capabilities = ["read"] }',
  'path "kv//a" { capabilities = ["read"] }',
  'path "+" { capabilities = ["read"] }',
  'path "kv/+" { capabilities = ["read"] }',
  'path "kv/a+" { capabilities = ["read"] }',
  'path "kv/+*" { capabilities = ["read"] }',
  'path "kv/**" { capabilities = ["read"] }',
  'path "*" { capabilities = ["read"] }',
  'path { capabilities = ["read"] }',
  'path "a" "b" { capabilities = ["read"] }',
  'paths "a" { capabilities = ["read"] }',
  'name = "x" path "a" { capabilities = ["read"] }',
  'path "a" { capabilities = ["read"] comment = "words" }',
  'path "a" { capabilities = ["read"] expiration = "2100-01-01T00:00:00Z" }',
  'path "a" { capabilities = ["read"] expiration = "x" }',
  'path "a" { capabilities = ["create"] allowed_parameters = { "*" = [] } }',
  'path "a" { capabilities = ["create"] allowed_parameters = "x" }',
  'path "a" { capabilities = ["create"] denied_parameters = { "a" = "b" } }',
  'path "a" { capabilities = ["create"] required_parameters = ["a"] }',
  'path "a" { capabilities = ["create"] required_parameters = "a" }',
  'path "a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "1h" }',
  'path "a" { capabilities = ["read"] min_wrapping_ttl = "2h" max_wrapping_ttl = "1h" }',
  'path "a" { capabilities = ["read"] min_wrapping_ttl = "x" }',
  'path "a" { capabilities = ["list"] pagination_limit = 10 }',
  'path "a" { capabilities = ["list"] pagination_limit = "x" }',
  'path "a" { capabilities = ["list"] pagination_limit = -1 }',
  'path "{{identity.entity.id}}" { capabilities = ["read"] }',
  'path "{{identity.entity.nothing}}" { capabilities = ["read"] }',
  'path "{{identity" { capabilities = ["read"] }',
  '{"path": {"a": {"capabilities": ["read"]}}}',
  '{"path": [{"a": {"capabilities": ["read"]}}]}',
  '{"path": {"a": {"capabilities": ["fly"]}}}',
  '{',
  'cGF0aCAiYSIgeyBjYXBhYmlsaXRpZXMgPSBbInJlYWQiXSB9',
  'path "a" { capabilities = ["read"] } }',
  "path 'a' { capabilities = ['read'] }",
  'path "a" { capabilities = ["read",] }',
  'path "a" = { capabilities = ["read"] }',
  'path "a" { capabilities = ["recover"] }',
  'path "a" { capabilities = ["subscribe"] }',
];

const passwords: readonly unknown[] = [
  rule,
  'length = 3\nrule "charset" { charset = "abc" }',
  'length = 4\nrule "charset" { charset = "abc" }',
  'length = 0\nrule "charset" { charset = "abc" }',
  'length = -1\nrule "charset" { charset = "abc" }',
  'length = "20"\nrule "charset" { charset = "abc" }',
  'length = 101\nrule "charset" { charset = "abc" }',
  'length = 20',
  'rule "charset" { charset = "abc" }',
  'length = 20\nrule "charset" { }',
  'length = 20\nrule "charset" { charset = "" }',
  'length = 20\nrule "charset" { charset = "aaa" }',
  'length = 20\nrule "charset" { charset = "abc" min-chars = 21 }',
  'length = 20\nrule "charset" { charset = "abc" min-chars = -1 }',
  'length = 20\nrule "charset" { charset = "abc" min-chars = "x" }',
  'length = 20\nrule "charset" { charset = "abc" min-chars = 10 } rule "charset" { charset = "def" min-chars = 11 }',
  'length = 20\nrule "charset" { charset = "ünï" }',
  'length = 20\nrule "nothing" { charset = "abc" }',
  'length = 20\nrule { charset = "abc" }',
  '{"length": 20, "rule": [{"charset": {"charset": "abc"}}]}',
  'bGVuZ3RoID0gMjAKcnVsZSAiY2hhcnNldCIgeyBjaGFyc2V0ID0gImFiYyIgfQ==',
  '',
  'x',
];

/** What the one before has done. */
const done = (path: string): Step => get(path, { follows: true });

const told = [get(acl('odd')), list('sys/policies/detailed/acl', { unordered: ['keys'] })];

export const odd: readonly Step[] = [
  ...documents.flatMap((policy) => [post(acl('worded'), { policy }), done(acl('worded')), remove(acl('worded'))]),
  ...wrongly({ step: post(acl('typed'), { policy: read }), after: [get(acl('typed'))] }),
  remove(acl('typed')),
  // Check-and-set.
  post(acl('cas'), { policy: read, cas: 0 }),
  post(acl('cas'), { policy: read, cas: -1 }),
  get(acl('cas')),
  ...[0, 1, 2, '2', 'x', -1, 99].flatMap((cas) => [post(acl('cas'), { policy: read, cas }), get(acl('cas'))]),
  post(acl('cas'), { policy: read, cas_required: true }),
  post(acl('cas'), { policy: read }),
  post(acl('cas'), { policy: read, cas_required: false }),
  get(acl('cas')),
  remove(acl('cas')),
  // Patched.
  post(acl('patched'), { policy: read }),
  ...[{ policy: 'path "a" { capabilities = ["list"] }' }, { cas_required: 'x' }, {}, { policy: '' }, { cas: 99 }]
    .concat([
      { policy: 'x' },
      { expiration: '2100-01-01T00:00:00Z' },
      { ttl: '1h' },
      { policy: 'path "b" { capabilities = ["fly"] }' },
    ] as never[])
    .flatMap((body) => [patch(acl('patched'), body), get(acl('patched'))]),
  post(acl('required'), { policy: read, cas_required: true, cas: -1 }),
  patch(acl('required'), { policy: read }),
  remove(acl('required')),
  post(acl('endless'), { policy: read, ttl: 0 }),
  remove(acl('endless'), { follows: true }),
  patch(acl('none'), { policy: read }),
  patch(acl('root'), { policy: read }),
  patch(acl('default'), { cas_required: true }),
  remove(acl('patched')),
  // Ends.
  ...['2100-01-01T00:00:00Z', '2000-01-01T00:00:00Z', 'x', '', 4_102_444_800].flatMap((expiration) => [
    post(acl('odd'), { policy: read, expiration }),
    ...told,
  ]),
  ...['1h', 60, '-1s', 'x', '100000h'].flatMap((ttl) => [post(acl('odd'), { policy: read, ttl }), get(acl('odd'))]),
  post(acl('odd'), { policy: read, ttl: '1h', expiration: '2100-01-01T00:00:00Z' }),
  remove(acl('odd')),
  // Names.
  ...[
    'a b',
    'a.b',
    'ünï',
    'UPPER',
    'a/b',
    'a/b/c',
    'root',
    'default',
    'response-wrapping',
    ' x ',
    'x'.repeat(200),
    '-',
    '*',
  ]
    .flatMap((name) => [post(acl(name), { policy: read }), get(acl(name)), get(acl(name.toLowerCase()))])
    .filter(({ path }) => path !== acl('default')),
  post(acl('control-group'), { policy: read }),
  get(acl('control-group')),
  remove(acl('control-group')),
  // Lists, in pages and below.
  ...['', '?after=a', '?after=a&limit=2', '?limit=1', '?limit=0', '?limit=-1', '?limit=x', '?after=zzz'].flatMap(
    (query) => [
      list(`sys/policies/acl${query}`, { unordered: ['keys'], wrong: 'pages' }),
      list(`sys/policies/detailed/acl${query}`, { unordered: ['keys'], wrong: 'pages' }),
    ],
  ),
  list(acl('a')),
  list(acl('a/')),
  list(acl('none')),
  list('sys/policies/detailed/acl/a'),
  ...['a b', 'a.b', 'ünï', 'upper', 'a/b', 'a/b/c', 'root', 'default', 'response-wrapping', 'none'].map((name) =>
    remove(acl(name)),
  ),
  // Passwords.
  ...passwords.flatMap((policy) => [post(password('odd'), { policy }), done(password('odd')), remove(password('odd'))]),
  ...wrongly({ step: post(password('typed'), { policy: rule }), after: [get(password('typed'))] }),
  ...['a b', 'a.b', 'UPPER', 'a/b', 'none'].flatMap((name) => [
    post(password(name), { policy: rule }),
    get(password(name)),
    get(`${password(name)}/generate/x`),
  ]),
  get(`${password('none')}/generate`),
  post(`${password('typed')}/generate`, {}),
  ...['', '?after=a', '?limit=1', '?limit=x', '?after=zzz'].map((query) =>
    list(`sys/policies/password${query}`, { unordered: ['keys'], wrong: 'pages' }),
  ),
  remove(password('none')),
  remove(password('a/b')),
  get('sys/policies'),
  list('sys/policies'),
  get('sys/policies/nothing'),
  get('sys/policies/password'),
  patch(password('typed'), { policy: rule }),
];

const NAMES = ['p1', 'p2', 'P3', 'deep/p4', 'none'] as const;

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) =>
    post(acl(draw.of(...NAMES)), {
      policy: draw.of(read, 'path "b" { capabilities = ["list"] }', 'x'),
      ...draw.some({
        cas: draw.of<unknown>(-1, 0, 1, 2),
        cas_required: draw.of(false, false, true),
        ttl: draw.of('1h', '2h'),
      }),
    }),
  (draw) => get(acl(draw.of(...NAMES))),
  (draw) => remove(acl(draw.of(...NAMES))),
  (draw) =>
    patch(acl(draw.of(...NAMES)), {
      cas: draw.of(1, 2, 3),
      ...draw.some({ policy: read, cas_required: draw.of(true, false) }),
    }),
  (draw) => list(`sys/policies/${draw.of('acl', 'detailed/acl')}`, { unordered: ['keys'] }),
  (draw) =>
    post(password(draw.of('w1', 'w2')), {
      policy: draw.of(rule, 'length = 20', 'length = 9\nrule "charset" { charset = "xyz" }'),
    }),
  (draw) => get(password(draw.of('w1', 'w2', 'none'))),
  (draw) => remove(password(draw.of('w1', 'w2', 'none'))),
  () => list('sys/policies/password', { unordered: ['keys'] }),
];

export const step = oneOf(kinds);

const ownWords =
  'a policy shows its version and end only where they were asked for, and the default policy is in words of its own';

export const known: readonly KnownDifference[] = [
  {
    request: /^POST sys\/policies\/acl\/endless$/,
    at: /^status 400\/204$/,
    reason: 'a policy with a `ttl` of 0 does not end',
  },
  {
    request: /^PATCH sys\/policies\/acl\/(default|required)$/,
    at: /^status 200\/400$/,
    reason:
      'a patch of a policy that asks for its version names it too, and the default policy is not patched before it is written',
  },
  {
    request: /^GET sys\/policies\/acl\//,
    at: /allow_\w+_in_identity_templates$|cas_required$|modified$|version$/,
    reason: ownWords,
  },
  { request: /^GET sys\/policies\/acl\/response-wrapping$/, at: /policy$/, reason: ownWords },
  { request: /^LIST sys\/policies\/detailed\/acl/, at: /key_info\.(default|response-wrapping)\./, reason: ownWords },
  {
    request: /^\w+ sys\/policies\/acl\/worded$/,
    at: /^status (204\/400|400\/204)$/,
    reason: 'the path of a rule is not empty, and the capabilities `recover` and `subscribe` of Vault are known',
  },
  {
    request: /^\w+ sys\/policies\/acl\/control-group$/,
    at: anything,
    reason: 'the policy `control-group` is a reserved one, as in Vault’s paid edition',
  },
  {
    request: /^LIST sys\/policies\/(detailed\/)?acl\/a\/?$/,
    at: /key_info\.root$|keys$/,
    reason: 'policies are listed in the order of their names, `root` too, also by GET',
  },
  {
    request: /^LIST sys\/policies\//,
    at: anything,
    wrong: /^pages$/,
    reason: 'policies are listed in pages too',
  },
  {
    request: /^POST sys\/policies\/password\/odd$/,
    at: /^status 204\/400$/,
    reason: 'a rule of a password policy asks for no fewer than no characters',
  },
  {
    request: /^\w+ sys\/policies\/password\/a\/b/,
    at: /^status \d+\/404$/,
    reason: 'the name of a password policy is one segment',
  },
];
