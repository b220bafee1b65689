/** `role/…`. */
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { encodeRecord } from '../../lib/record.ts';
import { mustBeRoleName } from '../role-name.ts';
import { roleDeletion, roleNames, roleReading } from '../role-paths.ts';
import type { JwtMount } from './mount.ts';
import { changedRole, readRole, roleFields, rolesPrefix, shownRole } from './role.ts';

const at = pathsOf<JwtMount>();

const roles = at('role', roleNames(rolesPrefix));

const role = at('role/:name', {
  help: 'Which tokens log in, and what their holders get.',
  fields: { name: field.name('Name of the role.'), ...roleFields },
  exists: ({ view }, { name }) => readRole(view.shared, name) !== undefined,
  operations: {
    read: roleReading({ told: 'any', find: readRole, show: shownRole }),
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { name, ...given }) => {
        mustBeRoleName(name);
        await view.shared.transact((tx) => {
          tx.put(rolesPrefix + name.toLowerCase(), encodeRecord(changedRole(readRole(tx, name), given)));
        });
        return reply.empty;
      },
    },
    delete: roleDeletion(rolesPrefix),
  },
});

export const rolePaths = [roles, role];
