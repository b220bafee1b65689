/** `identity/mfa/login-enforcement/…`: which logins need a second factor. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type JsonObject } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import type { Transaction } from '../../storage/store.ts';
import type { IdentityMount } from '../identity/asked.ts';
import { identityKeys } from '../identity/identity-keys.ts';
import type { EnforcementRecord } from './records.ts';

const at = pathsOf<IdentityMount>();

const whose = {
  mfa_method_ids: field.list('Ids of MFA methods: a code of any of them will do.'),
  auth_method_accessors: field.list('Logins by these auth mounts.'),
  auth_method_types: field.list('Logins by auth mounts of these types.'),
  identity_group_ids: field.list('Logins of entities in these groups, or in groups in them.'),
  identity_entity_ids: field.list('Logins of these entities.'),
} as const;

const shown = {
  ...whose,
  id: field.string('Its id.'),
  name: field.string('Its name.'),
  namespace_id: field.string('Of its namespace.'),
  namespace_path: field.string('Of its namespace.'),
};

function shownEnforcement({ namespace }: Call, record: EnforcementRecord): JsonObject {
  const { id, name, methods, accessors, types, groups, entities } = record;
  return {
    ...{ id, name, namespace_id: namespace.id, namespace_path: namespace.path },
    ...{ mfa_method_ids: methods, auth_method_accessors: accessors, auth_method_types: types },
    ...{ identity_group_ids: groups, identity_entity_ids: entities },
  };
}

/** All that it names is there, in its namespace or, but for methods, below: else it would ask less than it seems to. */
function checked({ services }: IdentityMount, { namespace }: Call) {
  const places = [namespace, ...services.namespaces.below(namespace, true)];
  return (record: EnforcementRecord, tx: Transaction): void => {
    const mounts = places.flatMap(({ id }) => services.mounts.all(id)).map((mounted) => mounted.record);
    const auth = mounts.filter(({ table }) => table === 'auth');
    const isThere = (key: (keys: ReturnType<typeof identityKeys>) => string): boolean =>
      places.some(({ id }) => tx.has(key(identityKeys(id))));
    const rules = [
      [record.methods, (id) => services.identities.methods.find(namespace, id, tx) !== undefined, 'method ids', EXIST],
      [record.types, (type) => auth.some((each) => each.type === type), 'auth method types', VALID],
      [record.accessors, (id) => auth.some((each) => each.accessor === id), 'auth method accessors', VALID],
      [record.groups, (id) => isThere((keys) => keys.group(id)), 'group ids', EXIST],
      [record.entities, (id) => isThere((keys) => keys.entity(id)), 'entity ids', EXIST],
    ] as const satisfies readonly (readonly [readonly string[], (each: string) => boolean, string, string])[];
    for (const [given, holds, what, wrong] of rules) {
      if (!given.every(holds)) throw fail('badRequest', `one of the provided ${what} ${wrong}`);
    }
  };
}

const EXIST = "doesn't exist";
const VALID = 'is invalid';

const byName = at('mfa/login-enforcement/:name', {
  help: 'Which logins need a second factor.',
  fields: { ...whose, name: field.name('Its name.') },
  operations: {
    read: {
      summary: 'Read a login enforcement',
      writes: 'nothing',
      replies: { 200: shown, 404: 'empty' },
      run: ({ services }, { name }, call) => {
        const found = services.identities.enforcements.get(call.namespace, name);
        return found === undefined ? reply.missing : reply.ok(shownEnforcement(call, found));
      },
    },
    update: {
      summary: 'Write a login enforcement',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, values, call) => {
        const change = {
          methods: values.mfa_method_ids,
          accessors: values.auth_method_accessors,
          types: values.auth_method_types,
          groups: values.identity_group_ids,
          entities: values.identity_entity_ids,
        };
        const { enforcements } = mount.services.identities;
        await enforcements.put(call.namespace, values.name, change, checked(mount, call));
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a login enforcement',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, { namespace }) => {
        await services.identities.enforcements.delete(namespace, name);
        return reply.empty;
      },
    },
  },
});

const names = at('mfa/login-enforcement', {
  help: 'Login enforcements of this namespace.',
  fields: {},
  operations: {
    list: {
      summary: 'List login enforcements',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.'), key_info: field.object('By name.') }, 404: 'empty' },
      run: ({ services }, _values, call) => {
        const all = services.identities.enforcements.of(call.namespace);
        return reply.keys(
          all.map(({ name }) => name),
          { key_info: Object.fromEntries(all.map((each) => [each.name, shownEnforcement(call, each)])) },
        );
      },
    },
  },
});

export const enforcementPaths = [byName, names];
