/** `role/…`. */
import { fail, isLockstepError } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { encodeRecord } from '../../lib/record.ts';
import { mustBeRoleName } from '../role-name.ts';
import { roleDeletion, roleNames, roleReading } from '../role-paths.ts';
import { oldTokenFields } from '../token-fields.ts';
import type { AwsMount } from './mount.ts';
import { boundPrincipalOf, isPattern } from './principal.ts';
import { changedRole, readRole, roleFields, rolesPrefix, shownRole, type AwsRole, type GivenRole } from './role.ts';

const at = pathsOf<AwsMount>();

const names = roleNames(rolesPrefix);
const roles = at('roles', names);
const sameRoles = at('role', names);

const shown = {
  ...roleFields,
  bound_iam_principal_id: field.list('Unique ids of those that are bound by their names.'),
  role_id: field.string('An id of its own.'),
};

/** Asked of IAM when the role is written, in the order of what is bound. */
async function uniqueIdsOf(
  mount: AwsMount,
  { bound, resolveUniqueIds }: AwsRole,
  call: Call,
): Promise<readonly string[]> {
  if (!resolveUniqueIds) return [];
  const ids: string[] = [];
  for (const arn of bound) {
    const principal = isPattern(arn) ? undefined : boundPrincipalOf(arn);
    if (principal === undefined) continue;
    const remedy = 'give config/client credentials that may, or set resolve_aws_unique_ids=false';
    const found = await mount.named(principal, call.signal()).catch((error: unknown) => {
      if (!isLockstepError(error, 'issuerUnreachable')) throw error;
      throw fail('badRequest', `unable to resolve ARN "${arn}": ${error.detail ?? error.message}; ${remedy}`, {
        cause: error,
      });
    });
    // A name of another account, or with another path, is somebody else.
    if (found?.arn !== arn) throw fail('badRequest', `unable to resolve ARN "${arn}": IAM has none; ${remedy}`);
    ids.push(found.uniqueId);
  }
  return ids;
}

const isSame = (one: readonly string[], other: readonly string[] | undefined): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

async function written(mount: AwsMount, name: string, given: GivenRole, call: Call): Promise<void> {
  const { shared } = mount.view;
  const roleId = uuid();
  const before = readRole(shared, name);
  const asked = changedRole(before, given, roleId);
  const isResolved = isSame(asked.bound, before?.bound) && asked.resolveUniqueIds === before?.resolveUniqueIds;
  const uniqueIds = isResolved ? asked.uniqueIds : await uniqueIdsOf(mount, asked, call);
  await shared.transact((tx) => {
    const next = changedRole(readRole(tx, name), given, roleId);
    if (!isSame(next.bound, asked.bound) || next.resolveUniqueIds !== asked.resolveUniqueIds) {
      throw fail('conflict', 'the role was changed at the same time: try again');
    }
    tx.put(rolesPrefix + name, encodeRecord({ ...next, uniqueIds } satisfies AwsRole));
  });
}

const role = at('role/:name', {
  help: 'Which users and roles of AWS log in, and what they get.',
  fields: { name: field.name('Name of the role.'), ...roleFields, ...oldTokenFields },
  exists: ({ view }, { name }) => readRole(view.shared, name) !== undefined,
  operations: {
    read: roleReading({ told: shown, find: readRole, show: shownRole }),
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, { name, ...given }, call) => {
        mustBeRoleName(name);
        await written(mount, name.toLowerCase(), given, call);
        return reply.empty;
      },
    },
    delete: roleDeletion(rolesPrefix),
  },
});

export const rolePaths = [roles, sameRoles, role];
