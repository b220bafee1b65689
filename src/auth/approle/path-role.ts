/** `role/…`: roles, whole and setting by setting. */
import { fail } from '../../errors.ts';
import { field, type Field, type JsonObject, type Values } from '../../framework/field.ts';
import { pathsOf, type Operation } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { parseCidrs } from '../../lib/cidr.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { roleNames } from '../role-paths.ts';
import {
  applyTokenFields,
  NO_TOKEN_SETTINGS,
  shownTokenSettings,
  tokenFields,
  type TokenSettings,
} from '../token-fields.ts';
import {
  deleteRole,
  mustReadRole,
  newRole,
  readRole,
  rolesPrefix,
  writeRole,
  type AppRole,
  type Role,
} from './role.ts';
import { destroyAll } from './secret-id.ts';

const at = pathsOf<AppRole>();

const settings = {
  bind_secret_id: field.boolean('A login needs a secret-id; otherwise an address block must bind it.'),
  secret_id_bound_cidrs: field.list('Where secret-ids can be used from.'),
  bound_cidr_list: field.list('Old name of secret_id_bound_cidrs.'),
  secret_id_num_uses: field.integer('How often a new secret-id can be used; 0 is without limit.'),
  secret_id_ttl: field.duration('How long a new secret-id lives; 0 is without end.'),
  ...tokenFields,
  policies: field.list('Old name of token_policies.'),
  period: field.duration('Old name of token_period.'),
};

const roleField = { role_name: field.name('Name of the role.') };

type Given = Values<typeof settings>;

function apply(before: Role, given: Given): Role {
  const token = applyTokenFields(before.token, {
    ...given,
    token_policies: given.token_policies ?? given.policies,
    token_period: given.token_period ?? given.period,
  });
  const after: Role = {
    ...before,
    bindSecretId: given.bind_secret_id ?? before.bindSecretId,
    secretIdBoundCidrs: given.secret_id_bound_cidrs ?? given.bound_cidr_list ?? before.secretIdBoundCidrs,
    secretIdNumUses: given.secret_id_num_uses ?? before.secretIdNumUses,
    secretIdTtl: given.secret_id_ttl ?? before.secretIdTtl,
    token,
  };
  parseCidrs(after.secretIdBoundCidrs);
  if (after.secretIdNumUses < 0) throw fail('badRequest', 'secret_id_num_uses cannot be negative');
  if (!after.bindSecretId && after.secretIdBoundCidrs.length + after.token.boundCidrs.length === 0) {
    throw fail(
      'badRequest',
      'at least one constraint should be enabled on the role: bind_secret_id, secret_id_bound_cidrs or token_bound_cidrs',
    );
  }
  return after;
}

function shown(role: Role): JsonObject {
  return {
    bind_secret_id: role.bindSecretId,
    local_secret_ids: role.localSecretIds,
    secret_id_bound_cidrs: role.secretIdBoundCidrs.length === 0 ? null : role.secretIdBoundCidrs,
    secret_id_num_uses: role.secretIdNumUses,
    secret_id_ttl: role.secretIdTtl,
    ...shownTokenSettings(role.token),
  };
}

const roles = at('role', roleNames(rolesPrefix));

const role = at('role/:role_name', {
  help: 'One role.',
  fields: {
    ...roleField,
    ...settings,
    role_id: field.string('The role-id; made if not given.'),
    local_secret_ids: field.boolean('Secret-ids stay in the region that issued them.'),
  },
  exists: ({ view }, values) => readRole(view.shared, values.role_name) !== undefined,
  operations: {
    read: {
      summary: 'Read a role',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: ({ view }, values) => {
        const found = readRole(view.shared, values.role_name);
        return found === undefined ? reply.missing : reply.ok(shown(found));
      },
    },
    update: {
      summary: 'Write a role',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, values): Promise<Reply> => {
        const fresh = newRole(values.role_name, values.role_id ?? uuid());
        await view.shared.transact((tx) => {
          const before = readRole(tx, values.role_name);
          const moved = values.local_secret_ids !== undefined && values.local_secret_ids !== before?.localSecretIds;
          if (before !== undefined && moved) {
            throw fail('badRequest', 'local_secret_ids can only be modified during role creation');
          }
          const base = before ?? { ...fresh, localSecretIds: values.local_secret_ids ?? false };
          writeRole(view, tx, apply({ ...base, roleId: values.role_id ?? base.roleId }, values));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a role and its secret-ids',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, values) => {
        const name = values.role_name.toLowerCase();
        await view.shared.transact((tx) => {
          deleteRole(view, tx, name);
        });
        await destroyAll(view, name);
        return reply.empty;
      },
    },
  },
});

const roleId = at('role/:role_name/role-id', {
  help: 'The role-id of a role.',
  fields: { ...roleField, role_id: field.string('The new role-id.') },
  operations: {
    read: {
      summary: 'Read the role-id',
      writes: 'nothing',
      replies: { 200: { role_id: field.string('The role-id.') }, 404: 'empty' },
      run: ({ view }, values) => {
        const found = readRole(view.shared, values.role_name);
        return found === undefined ? reply.missing : reply.ok({ role_id: found.roleId });
      },
    },
    update: {
      summary: 'Choose the role-id',
      writes: 'shared',
      replies: { 204: 'empty', 404: 'empty' },
      run: async ({ view }, values) => {
        const wanted = values.role_id;
        if (wanted === undefined || wanted === '') throw fail('badRequest', 'missing role_id');
        await view.shared.transact((tx) => {
          writeRole(view, tx, { ...mustReadRole(tx, values.role_name), roleId: wanted });
        });
        return reply.empty;
      },
    },
  },
});

/** Every field with the name that a single setting's path has. */
type Setting = {
  readonly name: string;
  readonly field: Field<unknown>;
  readonly read: (role: Role) => unknown;
  /** Absent where the setting is chosen once, when the role is made. */
  readonly reset?: (role: Role) => Role;
};

const token = (role: Role, change: Partial<TokenSettings>): Role => ({ ...role, token: { ...role.token, ...change } });

const singles: readonly Setting[] = [
  {
    name: 'policies',
    field: settings.token_policies,
    read: (role) => role.token.policies,
    reset: (role) => token(role, { policies: NO_TOKEN_SETTINGS.policies }),
  },
  {
    name: 'secret-id-num-uses',
    field: settings.secret_id_num_uses,
    read: (role) => role.secretIdNumUses,
    reset: (role) => ({ ...role, secretIdNumUses: 0 }),
  },
  {
    name: 'secret-id-ttl',
    field: settings.secret_id_ttl,
    read: (role) => role.secretIdTtl,
    reset: (role) => ({ ...role, secretIdTtl: 0 }),
  },
  {
    name: 'token-ttl',
    field: settings.token_ttl,
    read: (role) => role.token.ttl,
    reset: (role) => token(role, { ttl: 0 }),
  },
  {
    name: 'token-max-ttl',
    field: settings.token_max_ttl,
    read: (role) => role.token.maxTtl,
    reset: (role) => token(role, { maxTtl: 0 }),
  },
  {
    name: 'token-num-uses',
    field: settings.token_num_uses,
    read: (role) => role.token.numUses,
    reset: (role) => token(role, { numUses: 0 }),
  },
  {
    name: 'bind-secret-id',
    field: settings.bind_secret_id,
    read: (role) => role.bindSecretId,
    reset: (role) => ({ ...role, bindSecretId: true }),
  },
  {
    name: 'secret-id-bound-cidrs',
    field: settings.secret_id_bound_cidrs,
    read: (role) => role.secretIdBoundCidrs,
    reset: (role) => ({ ...role, secretIdBoundCidrs: [] }),
  },
  {
    name: 'bound-cidr-list',
    field: settings.bound_cidr_list,
    read: (role) => role.secretIdBoundCidrs,
    reset: (role) => ({ ...role, secretIdBoundCidrs: [] }),
  },
  {
    name: 'token-bound-cidrs',
    field: settings.token_bound_cidrs,
    read: (role) => role.token.boundCidrs,
    reset: (role) => token(role, { boundCidrs: [] }),
  },
  {
    name: 'period',
    field: settings.token_period,
    read: (role) => role.token.period,
    reset: (role) => token(role, { period: 0 }),
  },
  {
    name: 'local-secret-ids',
    field: field.boolean('Secret-ids stay in the region that issued them; chosen when the role is made.'),
    read: (role) => role.localSecretIds,
  },
];

/** The name under which a path's own value comes: `secret-id-ttl` as `secret_id_ttl`, `policies` as `token_policies` too. */
function fieldNames(name: string): readonly string[] {
  const own = name.replaceAll('-', '_');
  return name === 'policies' || name === 'period' ? [`token_${own}`, own] : [own];
}

function singlePath(single: Setting) {
  const { reset } = single;
  const names = fieldNames(single.name);
  const given = reset === undefined ? {} : Object.fromEntries(names.map((each) => [each, single.field]));
  const fields = { ...roleField, ...given };
  return at(`role/:role_name/${single.name}`, {
    help: `${single.field.help} Of one role.`,
    fields,
    operations: {
      read: {
        summary: 'Read the setting',
        writes: 'nothing',
        replies: { 200: 'any', 404: 'empty' },
        run: ({ view }, values) => {
          const found = readRole(view.shared, values.role_name);
          if (found === undefined) return reply.missing;
          const value = single.read(found);
          return reply.ok(Object.fromEntries(names.map((each) => [each, value])));
        },
      },
      ...(reset === undefined ? {} : changes(names, reset)),
    },
  });
}

type Change = Operation<Values<typeof roleField>, AppRole>;

/** Writing a setting, and giving it back. */
function changes(
  names: readonly string[],
  reset: (role: Role) => Role,
): { readonly update: Change; readonly delete: Change } {
  const [name = ''] = names.slice(-1);
  return {
    update: {
      summary: 'Write the setting',
      writes: 'shared',
      replies: { 204: 'empty', 404: 'empty' },
      run: async ({ view }, values) => {
        const given = values as unknown as JsonObject;
        if (names.every((each) => given[each] === undefined)) throw fail('badRequest', `missing ${name}`);
        await view.shared.transact((tx) => {
          writeRole(view, tx, apply(mustReadRole(tx, values.role_name), given as unknown as Given));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Give the setting back to its default',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ view }, values) => {
        await view.shared.transact((tx) => {
          const role = readRole(tx, values.role_name);
          if (role !== undefined) writeRole(view, tx, apply(reset(role), {} as Given));
        });
        return reply.empty;
      },
    },
  };
}

export const rolePaths = [roles, role, roleId, ...singles.map(singlePath)];
