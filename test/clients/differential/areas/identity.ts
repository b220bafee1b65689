/** Entities, groups and their aliases, at an auth mount of their own. */
import type { Draw } from '../draw.ts';
import type { Step } from '../step.ts';

const NAMES = ['ann', 'ben', 'cat'] as const;
const GROUPS = ['dev', 'ops', 'all'] as const;

const entity = { method: 'POST', path: 'identity/entity' } as const;
const group = { method: 'POST', path: 'identity/group' } as const;

export const before: readonly Step[] = [
  { method: 'POST', path: 'sys/auth/who', body: { type: 'approle' } },
  { method: 'POST', path: 'sys/auth/other', body: { type: 'approle' } },
  { method: 'GET', path: 'sys/auth', keep: { who: 'data.who/.accessor', other: 'data.other/.accessor' } },
  ...NAMES.map((name): Step => ({ ...entity, body: { name }, keep: { [name]: 'data.id' } })),
  ...GROUPS.map((name): Step => ({ ...group, body: { name }, keep: { [name]: 'data.id' } })),
  { ...group, body: { name: 'ext', type: 'external' }, keep: { ext: 'data.id' } },
];

const name = (draw: Draw): string => draw.of(...NAMES, 'none');
const id = (draw: Draw): string => draw.of('{ann}', '{ben}', '{cat}', 'none');
const groupId = (draw: Draw): string => draw.of('{dev}', '{ops}', '{all}', '{ext}', 'none');
const accessor = (draw: Draw): string => draw.of('{who}', '{who}', '{other}', 'none');
const aliasId = (draw: Draw): string => `{alias${String(draw.number(4))}}`;

const entityFields = (draw: Draw) =>
  draw.some({
    policies: draw.of<unknown>(['reader'], 'reader,maker', [], ['root'], ['Reader']),
    metadata: draw.of<unknown>({ team: 'red' }, { a: 'b', c: 'd' }, ['k=v'], 7),
    disabled: draw.of<unknown>(true, false, 'x'),
  });

const groupFields = (draw: Draw) =>
  draw.some({
    policies: draw.of<unknown>(['reader'], [], ['root']),
    metadata: draw.of<unknown>({ floor: '3' }, { floor: '4' }),
    member_entity_ids: draw.of<unknown>([id(draw)], [], ['{ann}']),
    type: draw.of<unknown>('internal', 'external', 'x'),
  });

const kinds: readonly ((draw: Draw) => Step)[] = [
  (draw) => ({ ...entity, body: { name: draw.of(...NAMES), ...entityFields(draw) } }),
  (draw) => ({ method: 'POST', path: `identity/entity/id/${id(draw)}`, body: entityFields(draw) }),
  (draw) => ({ method: 'POST', path: `identity/entity/name/${draw.of(...NAMES)}`, body: entityFields(draw) }),
  (draw) => ({ method: 'GET', path: `identity/entity/id/${id(draw)}` }),
  (draw) => ({ method: 'GET', path: `identity/entity/name/${draw.of(name(draw), 'ANN')}` }),
  (draw) => ({ ...group, body: { name: draw.of(...GROUPS, 'ext'), ...groupFields(draw) } }),
  (draw) => ({ method: 'POST', path: `identity/group/id/${groupId(draw)}`, body: groupFields(draw) }),
  // A line of groups: no two of them in one.
  (draw) => ({
    method: 'POST',
    path: 'identity/group/id/{all}',
    body: { member_group_ids: draw.of<unknown>(['{dev}'], [], ['{all}'], ['none']) },
  }),
  (draw) => ({
    method: 'POST',
    path: 'identity/group/id/{dev}',
    body: { member_group_ids: [draw.of('{all}', 'none')] },
  }),
  (draw) => ({ method: 'GET', path: `identity/group/id/${groupId(draw)}` }),
  (draw) => ({ method: 'GET', path: `identity/group/name/${draw.of(...GROUPS, 'EXT', 'none')}` }),
  () => ({ method: 'LIST', path: 'identity/group/name' }),
  (draw) => {
    const at = draw.number(4);
    const place = { name: `n${String(at)}`, mount_accessor: accessor(draw), canonical_id: id(draw) };
    const body = { ...place, custom_metadata: draw.of({ k: 'v' }, { k: 'w' }) };
    return { method: 'POST', path: 'identity/entity-alias', body, keep: { [`alias${String(at)}`]: 'data.id' } };
  },
  (draw) => ({
    method: 'POST',
    path: 'identity/entity-alias',
    body: draw.some({ name: 'n0', mount_accessor: 'none' }),
  }),
  (draw) => ({
    method: 'POST',
    path: `identity/entity-alias/id/${aliasId(draw)}`,
    body: draw.some({ custom_metadata: { k: 'v' }, canonical_id: id(draw) }),
  }),
  (draw) => ({ method: 'GET', path: `identity/entity-alias/id/${aliasId(draw)}` }),
  (draw) => ({ method: 'DELETE', path: `identity/entity-alias/id/${aliasId(draw)}` }),
  (draw) => ({
    method: 'POST',
    path: 'identity/group-alias',
    body: { name: 'g', mount_accessor: accessor(draw), canonical_id: draw.of('{ext}', '{dev}', 'none') },
    keep: { groupAlias: 'data.id' },
  }),
  (draw) => ({ method: draw.of('GET', 'DELETE'), path: `identity/group-alias/id/${draw.of('{groupAlias}', 'none')}` }),
  (draw) => ({
    method: 'POST',
    path: `identity/lookup/${draw.of('entity', 'group')}`,
    body: draw.of<unknown>(
      { name: draw.of('ann', 'dev', 'none') },
      { id: draw.of('{ann}', '{dev}', 'none') },
      { alias_id: draw.of(aliasId(draw), '{groupAlias}', 'none') },
      { alias_name: draw.of('n0', 'g'), alias_mount_accessor: '{who}' },
      { name: 'ann', id: '{ann}' },
      {},
    ),
  }),
  (draw) => ({
    method: 'POST',
    path: 'identity/entity/merge',
    body: draw.of<unknown>(
      { from_entity_ids: ['none'], to_entity_id: '{ann}' },
      { to_entity_id: '{ann}' },
      {
        from_entity_ids: ['{ann}'],
        to_entity_id: draw.of('{ann}', 'none', ''),
      },
    ),
  }),
  (draw) => ({ method: 'DELETE', path: `identity/${draw.of('entity', 'group')}/${draw.of('id', 'name')}/none` }),
  (draw) => ({
    method: 'POST',
    path: 'identity/entity/batch-delete',
    body: draw.of<unknown>({}, { entity_ids: ['none'] }),
  }),
];

export const step = (draw: Draw): Step => (kinds[draw.number(kinds.length)] ?? kinds[0])?.(draw) as Step;
