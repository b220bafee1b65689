/** `sys/remount`: a mount moves to another path; its data stays where it is. */
import { emptyMount } from '../core/leases/lease-ending.ts';
import { requestPath } from '../core/mounts/mount.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { mountPath } from './mount-description.ts';

const at = pathsOf<Node>();

/** The newest are known, until the node starts again, as in Vault. */
const MOST_KNOWN = 1_024;

interface Move {
  /** The id of the one that it was in: another one is not told of it (design rule 31). */
  readonly namespace: string;
  readonly from: string;
  readonly to: string;
}

const moves = new WeakMap<Node, Map<string, Move>>();

function note(node: Node, id: string, move: Move): void {
  const known = moves.get(node) ?? new Map<string, Move>();
  moves.set(node, known);
  const [oldest] = known.keys();
  if (known.size >= MOST_KNOWN && oldest !== undefined) known.delete(oldest);
  known.set(id, move);
}

const remount = at('remount', {
  help: 'Moves a mount to another path.',
  namespaces: true,
  access: 'root',
  fields: {
    from: field.required(field.string('Where the mount is.')),
    to: field.required(field.string('Where it shall be.')),
  },
  operations: {
    update: {
      summary: 'Move a mount',
      writes: 'shared',
      replies: { 200: { migration_id: field.string('For sys/remount/status.') } },
      run: async (node, values, call) => {
        const { mounts, mountChanges } = node.services;
        const [from, to] = [mountPath(values.from), mountPath(values.to)];
        const mounted = mounts.at(call.namespace.id, from);
        if (mounted === undefined) throw fail('badRequest', `no matching mount at "${from}"`);
        const auth = mounted.record.table === 'auth';
        if (to.startsWith('auth/') !== auth) {
          throw fail('badRequest', 'cannot move an auth method to a secret engine or back');
        }
        // Their ids begin with the path: engines and clients would look for them at the old one.
        using _emptied = await emptyMount(node.services, mounted);
        const path = auth ? to.slice('auth/'.length) : to;
        await mountChanges.change(call.namespace.id, mounted.record.uuid, (before) => {
          if (requestPath(before) !== from) throw fail('conflict', `the mount at "${from}" has moved meanwhile`);
          return { ...before, path };
        });
        note(node, call.id, { namespace: call.namespace.id, from, to });
        return reply.ok({ migration_id: call.id });
      },
    },
  },
});

const remountStatus = at('remount/status/:migration_id', {
  help: 'How far a move is. A move is one transaction here: it was done when it was answered.',
  namespaces: true,
  fields: { migration_id: field.name('From the reply of sys/remount.') },
  operations: {
    read: {
      summary: 'Status of a move',
      writes: 'nothing',
      replies: {
        200: { migration_id: field.string('As given.'), migration_info: field.object('From, to and status.') },
        404: 'empty',
      },
      run: (node, { migration_id: id }, { namespace }) => {
        const move = moves.get(node)?.get(id);
        if (move?.namespace !== namespace.id) return reply.missing;
        const info = { source_mount: move.from, target_mount: move.to, status: 'success' };
        return reply.ok({ migration_id: id, migration_info: info });
      },
    },
  },
});

export const remountPaths = [remount, remountStatus];
