/** `sys/quotas/lease-count`: how many leases and tokens may be there. Set in the root namespace alone, for all of them. */
import type { Node } from '../core/node.ts';
import type { LeaseCountQuota } from '../core/quotas/lease-count.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { defined } from '../lib/defined.ts';
import { listOf, placeFields, placeOf } from './quota-kind.ts';

const at = pathsOf<Node>();

/** More would be no limit. */
const MOST_LEASES = 1e9;

const recordsOf = ({ services }: Node) => services.leaseQuotas.records;

const fields = {
  name: field.name('Name of the quota.'),
  type: field.enum('Kind of the quota.', ['lease-count']),
  ...placeFields,
  max_leases: field.integer('How many leases and tokens may be there at a time.'),
} as const;

const NEW: Omit<LeaseCountQuota, 'name'> = { path: '', role: '', inheritable: false, maxLeases: 0 };

const one = at('quotas/lease-count/:name', {
  help: 'One lease count quota.',
  fields,
  operations: {
    read: {
      summary: 'Read a lease count quota',
      writes: 'nothing',
      replies: {
        200: { ...fields, counter: field.integer('How many are there on this node now, of what it counts.') },
        404: 'empty',
      },
      run: (node, { name }) => {
        const quota = recordsOf(node).get(name);
        if (quota === undefined) return reply.missing;
        const { path, role, inheritable, maxLeases } = quota;
        const counter = node.services.leaseQuotas.counter(name);
        return reply.ok({ name, type: 'lease-count', path, role, inheritable, max_leases: maxLeases, counter });
      },
    },
    update: {
      summary: 'Write a lease count quota',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, { name, path, role, inheritable, max_leases }) => {
        const given = defined({ path, role, inheritable, maxLeases: max_leases });
        const asked = { ...NEW, ...recordsOf(node).get(name), ...given };
        const { maxLeases } = asked;
        if (maxLeases <= 0 || maxLeases > MOST_LEASES) {
          throw fail('badRequest', `'max_leases' is invalid: give a number from 1 to ${String(MOST_LEASES)}`);
        }
        await recordsOf(node).put({ name, maxLeases, ...placeOf(node, asked) });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a lease count quota',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (node, { name }) => {
        await recordsOf(node).delete(name);
        return reply.empty;
      },
    },
  },
});

export const leaseCountPaths = [listOf({ kind: 'lease-count', title: 'lease count quotas', records: recordsOf }), one];
