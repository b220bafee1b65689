/** `identity/alias`, the old name of entity aliases, and what no draw comes upon of groups by their names. */
import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import { get, list, patch, post, remove, type Step } from '../step.ts';
import { wrongly } from '../wrong.ts';
import { oneOf } from './area.ts';

export const before: readonly Step[] = [
  post('sys/auth/who', { type: 'approle' }),
  post('sys/auth/other', { type: 'approle' }),
  get('sys/auth', { keep: { who: 'data.who/.accessor', other: 'data.other/.accessor' } }),
  ...['ann', 'ben'].map((name) => post('identity/entity', { name }, { keep: { [name]: 'data.id' } })),
  post('identity/group', { name: 'dev' }, { keep: { dev: 'data.id' } }),
  post('identity/group', { name: 'ext', type: 'external' }, { keep: { ext: 'data.id' } }),
];

const BASES = ['identity/alias', 'identity/entity-alias'] as const;
const alias = (base: string, body: object, keep = 'alias'): Step =>
  post(base, body, { keep: { [keep]: 'data.id', [`${keep}Of`]: 'data.canonical_id' } });

export const odd: readonly Step[] = [
  ...BASES.flatMap((base): readonly Step[] => [
    list(`${base}/id`),
    get(base),
    ...[
      {},
      { name: 'a' },
      { mount_accessor: '{who}' },
      { name: '', mount_accessor: '{who}' },
      { name: 'a', mount_accessor: 'none' },
      { name: 'a', mount_accessor: '{who}', canonical_id: 'none' },
      { name: 'a', mount_accessor: '{who}', entity_id: 'none' },
      { id: 'none', name: 'a', mount_accessor: '{who}' },
    ].map((body) => post(base, body)),
    alias(base, { name: 'a', mount_accessor: '{who}', entity_id: '{ann}' }),
    get(`${base}/id/{alias}`),
    alias(base, { name: 'a', mount_accessor: '{who}', canonical_id: '{ann}' }),
    alias(base, { name: 'a', mount_accessor: '{who}', canonical_id: '{ben}' }),
    get(`${base}/id/{alias}`),
    alias(base, { name: 'b', mount_accessor: '{other}' }, 'made'),
    get(`${base}/id/{made}`),
    get('identity/entity/id/{madeOf}'),
    ...BASES.flatMap((other) => [`${other}/id`, `${other}/id/`].map((path) => list(path, { unordered: ['keys'] }))),
    post(`${base}/id/{alias}`, { name: 'c', mount_accessor: '{who}', canonical_id: '{ann}' }),
    get(`${base}/id/{alias}`),
    post(`${base}/id/{alias}`, { mount_accessor: '{other}' }),
    get(`${base}/id/{alias}`),
    post(`${base}/id/none`, { name: 'c', mount_accessor: '{who}' }),
    post(`${base}/id/{alias}`, {}),
    get(`${base}/id/{alias}`),
    patch(`${base}/id/{alias}`, { name: 'x' }),
    get(`${base}/id/none`),
    get(`${base}/id`),
    get(`${base}/id/`),
    remove(`${base}/id/none`),
    remove(`${base}/id/{alias}`),
    get(`${base}/id/{alias}`),
    remove(`${base}/id/{made}`),
    remove('identity/entity/id/{madeOf}'),
    ...wrongly({
      step: alias(base, { name: 'typed', mount_accessor: '{who}', canonical_id: '{ann}' }),
      after: [get(`${base}/id/{alias}`)],
      methods: ['GET', 'DELETE', 'PATCH'],
    }),
    remove(`${base}/id/{alias}`),
  ]),
  // Groups by their names, and their aliases.
  ...[{}, { policies: ['a'] }, { metadata: { a: 'b' } }, { id: 'none' }, { id: '{dev}' }, { name: 'other' }].flatMap(
    (body) => [
      post('identity/group/name/dev', body),
      get('identity/group/name/dev'),
      post('identity/group/name/new', body, { keep: { new: 'data.id' } }),
      get('identity/group/name/new', { follows: true }),
      remove('identity/group/name/new'),
    ],
  ),
  post('identity/group/name/ext', { member_entity_ids: ['{ann}'] }),
  post('identity/group/name/ext', { type: 'internal' }),
  post('identity/group/name/dev', { member_group_ids: ['{dev}'] }),
  post('identity/group/name/typed', {}, { keep: { typed: 'data.id' } }),
  ...wrongly({
    step: post('identity/group/name/typed', {
      policies: ['a'],
      metadata: { a: 'b' },
      member_entity_ids: ['{ann}'],
      type: 'internal',
    }),
    after: [get('identity/group/name/typed')],
    fixed: ['member_entity_ids'],
    methods: ['PATCH'],
  }),
  ...wrongly({
    step: post(
      'identity/group-alias',
      { name: 'g', mount_accessor: '{who}', canonical_id: '{ext}' },
      { keep: { groupAlias: 'data.id' } },
    ),
    after: [get('identity/group-alias/id/{groupAlias}')],
    methods: ['GET', 'DELETE', 'PATCH'],
  }),
  post('identity/group-alias/id/{groupAlias}', { name: 'h', mount_accessor: '{who}' }),
  get('identity/group-alias/id/{groupAlias}'),
  post('identity/group-alias/id/none', { name: 'h', mount_accessor: '{who}' }),
  list('identity/group-alias/id'),
  remove('identity/group-alias/id/{groupAlias}'),
  get('identity/group-alias/id/{groupAlias}'),
];

export const step = oneOf([
  (draw: Draw) =>
    alias(
      draw.of(...BASES),
      { name: draw.of('a', 'b'), mount_accessor: draw.of('{who}', '{other}'), canonical_id: draw.of('{ann}', '{ben}') },
      draw.of('x', 'y'),
    ),
  (draw: Draw) => get(`${draw.of(...BASES)}/id/{${draw.of('x', 'y')}}`),
  (draw: Draw) => remove(`${draw.of(...BASES)}/id/{${draw.of('x', 'y')}}`),
]);

export const drawn = 150;

export const known: readonly KnownDifference[] = [
  {
    request: /^GET sys\/auth$/,
    at: /\.options$/,
    reason: 'options of a mount without any are null, as in Vault',
  },
  {
    request: /^GET identity\/entity\/id\//,
    at: /^body\.data\.name$/,
    reason: 'an entity that a login or an alias makes is named as in Vault, without its namespace',
  },
  {
    request: /^(GET|POST) identity\/group\/name\//,
    at: /\.(policies|member_entity_ids|modify_index)$/,
    reason: 'an empty list of a group is null, and its index counts what is asked of the group itself',
  },
  {
    request: /^POST identity\/group\/name\/typed$/,
    at: /^status (204\/400|400\/204)$/,
    wrong: /^(list as \{\}|(object|string) as "")$/,
    reason:
      'a text without letters is a map without members, and the type of a group that is not given; an object is no list',
  },
  {
    request: /^(GET|LIST) identity\/(entity-)?alias\/id/,
    at: /custom_metadata$/,
    reason: 'an alias without custom_metadata shows an object without members, also once it was changed',
  },
  {
    request: /^POST identity\/group\/name\/new$/,
    at: /^body\.warnings$/,
    reason: 'what the path names is not read from the body, without a warning',
  },
];
