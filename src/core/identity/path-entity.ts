/** `identity/entity`: made, read, changed, merged, deleted. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { recordAt } from '../../lib/record.ts';
import type { EntityChange } from './entity-changes.ts';
import { identityKeys, nameInKey } from './identity-keys.ts';
import { showing, type IdentityMount } from './asked.ts';
import type { NameEntry } from './identity-store.ts';
import { keysBelow } from '../keys-below.ts';
import { detailed, named } from './lists.ts';
import { mergeEntities } from './merge.ts';
import type { EntityRecord } from './records.ts';
import { entityFields, shownEntity } from './shown.ts';

const at = pathsOf<IdentityMount>();

/** Deletions in one transaction. */
const MOST_AT_ONCE = 10_000;

const fields = {
  metadata: field.map('What is known of it; in place of what was.'),
  policies: field.list('Policies of its tokens, beside their own.'),
  disabled: field.boolean('Whether its tokens are refused.'),
} as const;

interface Given {
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly policies: readonly string[] | undefined;
  readonly disabled: boolean | undefined;
}

const changeOf = ({ metadata, policies, disabled }: Given, name: string | undefined): EntityChange => ({
  ...{ metadata, policies, disabled },
  name: name === '' ? undefined : name,
});

async function write(
  { services }: IdentityMount,
  call: Call,
  id: string | undefined,
  change: EntityChange,
): Promise<Reply> {
  const wanted = id === '' ? undefined : id;
  const { record, made } = await services.identities.entities.put(call.namespace.id, wanted, change);
  return made ? reply.ok({ aliases: null, id: record.id, name: record.name }) : reply.empty;
}

const written = {
  200: {
    aliases: field.list('None yet.'),
    id: field.string('Id of the new entity.'),
    name: field.string('Its name.'),
  },
  204: 'empty',
} as const;

export function entityReply(mount: IdentityMount, call: Call, entity: EntityRecord | undefined): Reply | undefined {
  if (entity === undefined) return undefined;
  return reply.ok(shownEntity(showing(mount, call), entity, mount.services.identities.known));
}

/** One that this region has made for itself too; not one that was merged into another. */
function currentById({ services }: IdentityMount, { namespace }: Call, id: string): EntityRecord | undefined {
  const found = services.identities.known.identity(namespace.id, id)?.record;
  return found?.id === id ? found : undefined;
}

const create = at('entity', {
  help: 'Makes an entity, or changes the one of the name or the id.',
  fields: { id: field.string('Of the entity to change.'), name: field.string('Its name.'), ...fields },
  operations: {
    update: {
      summary: 'Write an entity',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) => write(mount, call, values.id, changeOf(values, values.name)),
    },
  },
});

const byId = at('entity/id/:id', {
  help: 'One entity.',
  fields: { id: field.name('Its id.'), name: field.string('Its new name.'), ...fields },
  operations: {
    read: {
      summary: 'Read an entity',
      writes: 'nothing',
      replies: { 200: entityFields, 404: 'empty' },
      run: (mount, { id }, call) => entityReply(mount, call, currentById(mount, call, id)) ?? reply.missing,
    },
    update: {
      summary: 'Change an entity',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) => write(mount, call, values.id, changeOf(values, values.name)),
    },
    delete: {
      summary: 'Delete an entity',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { id }, call) => {
        await services.identities.entities.delete(call.namespace.id, [id]);
        return reply.empty;
      },
    },
  },
});

const byName = at('entity/name/:name', {
  help: 'One entity.',
  fields: { name: field.name('Its name.'), id: field.string('Its id, to give it this name.'), ...fields },
  operations: {
    read: {
      summary: 'Read an entity by its name',
      writes: 'nothing',
      replies: { 200: entityFields, 404: 'empty' },
      run: (mount, { name }, call) => {
        const found = mount.services.identities.known.entityByName(call.namespace.id, name);
        return entityReply(mount, call, found) ?? reply.missing;
      },
    },
    update: {
      summary: 'Write an entity by its name',
      writes: 'shared',
      replies: written,
      run: (mount, values, call) => write(mount, call, values.id, changeOf(values, values.name)),
    },
    delete: {
      summary: 'Delete an entity by its name',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { name }, call) => {
        const found = services.identities.known.entityByName(call.namespace.id, name);
        if (found !== undefined) await services.identities.entities.delete(call.namespace.id, [found.id]);
        return reply.empty;
      },
    },
  },
});

const ids = at('entity/id', {
  help: 'Ids of all entities.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List entities',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Ids.'), key_info: field.object('By id: its name.') }, 404: 'empty' },
      run: ({ services }, asked, { namespace }) =>
        detailed(keysBelow(services.store, identityKeys(namespace.id).entities), asked, (id) => {
          const found = services.identities.known.entity(namespace.id, id);
          return found === undefined ? undefined : { name: found.name };
        }),
    },
  },
});

const names = at('entity/name', {
  help: 'Names of all entities.',
  fields: pageFields,
  operations: {
    list: {
      summary: 'List entities by name',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
      run: ({ services }, { after, limit }, { namespace }) => {
        const { entityNames } = identityKeys(namespace.id);
        const asked = { after: after === '' ? '' : nameInKey(after), limit };
        return named(
          keysBelow(services.store, entityNames),
          asked,
          (key) => recordAt<NameEntry>(services.store, entityNames + key)?.name,
        );
      },
    },
  },
});

const batchDelete = at('entity/batch-delete', {
  help: 'Deletes several entities.',
  fields: { entity_ids: field.list('Their ids.') },
  operations: {
    update: {
      summary: 'Delete entities',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, { entity_ids: wanted = [] }, call) => {
        if (wanted.length === 0) throw fail('badRequest', 'missing entity ids to delete');
        if (wanted.length > MOST_AT_ONCE) {
          throw fail('badRequest', `more than ${String(MOST_AT_ONCE)} entities at once: delete them in parts`);
        }
        await services.identities.entities.delete(call.namespace.id, wanted);
        return reply.empty;
      },
    },
  },
});

const merge = at('entity/merge', {
  help: 'Makes one entity of several: aliases, groups and tokens of the others come to it.',
  fields: {
    from_entity_ids: field.list('Ids of the entities that end.'),
    to_entity_id: field.string('Id of the entity that stays.', { default: '' }),
    force: field.boolean('Of two MFA secrets of one method, the one of the entity that stays is kept.', {
      default: false,
    }),
    conflicting_alias_ids_to_keep: field.list('Of two aliases of one mount, the one that stays.'),
  },
  operations: {
    update: {
      summary: 'Merge entities',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async ({ services }, values, { namespace, now }) => {
        const {
          from_entity_ids: from = [],
          to_entity_id: to,
          conflicting_alias_ids_to_keep: keep = [],
          force,
        } = values;
        await mergeEntities(services.identities.entities, namespace.id, { from, to, keep, force }, now);
        return reply.empty;
      },
    },
  },
});

export const entityPaths = [create, byId, byName, ids, names, batchDelete, merge];
