/** `cel/role/…`. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { mustBeMergePatch } from '../../framework/merge-patch.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { encodeRecord } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { mustBeRoleName } from '../role-name.ts';
import { roleDeletion, roleNames, roleReading } from '../role-paths.ts';
import { checkProgram } from './cel-program.ts';
import {
  celRoleFields,
  celRolesPrefix,
  newCelRole,
  patchedCelRole,
  readCelRole,
  shownCelRole,
  type CelRole,
} from './cel-role.ts';
import type { JwtMount } from './mount.ts';

const at = pathsOf<JwtMount>();

const roles = at('cel/role', roleNames(celRolesPrefix));

const shown = {
  name: field.string('Its name.'),
  cel_program: field.object('Its program: expression, and variables where there are any.'),
  message: field.string('What it is for.'),
  bound_audiences: field.list('One of them must be an audience of the token.'),
  expiration_leeway: field.integer('Seconds, as written.'),
  not_before_leeway: field.integer('Seconds, as written.'),
  clock_skew_leeway: field.integer('Seconds, as written.'),
};

function put(tx: Transaction, name: string, role: CelRole): void {
  tx.put(celRolesPrefix + name.toLowerCase(), encodeRecord(role));
}

const UNBOUND =
  'bound_audiences is empty: tokens that name an audience (aud) are refused, since they are for somebody else';

const written = (name: string, role: CelRole): Reply => ({
  ...reply.ok(shownCelRole(role, name)),
  ...(role.boundAudiences.length === 0 ? { warnings: [UNBOUND] } : {}),
});

const role = at('cel/role/:name', {
  help: 'Roles whose logins a program decides, in the Common Expression Language.',
  fields: { name: field.name('Name of the role.'), ...celRoleFields },
  exists: ({ view }, { name }) => readCelRole(view.shared, name) !== undefined,
  operations: {
    read: roleReading({ told: shown, find: readCelRole, show: shownCelRole }),
    update: {
      summary: 'Write a CEL role',
      writes: 'shared',
      replies: { 200: shown },
      run: async ({ view }, { name, ...given }) => {
        mustBeRoleName(name);
        const next = newCelRole(given);
        checkProgram(next.program);
        await view.shared.transact((tx) => {
          put(tx, name, next);
        });
        return written(name, next);
      },
    },
    patch: {
      summary: 'Change some of a CEL role',
      writes: 'shared',
      replies: { 200: shown },
      run: async ({ view }, { name, ...given }, call) => {
        mustBeMergePatch(call);
        const next = await view.shared.transact((tx) => {
          const before = readCelRole(tx, name);
          if (before === undefined) throw fail('badRequest', `there is no CEL role "${name.slice(0, 128)}" to patch`);
          const patched = patchedCelRole(before, given, call.body);
          checkProgram(patched.program);
          put(tx, name, patched);
          return patched;
        });
        return written(name, next);
      },
    },
    delete: roleDeletion(celRolesPrefix),
  },
});

export const celRolePaths = [roles, role];
