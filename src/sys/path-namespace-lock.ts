/** `sys/namespaces/api-lock`: a namespace, with all below it, that answers nothing until it is unlocked. */
import { ROOT, type Namespace } from '../core/namespaces/namespace.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const path = field.name('A namespace anywhere below this one.');

function meant({ services }: Node, { namespace }: Call, given: string): Namespace {
  const below = given.replace(/\/$/, '');
  const found = below === '' ? namespace : services.namespaces.byPath(`${namespace.path}${below}/`);
  if (found === undefined) throw fail('badRequest', 'requested namespace does not exist');
  if (found.id === ROOT.id) throw fail('badRequest', 'root namespace cannot be locked/unlocked');
  return found;
}

const lockReply = { unlock_key: field.secret('Unlocks it; shown this once.') };

async function locked(node: Node, below: string, call: Call): Promise<Reply> {
  return reply.ok({ unlock_key: await node.services.namespaceChanges.lock(meant(node, call, below)) });
}

const lockThis = at('namespaces/api-lock/lock', {
  help: 'Locks this namespace and all below it.',
  namespaces: true,
  fields: {},
  operations: {
    update: {
      summary: 'Lock this namespace',
      writes: 'shared',
      replies: { 200: lockReply },
      run: (node, _values, call) => locked(node, '', call),
    },
  },
});

const lock = at('namespaces/api-lock/lock/:path...', {
  help: 'Locks a namespace and all below it.',
  namespaces: true,
  fields: { path },
  operations: {
    update: {
      summary: 'Lock a namespace',
      writes: 'shared',
      replies: { 200: lockReply },
      run: (node, values, call) => locked(node, values.path, call),
    },
  },
});

/** Without a key, by `sudo` on the path that was asked. */
async function unlock(
  node: Node,
  values: { path: string; unlock_key: string | undefined },
  call: Call,
): Promise<Reply> {
  const { policies, namespaceChanges } = node.services;
  const namespace = meant(node, call, values.path);
  const key = values.unlock_key === '' ? undefined : values.unlock_key;
  if (key !== undefined) {
    await namespaceChanges.unlock(namespace, key);
    return reply.empty;
  }
  const asked = `${call.namespace.path}${call.mountPath}${call.path}`;
  if (!policies.acl(call.client).allows('update', asked).sudo) {
    throw fail('badRequest', 'unlock_key is needed, or sudo on this path');
  }
  await namespaceChanges.unlock(namespace, undefined);
  return { status: 200, warnings: ['Namespace unlocked using sudo capabilities'] };
}

const unlockKey = field.secret('From the reply that locked it; not needed with sudo.');

const unlockThis = at('namespaces/api-lock/unlock', {
  help: 'Unlocks this namespace.',
  namespaces: true,
  fields: { unlock_key: unlockKey },
  operations: {
    update: {
      summary: 'Unlock this namespace',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: (node, values, call) => unlock(node, { ...values, path: '' }, call),
    },
  },
});

const unlocking = at('namespaces/api-lock/unlock/:path...', {
  help: 'Unlocks a namespace.',
  namespaces: true,
  fields: { path, unlock_key: unlockKey },
  operations: {
    update: {
      summary: 'Unlock a namespace',
      writes: 'shared',
      replies: { 200: 'empty', 204: 'empty' },
      run: unlock,
    },
  },
});

export const namespaceLockPaths = [lockThis, lock, unlockThis, unlocking];
