/** What a token may do at a path, asked of it, of its accessor and of itself. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, post, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

const documents = {
  reader: 'path "kv/*" { capabilities = ["read", "list"] }',
  plus: 'path "kv/+/x" { capabilities = ["create", "update"] } path "kv/a/x" { capabilities = ["delete"] }',
  deny: 'path "kv/secret" { capabilities = ["deny", "read"] } path "kv/secret/*" { capabilities = ["deny"] }',
  sudo: 'path "sys/*" { capabilities = ["sudo", "read"] } path "auth/token/create" { capabilities = ["update"] }',
  old: 'path "old/r" { policy = "read" } path "old/w" { policy = "write" } path "old/s" { policy = "sudo" } path "old/d" { policy = "deny" }',
  params:
    'path "kv/p" { capabilities = ["create"] allowed_parameters = { "a" = ["b"] } denied_parameters = { "c" = [] } }',
  own: 'path "identity/{{identity.entity.id}}/*" { capabilities = ["read"] } path "cubbyhole/*" { capabilities = ["patch", "scan"] }',
  overlap:
    'path "kv/a*" { capabilities = ["update"] } path "kv/ab*" { capabilities = ["patch"] } path "kv/+" { capabilities = ["scan"] }',
  all: 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "patch", "scan", "sudo"] }',
} as const;
const NAMES = Object.keys(documents) as [string, ...string[]];

const made = (name: string, policies: readonly string[], more: object = {}): Step =>
  post(
    'auth/token/create',
    { policies, no_default_policy: true, ...more },
    { keep: { [name]: 'auth.client_token', [`${name}Accessor`]: 'auth.accessor' } },
  );

export const before: readonly Step[] = [
  post('sys/mounts/kv', { type: 'kv' }),
  post('sys/namespaces/team', undefined, { keep: { team: 'data.id' } }),
  ...Object.entries(documents).map(([name, policy]) => post(`sys/policies/acl/${name}`, { policy })),
  post('team/sys/policies/acl/reader', { policy: documents.reader }),
  ...NAMES.map((name) => made(name, [name])),
  made('mixed', ['reader', 'plus', 'deny', 'overlap']),
  made('usual', ['default'], { no_default_policy: false }),
  made('batch', ['reader'], { type: 'batch', ttl: '1h' }),
  made('none', ['missing']),
  post(
    'team/auth/token/create',
    { policies: ['reader'] },
    { keep: { inner: 'auth.client_token', innerAccessor: 'auth.accessor' } },
  ),
];

const TOKENS = [...NAMES, 'mixed', 'usual', 'batch', 'none', 'inner'] as [string, ...string[]];
const PATHS = [
  'kv/a',
  'kv/a/',
  'kv/a/x',
  'kv/ab',
  'kv/abc',
  'kv/b/x',
  'kv/secret',
  'kv/secret/deep',
  'kv',
  'kv/',
  '/kv/a',
  'kv//a',
]
  .concat([
    'old/r',
    'old/w',
    'old/s',
    'old/d',
    'sys/mounts',
    'sys/raw/a',
    'sys/seal',
    'auth/token/create',
    'auth/token/lookup-self',
  ])
  .concat([
    'kv/p',
    'identity/x/y',
    'cubbyhole/a',
    '*',
    '+',
    'kv/*',
    'team/kv/a',
    'sys/policies/acl',
    'nothing/at/all',
    'root',
  ]);

const asked = ['sys/capabilities', 'sys/capabilities-accessor', 'sys/capabilities-self'] as const;

export const odd: readonly Step[] = [
  ...TOKENS.flatMap((name): readonly Step[] => [
    post('sys/capabilities', { token: `{${name}}`, paths: PATHS }),
    post('sys/capabilities-accessor', { accessor: `{${name}Accessor}`, paths: PATHS }),
    post('sys/capabilities-self', { paths: PATHS }, { token: `{${name}}` }),
  ]),
  post('sys/capabilities-self', { paths: PATHS }),
  ...PATHS.map((path) => post('sys/capabilities', { token: '{mixed}', path })),
  ...wrongly({
    step: post('sys/capabilities', { token: '{mixed}', paths: ['kv/a', 'kv/b'] }),
    methods: ['GET', 'LIST', 'DELETE'],
  }),
  ...wrongly({ step: post('sys/capabilities', { token: '{mixed}', path: 'kv/a' }) }),
  ...wrongly({
    step: post('sys/capabilities-accessor', { accessor: '{mixedAccessor}', paths: ['kv/a'] }),
    methods: ['GET', 'DELETE'],
  }),
  ...wrongly({ step: post('sys/capabilities-self', { paths: ['kv/a'] }), methods: ['GET', 'LIST', 'DELETE'] }),
  ...asked.map((path) => post(path, { token: '{mixed}', accessor: '{mixedAccessor}', path: 'kv/a', paths: ['kv/b'] })),
  ...asked.map((path) =>
    post(path, { token: '{reader}', accessor: '{readerAccessor}', paths: ['kv/a'] }, { token: '{usual}' }),
  ),
  ...asked.map((path) =>
    post(path, { token: '{reader}', accessor: '{readerAccessor}', paths: ['kv/a'] }, { token: '' }),
  ),
  ...asked.map((path) => post(path, { token: 'none', accessor: 'none', paths: ['kv/a'] })),
  ...asked.map((path) =>
    post(
      path,
      { token: '{inner}', accessor: '{innerAccessor}', paths: ['kv/a'] },
      { headers: { 'X-Vault-Namespace': 'team' } },
    ),
  ),
  post('sys/capabilities', { token: '{reader}', paths: ['kv/a', 'kv/a', 'capabilities'] }),
  ...asked.map((path) => post(path, { token: '{mixed}', accessor: '{mixedAccessor}', paths: ['kv/a', ''] })),
  get('sys/internal/ui/resultant-acl', { token: '{reader}' }),
];

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => post('sys/capabilities', { token: `{${draw.of(...TOKENS)}}`, paths: some(draw) }),
  (draw) => post('sys/capabilities-accessor', { accessor: `{${draw.of(...TOKENS)}Accessor}`, paths: some(draw) }),
  (draw) => post('sys/capabilities-self', { paths: some(draw) }, { token: `{${draw.of(...TOKENS)}}` }),
  (draw) => {
    const policies = NAMES.filter(() => draw.chance(3));
    return made('mixed', policies.length === 0 ? ['reader'] : policies);
  },
];

const some = (draw: Draw): readonly string[] => PATHS.filter(() => draw.chance(4));

export const step = oneOf(kinds);

export const known: readonly KnownDifference[] = [
  {
    request: /^POST sys\/capabilities(-accessor)?$/,
    at: /^status 200\/400$/,
    reason: 'a token is found in its own namespace alone, also by who asks from above',
  },
];
