/** `sys/locked-users`: who is locked out after too many failed logins. */
import type { LockedUser } from '../core/lockout/lockout.ts';
import type { Mounted } from '../core/mounts/mount-table.ts';
import { isWithin, ROOT, type Namespace } from '../core/namespaces/namespace.ts';
import type { Node } from '../core/node.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

function ofMount(accessor: string, users: readonly LockedUser[]): JsonObject {
  return { mount_accessor: accessor, counts: users.length, alias_identifiers: users.map(({ name }) => name) };
}

/** `accessor`: of that mount alone, also when nobody of it is locked out. */
function ofNamespace({ services }: Node, { id, path }: Namespace, accessor: string | undefined): JsonObject {
  const mounts = services.mounts
    .all(id)
    .filter(({ record }) => accessor === undefined || record.accessor === accessor)
    .sort((a, b) => (a.record.accessor < b.record.accessor ? -1 : 1));
  const users = Map.groupBy(services.lockout.in(mounts), ({ mounted }: LockedUser) => mounted.record.accessor);
  const shown = [...users].map(([name, all]) => ofMount(name, all));
  const empty = accessor !== undefined && shown.length === 0;
  return {
    namespace_id: id,
    namespace_path: path,
    counts: [...users.values()].reduce((sum, { length }) => sum + length, 0),
    mount_accessors: empty ? [ofMount(accessor, [])] : shown,
  };
}

const lockedUsers = at('locked-users', {
  help: 'Users who are locked out, in this namespace and those below it.',
  namespaces: true,
  fields: { mount_accessor: field.string('Of this mount alone; it is one of this namespace.') },
  operations: {
    read: {
      summary: 'List users who are locked out',
      writes: 'nothing',
      replies: { 200: { by_namespace: field.objects('By namespace.'), total: field.integer('How many.') } },
      run: (node, { mount_accessor: accessor }, { namespace }) => {
        const own = ofNamespace(node, namespace, accessor || undefined);
        const all = [ROOT, ...node.services.namespaces.all()];
        const below = accessor ? [] : all.filter((other) => other.id !== namespace.id && isWithin(other, namespace));
        const others = below.map((other) => ofNamespace(node, other, undefined)).filter(({ counts }) => counts !== 0);
        const total = [own, ...others].reduce((sum, { counts }) => sum + Number(counts), 0);
        return reply.ok({ by_namespace: [own, ...others], total });
      },
    },
  },
});

const unlock = at('locked-users/:mount_accessor/unlock/:alias_identifier...', {
  help: 'Lets a user log in again.',
  namespaces: true,
  fields: {
    mount_accessor: field.name('Accessor of the auth mount.'),
    alias_identifier: field.name('Name of the user there: of an AppRole its role-id.'),
  },
  operations: {
    update: {
      summary: 'Unlock a user',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async ({ services }, { mount_accessor: accessor, alias_identifier: name }, { namespace }) => {
        const mounted: Mounted | undefined = services.mounts
          .all(namespace.id)
          .find(({ record }) => record.accessor === accessor);
        if (mounted !== undefined) await services.lockout.unlock(mounted, name);
        return reply.empty;
      },
    },
  },
});

export const lockedUserPaths = [lockedUsers, unlock];
