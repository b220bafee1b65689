/** `identity/group`: who belongs together, and which policies that gives. */
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { listed, pageFields, type Listing } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import type { GroupChange } from './group-changes.ts';
import { showing, type IdentityMount } from './asked.ts';
import { detailed } from './lists.ts';
import type { GroupRecord } from './records.ts';
import { groupFields, shownGroup } from './shown.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  type: field.string('internal, or external: then an auth method says who is in it.'),
  metadata: field.map('What is known of it; in place of what was.'),
  policies: field.list('Policies of its members.'),
  member_entity_ids: field.list('Ids of the entities in it.'),
  member_group_ids: field.list('Ids of the groups in it: their members are its own.'),
} as const;

interface Given {
  readonly type: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly policies: readonly string[] | undefined;
  readonly member_entity_ids: readonly string[] | undefined;
  readonly member_group_ids: readonly string[] | undefined;
}

const changeOf = (values: Given, name: string | undefined): GroupChange => ({
  type: values.type,
  metadata: values.metadata,
  policies: values.policies,
  memberEntities: values.member_entity_ids,
  memberGroups: values.member_group_ids,
  name: name === '' ? undefined : name,
});

async function write(
  { services }: IdentityMount,
  call: Call,
  id: string | undefined,
  change: GroupChange,
): Promise<Reply> {
  const wanted = id === '' ? undefined : id;
  const { record, made } = await services.identities.groups.put(call.namespace.id, wanted, change);
  return made ? reply.ok({ id: record.id, name: record.name }) : reply.empty;
}

const written = {
  200: { id: field.string('Id of the new group.'), name: field.string('Its name.') },
  204: 'empty',
} as const;

export function groupReply(mount: IdentityMount, call: Call, group: GroupRecord | undefined): Reply | undefined {
  if (group === undefined) return undefined;
  const groups = mount.services.identities.known.groups(call.namespace.id);
  return reply.ok(shownGroup(showing(mount, call), group, groups));
}

const create = at('group', {
  help: 'Makes a group, or changes the one of the name or the id.',
  fields: { id: field.string('Of the group to change.'), name: field.string('Its name.'), ...fields },
  operations: {
    update: {
      summary: 'Write a group',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) => write(mount, call, values.id, changeOf(values, values.name)),
    },
  },
});

const byId = at('group/id/:id', {
  help: 'One group.',
  fields: { id: field.name('Its id.'), name: field.string('Its new name.'), ...fields },
  operations: {
    read: {
      summary: 'Read a group',
      writes: 'nothing',
      replies: { 200: groupFields, 404: 'empty' },
      run: (mount, { id }, call) =>
        groupReply(mount, call, mount.services.identities.known.group(call.namespace.id, id)) ?? reply.missing,
    },
    update: {
      summary: 'Change a group',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) => write(mount, call, values.id, changeOf(values, values.name)),
    },
    delete: {
      summary: 'Delete a group',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { id }, call) => {
        await services.identities.groups.delete(call.namespace.id, id);
        return reply.empty;
      },
    },
  },
});

const byName = at('group/name/:name', {
  help: 'One group.',
  fields: { name: field.name('Its name.'), id: field.string('Taken, without effect: the name says which.'), ...fields },
  operations: {
    read: {
      summary: 'Read a group by its name',
      writes: 'nothing',
      replies: { 200: groupFields, 404: 'empty' },
      run: (mount, { name }, call) => {
        const found = mount.services.identities.known.groupByName(call.namespace.id, name);
        return groupReply(mount, call, found) ?? reply.missing;
      },
    },
    update: {
      summary: 'Write a group by its name',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) => write(mount, call, undefined, changeOf(values, values.name)),
    },
    delete: {
      summary: 'Delete a group by its name',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, call) => {
        const found = services.identities.known.groupByName(call.namespace.id, name);
        if (found !== undefined) await services.identities.groups.delete(call.namespace.id, found.id);
        return reply.empty;
      },
    },
  },
});

/** All of them are in memory. */
function inMemory(names: readonly string[]): Listing {
  const sorted = [...names].sort();
  return {
    read: ({ limit, after }) => sorted.filter((name) => after === undefined || name > after).slice(0, limit),
    atOnce: Number.MAX_SAFE_INTEGER,
  };
}

const ids = at('group/id', {
  help: 'Ids of all groups.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List groups',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Ids.'), key_info: field.object('By id.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) => {
        const groups = services.identities.known.groups(namespace.id);
        return detailed(inMemory(groups.all().map(({ id }) => id)), asked, (id) => {
          const found = groups.get(id);
          if (found === undefined) return undefined;
          const { name, memberEntities } = found;
          return { name, num_member_entities: memberEntities.length, num_parent_groups: groups.parents(id).length };
        });
      },
    },
  },
});

const names = at('group/name', {
  help: 'Names of all groups.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List groups by name',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) =>
        listed(
          inMemory(
            services.identities.known
              .groups(namespace.id)
              .all()
              .map(({ name }) => name),
          ),
          asked,
        ),
    },
  },
});

export const groupPaths = [create, byId, byName, ids, names];
