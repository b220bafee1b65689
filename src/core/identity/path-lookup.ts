/** `identity/lookup`: who has this id, name or alias. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field, type Values } from '../../framework/field.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { factorOf } from './factors.ts';
import { mountOfAccessor, type IdentityMount } from './asked.ts';
import { entityReply } from './path-entity.ts';
import { groupReply } from './path-group.ts';
import type { EntityRecord, GroupRecord } from './records.ts';
import { entityFields, groupFields } from './shown.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  id: field.string('Its id.'),
  name: field.string('Its name.'),
  alias_id: field.string('The id of its alias.'),
  alias_name: field.string('The name of its alias, with alias_mount_accessor.'),
  alias_mount_accessor: field.string('The accessor of the mount of alias_name.'),
} as const;

interface Query<T> {
  readonly id: (id: string) => T | undefined;
  readonly name: (name: string) => T | undefined;
  readonly alias_id: (id: string) => T | undefined;
  readonly factor: (factor: string) => T | undefined;
  readonly of: 'entity' | 'group';
}

const isGiven = (value: string | undefined): value is string => value !== undefined && value !== '';

/** By the one thing that is given. Throws `badRequest` when it is none, or more than one. */
function lookUp<T>(mount: IdentityMount, call: Call, values: Values<typeof fields>, query: Query<T>): T | undefined {
  const { alias_name: name, alias_mount_accessor: accessor } = values;
  const byAlias = isGiven(name) || isGiven(accessor);
  const by = (['id', 'name', 'alias_id'] as const).filter((each) => isGiven(values[each]));
  if (by.length + (byAlias ? 1 : 0) === 0) throw fail('badRequest', 'query parameter not supplied');
  if (by.length + (byAlias ? 1 : 0) > 1) {
    throw fail('badRequest', 'query parameter conflict; please supply distinct set of query parameters');
  }
  const [only] = by;
  if (only !== undefined) return query[only](values[only] ?? '');
  if (!isGiven(name) || !isGiven(accessor)) {
    throw fail('badRequest', '"alias_name" and "alias_mount_accessor" go together');
  }
  const record = mountOfAccessor(mount, call, accessor);
  const { region } = mount.services.identities;
  return query.factor(factorOf(record, name, { namespace: call.namespace.id, region, of: query.of }).text);
}

const entity = at('lookup/entity', {
  help: 'Which entity has an id, a name or an alias.',
  fields,
  operations: {
    update: {
      summary: 'Look an entity up',
      writes: 'nothing',
      replies: { 200: entityFields, 204: 'empty' },
      run: (mount, values, call) => {
        const { known } = mount.services.identities;
        const { id: namespace } = call.namespace;
        const found = lookUp<EntityRecord>(mount, call, values, {
          id: (id) => known.entity(namespace, id),
          name: (name) => known.entityByName(namespace, name),
          alias_id: (id) => known.entityByAliasId(namespace, id),
          factor: (factor) => known.entityByFactor(namespace, factor),
          of: 'entity',
        });
        return entityReply(mount, call, found) ?? reply.empty;
      },
    },
  },
});

const group = at('lookup/group', {
  help: 'Which group has an id, a name or an alias.',
  fields,
  operations: {
    update: {
      summary: 'Look a group up',
      writes: 'nothing',
      replies: { 200: groupFields, 204: 'empty' },
      run: (mount, values, call) => {
        const { known } = mount.services.identities;
        const { id: namespace } = call.namespace;
        const found = lookUp<GroupRecord>(mount, call, values, {
          id: (id) => known.group(namespace, id),
          name: (name) => known.groupByName(namespace, name),
          alias_id: (id) => known.groupByAliasId(namespace, id),
          factor: (factor) => known.groupByFactor(namespace, factor),
          of: 'group',
        });
        return groupReply(mount, call, found) ?? reply.empty;
      },
    },
  },
});

export const lookupPaths = [entity, group];
