/** `identity/entity-alias`: which login is whose. */
import { fail } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { field } from '../../framework/field.ts';
import { pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import type { AliasPlace, WrittenAlias } from './alias-changes.ts';
import { identityKeys } from './identity-keys.ts';
import { placeOf, showing, type IdentityMount } from './asked.ts';
import { keysBelow } from '../keys-below.ts';
import { detailed } from './lists.ts';
import type { AliasRecord, EntityRecord } from './records.ts';
import { aliasFields, aliasInfo, shownAlias } from './shown.ts';

const at = pathsOf<IdentityMount>();

const fields = {
  name: field.string('Its name at the auth method.'),
  mount_accessor: field.string('Accessor of the auth mount.'),
  canonical_id: field.string('Id of the entity that is to have it.'),
  entity_id: field.string('Old name of canonical_id.'),
  custom_metadata: field.map('What is known of it; in place of what was.'),
} as const;

interface Given {
  readonly name: string | undefined;
  readonly mount_accessor: string | undefined;
  readonly canonical_id: string | undefined;
  readonly entity_id: string | undefined;
  readonly custom_metadata: Readonly<Record<string, string>> | undefined;
}

interface Found {
  readonly owner: EntityRecord;
  readonly alias: AliasRecord;
}

function found({ services }: IdentityMount, { namespace }: Call, id: string): Found | undefined {
  const owner = services.identities.known.entityByAliasId(namespace.id, id);
  const alias = owner?.aliases.find((each) => each.id === id);
  return owner === undefined || alias === undefined ? undefined : { owner, alias };
}

/** Where the alias is to stand: what is not given stays. */
function newPlace(mount: IdentityMount, call: Call, { alias }: Found, values: Given): AliasPlace | undefined {
  const { name, mount_accessor: accessor } = values;
  if (name === undefined && accessor === undefined) return undefined;
  return placeOf(mount, call, { name: name ?? alias.name, accessor: accessor ?? alias.accessor, of: 'entity' });
}

const answer = ({ entity, id, same }: WrittenAlias): Reply =>
  same === true ? reply.empty : reply.ok({ canonical_id: entity, id });

async function change(mount: IdentityMount, call: Call, id: string, values: Given): Promise<Reply> {
  const known = found(mount, call, id);
  if (known === undefined) throw fail('badRequest', 'invalid alias ID provided');
  const written = await mount.services.identities.aliases.update(call.namespace.id, id, {
    place: newPlace(mount, call, known, values),
    entity: values.canonical_id ?? values.entity_id,
    customMetadata: values.custom_metadata,
  });
  return answer(written);
}

async function put(mount: IdentityMount, call: Call, values: Given): Promise<Reply> {
  const { name = '', mount_accessor: accessor = '' } = values;
  if (name === '' || accessor === '') {
    throw fail('badRequest', "'id' or 'mount_accessor' and 'name' must be provided");
  }
  const place = placeOf(mount, call, { name, accessor, of: 'entity' });
  const written = await mount.services.identities.aliases.put(call.namespace.id, place, {
    entity: values.canonical_id ?? values.entity_id,
    customMetadata: values.custom_metadata,
  });
  return answer(written);
}

const written = {
  200: { canonical_id: field.string('Id of the entity.'), id: field.string('Id of the alias.') },
  204: 'empty',
} as const;

/** `alias` is the old name. */
const BASES = ['entity-alias', 'alias'] as const;
type Base = (typeof BASES)[number];
/** The oldest name: what OpenBao writes by it is an entity, not an alias, so that nothing is written by it here. */
const OLDEST = 'persona';

const create = (base: Base) =>
  at(base, {
    help: 'Says whose a login is; without an entity a new one is made.',
    fields: { id: field.string('Of the alias to change.'), ...fields },
    operations: {
      update: {
        summary: 'Write an alias',
        writes: 'shared',
        replies: written,
        run: (mount, values, call) =>
          values.id === undefined || values.id === ''
            ? put(mount, call, values)
            : change(mount, call, values.id, values),
      },
    },
  });

interface OneAlias {
  readonly id: string;
}

const readAlias = {
  summary: 'Read an alias',
  writes: 'nothing',
  replies: { 200: aliasFields, 404: 'empty' },
  run: (mount: IdentityMount, { id }: OneAlias, call: Call): Reply => {
    const known = found(mount, call, id);
    if (known === undefined) return reply.missing;
    const shown = shownAlias(showing(mount, call), known.owner.id, known.alias);
    return reply.ok({ ...shown, namespace_id: call.namespace.id });
  },
} as const;

const deleteAlias = {
  summary: 'Delete an alias',
  writes: 'shared',
  replies: { 204: 'empty' },
  run: async ({ services }: IdentityMount, { id }: OneAlias, call: Call): Promise<Reply> => {
    await services.identities.aliases.delete(call.namespace.id, id);
    return reply.empty;
  },
} as const;

const byId = (base: Base) =>
  at(`${base}/id/:id` as const, {
    help: 'One alias of an entity.',
    fields: { id: field.name('Its id.'), ...fields },
    operations: {
      read: readAlias,
      update: {
        summary: 'Change an alias',
        writes: 'shared',
        replies: written,
        run: (mount, values, call) => change(mount, call, values.id, values),
      },
      delete: deleteAlias,
    },
  });

const byOldestId = at(`${OLDEST}/id/:id`, {
  help: 'One alias of an entity, by its oldest name.',
  fields: { id: field.name('Its id.') },
  operations: {
    read: { ...readAlias, summary: 'Read an alias by its oldest name' },
    delete: { ...deleteAlias, summary: 'Delete an alias by its oldest name' },
  },
});

const ids = (base: Base | typeof OLDEST) =>
  at(`${base}/id`, {
    help: 'Ids of all aliases of entities.',
    fields: pageFields,
    operations: {
      list: {
        summary: 'List aliases',
        writes: 'nothing',
        replies: { 200: { keys: field.list('Ids.'), key_info: field.object('By id.') }, 404: 'empty' },
        run: (mount, asked, call) =>
          detailed(keysBelow(mount.services.store, identityKeys(call.namespace.id).aliases), asked, (id) => {
            const known = found(mount, call, id);
            return known === undefined ? undefined : aliasInfo(showing(mount, call), known.owner.id, known.alias);
          }),
      },
    },
  });

export const entityAliasPaths = [
  ...BASES.flatMap((base) => [create(base), byId(base), ids(base)]),
  byOldestId,
  ids(OLDEST),
];
