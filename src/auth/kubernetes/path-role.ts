/** `role/…`. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { encodeRecord } from '../../lib/record.ts';
import { checkVersion } from '../../framework/check-version.ts';
import { mustBeRoleName } from '../role-name.ts';
import { roleDeletion, roleNames, roleReading } from '../role-paths.ts';
import type { KubernetesMount } from './mount.ts';
import { changedRole, readRole, roleFields, rolesPrefix, shownRole, warningsOf } from './role.ts';

const at = pathsOf<KubernetesMount>();

const roles = at('role', roleNames(rolesPrefix));

const cas = field.integer('0: only where there is no such role yet. Nothing else: a role shows no version.');

/** Clients compare what they read of a role with what they want it to be: a version in it would look like a change. */
function checkNew(given: number | undefined, isThere: boolean): void {
  if (given !== undefined && given !== 0) {
    throw fail('badRequest', 'cas of a role can only be 0: it is made where there is none, and has no version');
  }
  checkVersion({ cas: given, version: isThere ? 1 : 0 });
}

const role = at('role/:name', {
  help: 'Which service accounts log in, and what they get.',
  fields: { name: field.name('Name of the role.'), ...roleFields, cas },
  exists: ({ view }, { name }) => readRole(view.shared, name) !== undefined,
  operations: {
    read: roleReading({ told: 'any', find: readRole, show: shownRole }),
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: async ({ view, config }, { name, cas: replaced, ...given }) => {
        mustBeRoleName(name);
        const warnings = await view.shared.transact((tx) => {
          const before = readRole(tx, name);
          checkNew(replaced, before !== undefined);
          const changed = changedRole(before, given, config);
          tx.put(rolesPrefix + name.toLowerCase(), encodeRecord(changed));
          return warningsOf(changed);
        });
        return warnings.length === 0 ? reply.empty : { status: 200, warnings };
      },
    },
    delete: roleDeletion(rolesPrefix),
  },
});

export const rolePaths = [roles, role];
