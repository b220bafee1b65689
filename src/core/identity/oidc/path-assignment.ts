/** `identity/oidc/assignment`: who may log in to a client. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';
import { listed, pageFields } from '../../../framework/listing.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply } from '../../../framework/reply.ts';
import type { IdentityMount } from '../asked.ts';
import { memberIds } from '../records.ts';
import { changeOidc, checkName, namesListing } from './oidc-store.ts';
import { ALLOW_ALL } from './records.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  entity_ids: field.list('Ids of entities.'),
  group_ids: field.list('Ids of groups.'),
} as const;

const ids = (given: readonly string[]): readonly string[] => [...memberIds(given.map((id) => id.toLowerCase()))].sort();

const assignment = at('oidc/assignment/:name', {
  help: 'Entities and groups that may log in to a client.',
  fields: { name: field.name('Name of the assignment.'), ...fields },
  exists: ({ services }, { name }, { namespace }) =>
    services.identities.oidc.records(namespace.id).get('assignment', name) !== undefined,
  operations: {
    read: {
      summary: 'Read an assignment',
      writes: 'nothing',
      replies: { 200: fields, 404: 'empty' },
      run: ({ services }, { name }, { namespace }) => {
        const found = services.identities.oidc.records(namespace.id).get('assignment', name);
        return found === undefined
          ? reply.missing
          : reply.ok({ entity_ids: found.entityIds, group_ids: found.groupIds });
      },
    },
    update: {
      summary: 'Write an assignment',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name, entity_ids: entities, group_ids: groups }, { namespace }) => {
        if (name === ALLOW_ALL) throw fail('badRequest', `modification of assignment "${ALLOW_ALL}" not allowed`);
        checkName('assignment', name);
        await changeOidc(services.store, namespace.id, (writes) => {
          const before = writes.get('assignment', name) ?? { entityIds: [], groupIds: [] };
          writes.put('assignment', name, {
            entityIds: entities === undefined ? before.entityIds : ids(entities),
            groupIds: groups === undefined ? before.groupIds : ids(groups),
          });
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete an assignment',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, { namespace }) => {
        if (name === ALLOW_ALL) throw fail('badRequest', `deletion of assignment "${ALLOW_ALL}" not allowed`);
        await changeOidc(services.store, namespace.id, (writes) => {
          const users = writes.namesOf('client', ({ assignments }) => assignments.includes(name));
          if (users.length > 0) {
            const why = `it is currently referenced by these clients: ${users.join(', ')}`;
            throw fail('badRequest', `unable to delete assignment "${name}" because ${why}`);
          }
          writes.delete('assignment', name);
        });
        return reply.empty;
      },
    },
  },
});

const names = at('oidc/assignment', {
  help: 'Names of all assignments.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List assignments',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) =>
        listed(namesListing(services.store, namespace.id, 'assignment'), asked),
    },
  },
});

export const assignmentPaths = [assignment, names];
