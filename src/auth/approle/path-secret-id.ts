/** `role/…/secret-id…`: issuing, looking up and destroying secret-ids; `tidy/secret-id`. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import { listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { outside, parseCidrs } from '../../lib/cidr.ts';
import { mustReadRole, readRole, type AppRole, type Role } from './role.ts';
import {
  accessorsOf,
  destroy,
  findByAccessor,
  findSecretId,
  issue,
  tidy,
  type Located,
  type SecretId,
  type SecretIdSpec,
} from './secret-id.ts';

const at = pathsOf<AppRole>();

const issuing = {
  role_name: field.name('Name of the role.'),
  metadata: field.string('JSON object of strings: goes into the token and the audit.'),
  cidr_list: field.list('Where the secret-id can be used from.'),
  token_bound_cidrs: field.list('Where its tokens can be used from.'),
  num_uses: field.integer('How often it can be used; by default as the role says.'),
  ttl: field.duration('How long it lives; by default as the role says.'),
};

function metadataOf(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined || text === '') return {};
  return field.map('').coerce(text, 'metadata') ?? {};
}

/** A secret-id may not do more than its role: fewer uses, a shorter life. */
function within(given: number | undefined, limit: number, name: string): number {
  if (given === undefined) return limit;
  if (given < 0) throw fail('badRequest', `${name} cannot be negative`);
  if (limit > 0 && (given === 0 || given > limit)) {
    throw fail('badRequest', `${name} cannot be higher than the role's secret_id_${name}`);
  }
  return given;
}

function specOf(role: Role, values: Values<typeof issuing>): SecretIdSpec {
  const cidrList = values.cidr_list ?? [];
  const tokenBoundCidrs = values.token_bound_cidrs ?? [];
  parseCidrs(cidrList);
  parseCidrs(tokenBoundCidrs);
  if (outside(tokenBoundCidrs, role.token.boundCidrs)) {
    throw fail('badRequest', "token_bound_cidrs must lie within the role's token_bound_cidrs");
  }
  return {
    metadata: metadataOf(values.metadata),
    cidrList,
    tokenBoundCidrs,
    numUses: within(values.num_uses, role.secretIdNumUses, 'num_uses'),
    ttl: within(values.ttl, role.secretIdTtl, 'ttl'),
  };
}

const issuedFields = {
  secret_id: field.secret('The secret-id; it is shown once.'),
  secret_id_accessor: field.string('Its accessor.'),
  secret_id_num_uses: field.integer('How often it can be used.'),
  secret_id_ttl: field.integer('How long it lives, seconds.'),
};

async function answer(mount: AppRole, values: Values<typeof issuing>, call: Call, own?: string): Promise<Reply> {
  const role = mustReadRole(mount.view.shared, values.role_name);
  if (!role.bindSecretId) throw fail('badRequest', 'bind_secret_id is not set on the role: it takes no secret-id');
  const spec = specOf(role, values);
  const issued = await issue(mount, role, own === undefined ? spec : { ...spec, secretId: own }, call.now);
  const data = {
    secret_id: issued.secretId,
    secret_id_accessor: issued.record.accessor,
    secret_id_num_uses: spec.numUses,
    secret_id_ttl: spec.ttl,
  };
  return { ...reply.ok(data), wrappedAccessor: issued.record.accessor };
}

/** Each is a record to read. */
const ACCESSORS_AT_ONCE = 200;

const secretId = at('role/:role_name/secret-id', {
  help: 'Issues a secret-id of a role; lists their accessors.',
  fields: { ...issuing, ...pageFields },
  operations: {
    update: {
      summary: 'Issue a secret-id',
      writes: 'local',
      replies: { 200: issuedFields, 404: 'empty' },
      run: (mount, values, call) => answer(mount, values, call),
    },
    list: {
      summary: 'List accessors',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Accessors.') }, 404: 'empty' },
      run: ({ view }, values) => {
        const role = readRole(view.shared, values.role_name);
        if (role === undefined) return reply.missing;
        return listed({ read: (page) => accessorsOf(view, role, page), atOnce: ACCESSORS_AT_ONCE }, values);
      },
    },
  },
});

const custom = at('role/:role_name/custom-secret-id', {
  help: 'Registers a secret-id that the caller chose.',
  fields: { ...issuing, secret_id: field.secret('The secret-id.') },
  operations: {
    update: {
      summary: 'Register a secret-id',
      writes: 'local',
      replies: { 200: issuedFields, 404: 'empty' },
      run: (mount, values, call) => {
        const own = values.secret_id;
        if (own === undefined || own === '') throw fail('badRequest', 'missing secret_id');
        if (own.length > 4_096) throw fail('badRequest', 'secret_id is longer than 4096 characters');
        return answer(mount, values, call, own);
      },
    },
  },
});

const iso = (ms: number): string => (ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString());

function shown(record: SecretId): JsonObject {
  return {
    cidr_list: record.cidrList,
    creation_time: iso(record.createdAt),
    expiration_time: iso(record.expiresAt),
    last_updated_time: iso(record.updatedAt),
    metadata: record.metadata,
    secret_id_accessor: record.accessor,
    secret_id_num_uses: record.numUses,
    secret_id_ttl: record.ttl,
    token_bound_cidrs: record.tokenBoundCidrs,
  };
}

type Find = (mount: AppRole, role: Role) => Located | undefined;

function lookUp(mount: AppRole, roleName: string, find: Find, absent: () => Reply): Reply {
  const found = find(mount, mustReadRole(mount.view.shared, roleName));
  return found === undefined ? absent() : reply.ok(shown(found.record));
}

async function remove(mount: AppRole, roleName: string, find: Find): Promise<Reply> {
  const role = mustReadRole(mount.view.shared, roleName);
  const found = find(mount, role);
  if (found !== undefined) await destroy(mount.view, found);
  return reply.empty;
}

const byId = {
  role_name: issuing.role_name,
  secret_id: field.required(field.secret('The secret-id.')),
};
const finderById =
  (id: string): Find =>
  ({ view }, role) =>
    findSecretId(view, role, id);

const byAccessor = {
  role_name: issuing.role_name,
  secret_id_accessor: field.required(field.string('The accessor.')),
};
const finderByAccessor =
  (accessor: string): Find =>
  ({ view }, role) =>
    findByAccessor(view, role, accessor);

const lookupId = at('role/:role_name/secret-id/lookup', {
  help: 'What is known of a secret-id.',
  fields: byId,
  operations: {
    update: {
      summary: 'Look a secret-id up',
      writes: 'nothing',
      replies: { 200: 'any', 204: 'empty', 404: 'empty' },
      run: (mount, values) => lookUp(mount, values.role_name, finderById(values.secret_id), () => reply.empty),
    },
  },
});

const destroyOperation = {
  summary: 'Destroy a secret-id',
  writes: 'local' as const,
  replies: { 204: 'empty' as const, 404: 'empty' as const },
};

const destroyId = at('role/:role_name/secret-id/destroy', {
  help: 'Ends a secret-id.',
  fields: byId,
  operations: {
    update: {
      ...destroyOperation,
      run: (mount, values) => remove(mount, values.role_name, finderById(values.secret_id)),
    },
    delete: {
      ...destroyOperation,
      run: (mount, values) => remove(mount, values.role_name, finderById(values.secret_id)),
    },
  },
});

const lookupAccessor = at('role/:role_name/secret-id-accessor/lookup', {
  help: 'What is known of the secret-id of an accessor.',
  fields: byAccessor,
  operations: {
    update: {
      summary: 'Look a secret-id up by its accessor',
      writes: 'nothing',
      replies: { 200: 'any', 404: 'empty' },
      run: (mount, values) =>
        lookUp(mount, values.role_name, finderByAccessor(values.secret_id_accessor), () => {
          // Not repeated: it may be the secret-id itself, sent in the wrong field, and errors stand in clear in the audit.
          throw fail('notFound', 'failed to find accessor entry for secret_id_accessor');
        }),
    },
  },
});

const destroyAccessor = at('role/:role_name/secret-id-accessor/destroy', {
  help: 'Ends the secret-id of an accessor.',
  fields: byAccessor,
  operations: {
    update: {
      ...destroyOperation,
      run: (mount, values) => remove(mount, values.role_name, finderByAccessor(values.secret_id_accessor)),
    },
    delete: {
      ...destroyOperation,
      run: (mount, values) => remove(mount, values.role_name, finderByAccessor(values.secret_id_accessor)),
    },
  },
});

const tidyAll = at('tidy/secret-id', {
  help: 'Deletes secret-ids whose time is over.',
  fields: {},
  operations: {
    update: {
      summary: 'Tidy secret-ids',
      writes: 'local',
      replies: { 202: 'empty' },
      run: async ({ view }, _values, call) => {
        await tidy(view, call.now);
        return { status: 202, warnings: ['Tidy operation successfully completed.'] };
      },
    },
  },
});

export const secretIdPaths = [secretId, custom, lookupId, destroyId, lookupAccessor, destroyAccessor, tidyAll];
