/** `GET sys/leases` and `sys/leases/count`: leases that could not be revoked, for people to look at. */
import { failedByMount, irrevocable } from '../core/leases/lease-lists.ts';
import type { LeaseRecord } from '../core/leases/lease.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

/** As many as Vault shows unless it is told otherwise. */
const MOST_SHOWN = 10_000;
/** Where Vault cannot tell the mount of a lease. */
const NO_MOUNT = 'mount-accessor-not-found';

const fields = {
  type: field.string('Only `irrevocable` is known.', { default: '' }),
  include_child_namespaces: field.boolean('Those of the namespaces below, too.', { default: false }),
} as const;

function namespacesOf({ services }: Node, deep: boolean, { namespace }: Call): readonly string[] {
  const here = services.namespaces.byId(namespace.id);
  if (!deep || here === undefined) return [namespace.id];
  // Of those that are sealed nothing is known.
  const below = services.namespaces.below(here, true).filter(({ id }) => !services.namespaces.isSealed(id));
  return [namespace.id, ...below.map(({ id }) => id)];
}

/** `none` is without limit. */
function limitOf(given: string): number {
  if (given === 'none') return Number.MAX_SAFE_INTEGER;
  if (given === '') return MOST_SHOWN;
  if (!/^[1-9]\d{0,8}$/.test(given)) throw fail('badRequest', `invalid 'limit' provided: give a number, or "none"`);
  return Number(given);
}

function shown(record: LeaseRecord): JsonObject {
  const { state } = record;
  return {
    lease_id: record.id,
    mount_id: record.mountAccessor,
    error: state.kind === 'irrevocable' ? state.error : '',
  };
}

const leases = at('leases', {
  help: 'Leases that could not be revoked, with the reason.',
  namespaces: true,
  access: 'root',
  fields: { ...fields, limit: field.string('How many at most, or `none`.', { default: '' }) },
  operations: {
    read: {
      summary: 'List irrevocable leases',
      writes: 'nothing',
      replies: {
        200: {
          lease_count: field.integer('How many are shown.'),
          leases: field.objects('Lease, accessor of its mount, and the error.'),
        },
        404: 'empty',
      },
      run: (node, values, call) => {
        if (values.type !== 'irrevocable') return reply.missing;
        const limit = limitOf(values.limit);
        const namespaces = namespacesOf(node, values.include_child_namespaces, call);
        const found = irrevocable(node.services.store, namespaces, limit === MOST_SHOWN ? limit + 1 : limit);
        const cut = values.limit === '' && found.length > MOST_SHOWN;
        const all = cut ? found.slice(0, MOST_SHOWN) : found;
        return {
          ...reply.ok({ lease_count: all.length, leases: all.map(shown) }),
          ...(cut ? { warnings: ['There are more irrevocable leases: limit=none shows all of them.'] } : {}),
        };
      },
    },
  },
});

const counts = at('leases/count', {
  help: 'How many leases could not be revoked.',
  namespaces: true,
  fields,
  operations: {
    read: {
      summary: 'Count irrevocable leases',
      writes: 'nothing',
      replies: {
        200: { lease_count: field.integer('Of all mounts.'), counts: field.object('By the accessor of the mount.') },
        404: 'empty',
      },
      run: (node, values, call) => {
        if (values.type !== 'irrevocable') return reply.missing;
        const { store, mounts } = node.services;
        const byAccessor: Record<string, number> = {};
        for (const namespace of namespacesOf(node, values.include_child_namespaces, call)) {
          for (const [mount, count] of failedByMount(store, namespace)) {
            const accessor = mounts.byUuid(mount)?.record.accessor ?? NO_MOUNT;
            byAccessor[accessor] = (byAccessor[accessor] ?? 0) + count;
          }
        }
        const total = Object.values(byAccessor).reduce((sum, count) => sum + count, 0);
        return reply.ok({ lease_count: total, counts: byAccessor });
      },
    },
  },
});

export const leaseListPaths = [leases, counts];
