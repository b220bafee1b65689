/** `identity/group-alias`: which group of an auth method an external group stands for. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import type { Call } from '../../framework/call.ts';
import { identityKeys } from './identity-keys.ts';
import { placeOf, showing, type IdentityMount } from './asked.ts';
import { keysBelow } from '../keys-below.ts';
import { detailed } from './lists.ts';
import type { GroupRecord } from './records.ts';
import { aliasFields, groupAliasInfo, shownGroupAlias } from './shown.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  name: field.string('Name of the group at the auth method.'),
  mount_accessor: field.string('Accessor of the auth mount.'),
  canonical_id: field.string('Id of the external group; a new one is made without.'),
} as const;

interface Given {
  readonly name: string | undefined;
  readonly mount_accessor: string | undefined;
  readonly canonical_id: string | undefined;
}

function answer(record: GroupRecord): Reply {
  if (record.alias === undefined) throw fail('internal');
  return reply.ok({ canonical_id: record.id, id: record.alias.id });
}

async function put(mount: IdentityMount, call: Call, values: Given): Promise<Reply> {
  const { name = '', mount_accessor: accessor = '', canonical_id: group } = values;
  if (name === '') throw fail('badRequest', 'missing alias name');
  if (accessor === '') throw fail('badRequest', 'missing mount_accessor');
  const place = placeOf(mount, call, { name, accessor, of: 'group' });
  return answer(await mount.services.identities.groups.putAlias(call.namespace.id, place, group));
}

async function change(mount: IdentityMount, call: Call, id: string, values: Given): Promise<Reply> {
  const known = mount.services.identities.known.groupByAliasId(call.namespace.id, id)?.alias;
  if (known === undefined) throw fail('badRequest', 'invalid group alias ID');
  const { name = known.name, mount_accessor: accessor = known.accessor, canonical_id: group } = values;
  const place = placeOf(mount, call, { name, accessor, of: 'group' });
  return answer(await mount.services.identities.groups.updateAlias(call.namespace.id, id, place, group));
}

const written = {
  200: { canonical_id: field.string('Id of the group.'), id: field.string('Id of the alias.') },
} as const;

const create = at('group-alias', {
  help: 'Says which group of an auth method an external group stands for.',
  fields: { id: field.string('Of the alias to change.'), ...fields },
  operations: {
    update: {
      summary: 'Write a group alias',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) =>
        values.id === undefined || values.id === '' ? put(mount, call, values) : change(mount, call, values.id, values),
    },
  },
});

const byId = at('group-alias/id/:id', {
  help: 'One alias of a group.',
  fields: { id: field.name('Its id.'), ...fields },
  operations: {
    read: {
      summary: 'Read a group alias',
      writes: 'nothing',
      replies: { 200: aliasFields, 404: 'empty' },
      run: (mount, { id }, call) => {
        const owner = mount.services.identities.known.groupByAliasId(call.namespace.id, id);
        if (owner?.alias === undefined) return reply.missing;
        const shown = shownGroupAlias(showing(mount, call), owner.id, owner.alias);
        const info = groupAliasInfo(showing(mount, call), owner.id, owner.alias);
        return reply.ok({ ...info, ...shown, namespace_id: call.namespace.id });
      },
    },
    update: {
      summary: 'Change a group alias',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) => change(mount, call, values.id, values),
    },
    delete: {
      summary: 'Delete a group alias',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { id }, call) => {
        await services.identities.groups.deleteAlias(call.namespace.id, id);
        return reply.empty;
      },
    },
  },
});

const ids = at('group-alias/id', {
  help: 'Ids of all aliases of groups.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List group aliases',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Ids.'), key_info: field.object('By id.') }, 404: 'empty' },
      run: (mount, asked, call) =>
        detailed(keysBelow(mount.services.store, identityKeys(call.namespace.id).groupAliases), asked, (id) => {
          const owner = mount.services.identities.known.groupByAliasId(call.namespace.id, id);
          return owner?.alias === undefined ? undefined : groupAliasInfo(showing(mount, call), owner.id, owner.alias);
        }),
    },
  },
});

export const groupAliasPaths = [create, byId, ids];
