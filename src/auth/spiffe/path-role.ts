/** `role/…`. */
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { encodeRecord } from '../../lib/record.ts';
import { mustBeRoleName } from '../role-name.ts';
import { roleDeletion, roleNames, roleReading } from '../role-paths.ts';
import type { SpiffeMount } from './mount.ts';
import { changedRole, readRole, roleFields, rolesPrefix, shownRole } from './role.ts';

const at = pathsOf<SpiffeMount>();

const roles = at('role', roleNames(rolesPrefix));

const data = { name: field.string('Name of the role.'), ...roleFields };

const role = at('role/:name', {
  help: 'Which workloads log in, and what they get.',
  fields: { name: field.name('Name of the role.'), ...roleFields },
  exists: ({ view }, { name }) => readRole(view.shared, name) !== undefined,
  operations: {
    read: roleReading({ told: data, find: readRole, show: (found, name) => shownRole(name, found) }),
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 200: data },
      run: async ({ view }, { name: written, ...given }) => {
        mustBeRoleName(written);
        const name = written.toLowerCase();
        const changed = await view.shared.transact((tx) => {
          const next = changedRole(name, readRole(tx, name), given);
          tx.put(rolesPrefix + name, encodeRecord(next));
          return next;
        });
        return reply.ok(shownRole(name, changed));
      },
    },
    delete: roleDeletion(rolesPrefix),
  },
});

export const rolePaths = [roles, role];
