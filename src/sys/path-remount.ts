/** `sys/remount`: a mount moves to another path, in its namespace or to another one. */
import { emptyMount } from '../core/leases/lease-ending.ts';
import type { Mounted } from '../core/mounts/mount-table.ts';
import type { Destination, MoveOrder } from '../core/mounts/mount-moves.ts';
import { requestPath } from '../core/mounts/mount.ts';
import type { Placed } from '../core/namespaces/namespace-table.ts';
import type { Node } from '../core/node.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { mountPath } from './mount-description.ts';

const at = pathsOf<Node>();

/** The newest are known, until the node starts again, as in Vault. */
const MOST_KNOWN = 1_024;

interface Move {
  /** The id of the one that asked: another one is not told of it (design rule 31). */
  readonly namespace: string;
  /** From the root namespace on. */
  readonly from: string;
  readonly to: string;
  readonly status: 'in-progress' | 'success' | 'failure';
}

const moves = new WeakMap<Node, Map<string, Move>>();

function note(node: Node, id: string, move: Move): void {
  const known = moves.get(node) ?? new Map<string, Move>();
  moves.set(node, known);
  const [oldest] = known.keys();
  if (known.size >= MOST_KNOWN && oldest !== undefined && !known.has(id)) known.delete(oldest);
  known.set(id, move);
}

/** Where a path of the caller's namespace leads: into those below, as that of a request does. Throws for what is locked. */
function placed({ services }: Node, { namespace }: Call, path: string): Placed {
  const found = services.namespaces.place(namespace.path.slice(0, -1), path);
  const refusal = services.namespaces.refusal(found.namespace, found.path);
  if (refusal !== undefined) throw refusal;
  return found;
}

/** Throws `badRequest` where no mount can be, whatever lies there. */
function destination(
  node: Node,
  call: Call,
  { path, auth }: { readonly path: string; readonly auth: boolean },
): Destination {
  const to = placed(node, call, path);
  if (to.path === '') throw fail('badRequest', `invalid destination mount path "${path}": it is a namespace`);
  if (to.path === 'auth/' || to.path.startsWith('auth/') !== auth) {
    throw fail('badRequest', 'cannot move an auth method to a secret engine or back');
  }
  return to;
}

/** The data stays: one transaction, which is done when it is answered. */
async function rename({ services }: Node, { record, namespace, path: from }: Mounted, path: string): Promise<void> {
  const below = record.table === 'auth' ? path.slice('auth/'.length) : path;
  await services.mountChanges.change(namespace, record.uuid, (before) => {
    if (requestPath(before) !== from) throw fail('conflict', `the mount at "${from}" has moved meanwhile`);
    return { ...before, path: below };
  });
}

/** As in Vault: who logged in at the old path logs in at the new one. */
async function endLogins({ services }: Node, { record, namespace }: Mounted): Promise<void> {
  if (record.table === 'auth') await services.revocation.revokeLogins(namespace, record.uuid);
}

/** In the background: it can be much. An order on disk has it finished or taken back after a restart. */
async function finish(node: Node, order: MoveOrder, { id, move }: { readonly id: string; readonly move: Move }) {
  const { mountMoves, log } = node.services;
  try {
    const left = await mountMoves.finish(order);
    note(node, id, { ...move, status: 'success' });
    if (left === undefined) return;
    const { from, to } = move;
    log.error('what a mount left at its old path is deleted at the next start', { from, to, reason: left.message });
  } catch (error) {
    note(node, id, { ...move, status: 'failure' });
    if (isLockstepError(error, 'sealed') || isLockstepError(error, 'storeClosed')) return;
    const reason = error instanceof Error ? error.message : 'unknown';
    const { from, to } = move;
    log.error('a mount was not moved to another namespace', { from, to, reason });
  }
}

const remount = at('remount', {
  help: 'Moves a mount to another path, in this namespace or those below.',
  namespaces: true,
  access: 'root',
  fields: {
    from: field.required(field.string('Where the mount is.')),
    to: field.required(field.string('Where it shall be: `team/secret`, `team/auth/approle` in a namespace below.')),
  },
  operations: {
    update: {
      summary: 'Move a mount',
      writes: 'shared',
      replies: { 200: { migration_id: field.string('For sys/remount/status.') } },
      run: async (node, values, call) => {
        const from = placed(node, call, mountPath(values.from));
        const mounted = node.services.mounts.at(from.namespace.id, from.path);
        if (mounted === undefined) {
          throw fail('badRequest', `no matching mount at "${from.namespace.path}${from.path}"`);
        }
        const auth = mounted.record.table === 'auth';
        const to = destination(node, call, { path: mountPath(values.to), auth });
        const move: Move = {
          ...{ namespace: call.namespace.id, status: 'success' },
          ...{ from: mounted.fullPath, to: to.namespace.path + to.path },
        };
        if (move.from === move.to) throw fail('badRequest', `path is already in use at ${to.path}`);
        // Their ids begin with the path: engines and clients would look for them at the old one.
        const emptied = await emptyMount(node.services, mounted);
        using kept = new DisposableStack();
        kept.use(emptied);
        if (to.namespace.id === mounted.namespace) {
          await endLogins(node, mounted);
          await rename(node, mounted, to.path);
          // Those that came in between.
          await endLogins(node, mounted);
          note(node, call.id, move);
          return reply.ok({ migration_id: call.id });
        }
        const order = await node.services.mountMoves.begin(mounted, to);
        note(node, call.id, { ...move, status: 'in-progress' });
        // No lease is granted until it has moved.
        const held = kept.move();
        void finish(node, order, { id: call.id, move }).finally(() => {
          held.dispose();
        });
        return reply.ok({ migration_id: call.id });
      },
    },
  },
});

const remountStatus = at('remount/status/:migration_id', {
  help: 'How far a move is. Within one namespace it is done when it is answered; to another one it goes on behind.',
  namespaces: true,
  fields: { migration_id: field.name('From the reply of sys/remount.') },
  operations: {
    read: {
      summary: 'Status of a move',
      writes: 'nothing',
      replies: {
        200: {
          migration_id: field.string('As given.'),
          migration_info: field.object(
            '`source_mount`, `target_mount` and `status`: `in-progress`, `success`, `failure`.',
          ),
        },
        404: 'empty',
      },
      run: (node, { migration_id: id }, { namespace }) => {
        const move = moves.get(node)?.get(id);
        if (move?.namespace !== namespace.id) return reply.missing;
        const info = { source_mount: move.from, target_mount: move.to, status: move.status };
        return reply.ok({ migration_id: id, migration_info: info });
      },
    },
  },
});

export const remountPaths = [remount, remountStatus];
