/** `login`: a role-id and a secret-id for a token. */
import { fail } from '../../errors.ts';
import { field } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import type { Grant, Reply } from '../../framework/reply.ts';
import { inCidrs, intersection } from '../../lib/cidr.ts';
import { boundCidrsFor, grantOf } from '../token-fields.ts';
import { NO_ROLE, roleByRoleId, type AppRole, type Role } from './role.ts';
import { belongsElsewhere, consume, findSecretId, isExpired, type SecretId } from './secret-id.ts';

const at = pathsOf<AppRole>();

/** One answer for all that is wrong with credentials: it tells nobody which half was right. */
const INVALID = 'invalid role or secret ID';
const invalid = () => fail('invalidCredentials', INVALID);

function checkAddress(blocks: readonly string[], address: string): void {
  if (blocks.length > 0 && !inCidrs(blocks, address)) {
    throw fail(
      'badRequest',
      `source address "${address}" unauthorized through CIDR restrictions on the role or secret ID`,
    );
  }
}

/** Without `bind_secret_id` the role-id alone logs in, from the addresses that the role names. */
async function provenBy(
  mount: AppRole,
  role: Role,
  secretId: string | undefined,
  who: { address: string; now: number },
) {
  if (!role.bindSecretId) {
    if (role.secretIdBoundCidrs.length + role.token.boundCidrs.length === 0) throw invalid();
    checkAddress(role.secretIdBoundCidrs, who.address);
    checkAddress(role.token.boundCidrs, who.address);
    return undefined;
  }
  if (secretId === undefined || secretId === '') throw fail('badRequest', 'missing secret_id');
  const found = findSecretId(mount.view, role, secretId);
  if (found === undefined) {
    if (belongsElsewhere(mount.view, secretId)) {
      throw fail('elsewhere', 'this secret_id has a use limit, so the region that issued it must take the login');
    }
    throw invalid();
  }
  if (isExpired(found.record, who.now)) throw invalid();
  checkAddress(found.record.cidrList, who.address);
  checkAddress(role.secretIdBoundCidrs, who.address);
  if (!(await consume(mount, found, who.now))) throw invalid();
  return found.record;
}

function grant(role: Role, proof: SecretId | undefined, address: string): Grant {
  const boundCidrs = boundCidrsFor(role.token, address);
  const common = intersection(boundCidrs, proof?.tokenBoundCidrs ?? []);
  // The role was narrowed since: no address is left.
  if (common.length === 0 && boundCidrs.length > 0) throw fail('badRequest', INVALID);
  return grantOf(role.token, {
    displayName: '',
    role: role.name,
    // Whoever issues secret-ids chooses their metadata: the role is not theirs to say.
    metadata: { ...proof?.metadata, role_name: role.name },
    alias: { name: role.roleId, metadata: { role_name: role.name } },
    internal: { role: role.name },
    boundCidrs: common,
  });
}

const login = at('login', {
  help: 'Logs in with a role-id and a secret-id.',
  access: 'open',
  fields: {
    role_id: field.string('The role-id.'),
    secret_id: field.secret('The secret-id, unless the role does without.'),
  },
  operations: {
    update: {
      summary: 'Log in',
      writes: 'local',
      replies: { 200: 'empty' },
      loginAlias: (mount, { role_id: name = '' }) =>
        name === '' ? undefined : { name, exists: () => roleByRoleId(mount, name) !== undefined },
      run: async (mount, values, call): Promise<Reply> => {
        if (values.role_id === undefined || values.role_id === '') throw fail('badRequest', 'missing role_id');
        // Without a role all goes on, and takes as long, as with one whose secret-id is wrong.
        const role = roleByRoleId(mount, values.role_id) ?? NO_ROLE;
        const who = { address: call.client.address, now: call.now };
        const proof = await provenBy(mount, role, values.secret_id, who);
        return { status: 200, grant: grant(role, proof, who.address) };
      },
    },
  },
});

export const loginPaths = [login];
