/** `certs/…`: the roles. */
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import { mustBeRoleName } from '../role-name.ts';
import { roleDeletion, roleNames, roleReading } from '../role-paths.ts';
import type { CertMount } from './mount.ts';
import { changedRole, readRole, roleFields, rolesPrefix, shownRole, type CertRole } from './role.ts';

const at = pathsOf<CertMount>();

const roles = at('certs', roleNames(rolesPrefix));

const { lease: _old, ...told } = roleFields;

/** Whose tokens are not to be shown as something else are shown as the role's, as upstream. */
const named = (role: CertRole, name: string): CertRole =>
  role.displayName === '' ? { ...role, displayName: name.toLowerCase() } : role;

const role = at('certs/:name', {
  help: 'Which certificates log in, and what they get.',
  fields: { name: field.name('Name of the role, in any case.'), ...roleFields },
  exists: ({ view }, { name }) => readRole(view.shared, name) !== undefined,
  operations: {
    read: roleReading({ told, find: readRole, show: shownRole }),
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, { name, ...given }) => {
        mustBeRoleName(name);
        const { checkRole } = await import('./trusted.ts');
        await view.shared.transact((tx) => {
          const before = recordAt<CertRole>(tx, rolesPrefix + name.toLowerCase());
          const changed = named(changedRole(before, given), name);
          checkRole(changed);
          tx.put(rolesPrefix + name.toLowerCase(), encodeRecord(changed));
        });
        return reply.empty;
      },
    },
    delete: roleDeletion(rolesPrefix),
  },
});

export const certPaths = [roles, role];
