/** `sys/namespaces/<name>/seal` and its like: namespaces with a seal of their own, right below the one that asks. */
import { namespaceName, type NamespaceRecord } from '../core/namespaces/namespace.ts';
import type { NamespaceSealStatus } from '../core/namespaces/namespace-seals.ts';
import type { Node } from '../core/node.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { removeLater } from './namespace-removal.ts';
import { decodeShare } from './share-field.ts';

const at = pathsOf<Node>();

const path = field.name('Its name, without a slash.');

/** Throws `badRequest` where there is none. */
function meant({ services }: Node, { namespace }: Call, name: string): NamespaceRecord {
  const found = services.namespaces.byPath(`${namespace.path}${namespaceName(name)}/`);
  const record = found === undefined ? undefined : services.namespaces.record(found.id);
  if (record === undefined) throw fail('badRequest', 'requested namespace does not exist');
  return record;
}

const statusReply = {
  type: field.string('`shamir`.'),
  initialized: field.boolean('Always true.'),
  sealed: field.boolean('Whether nothing in it can be read.'),
  t: field.integer('How many shares unseal it.'),
  n: field.integer('How many shares there are.'),
  progress: field.integer('How many were given.'),
  nonce: field.string('Names the attempt under way.'),
};

const shown = (status: NamespaceSealStatus): JsonObject => ({ ...status });

const sealStatus = at('namespaces/:path/seal-status', {
  help: 'How far a namespace with a seal of its own is unsealed.',
  namespaces: true,
  fields: { path },
  operations: {
    read: {
      summary: 'Seal status of a namespace',
      writes: 'nothing',
      replies: { 200: statusReply },
      run: (node, values, call) => reply.ok(shown(node.services.namespaceSeals.status(meant(node, call, values.path)))),
    },
  },
});

const seal = at('namespaces/:path/seal', {
  help: 'Seals a namespace with a seal of its own, with all below it: its keys are forgotten on this node.',
  namespaces: true,
  fields: { path },
  operations: {
    update: {
      summary: 'Seal a namespace',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, values, call) => {
        await node.services.namespaceSeals.seal(meant(node, call, values.path));
        return reply.empty;
      },
    },
  },
});

const unseal = at('namespaces/:path/unseal', {
  help: 'Takes one share of the unseal key of a namespace with a seal of its own.',
  namespaces: true,
  fields: {
    path,
    key: field.secret('One share, hex or base64.'),
    reset: field.boolean('Forgets the shares given so far.', { default: false }),
  },
  operations: {
    update: {
      summary: 'Unseal a namespace',
      writes: 'local',
      replies: { 200: statusReply },
      run: async (node, values, call) => {
        const record = meant(node, call, values.path);
        if (values.reset) return reply.ok(shown(await node.services.namespaceSeals.unseal(record, undefined)));
        if (values.key === undefined || values.key === '') {
          throw fail('badRequest', "'key' must be specified in request body as JSON, or 'reset' set to true");
        }
        const share = decodeShare(values.key);
        try {
          return reply.ok(shown(await node.services.namespaceSeals.unseal(record, share)));
        } finally {
          share.fill(0);
        }
      },
    },
  },
});

const deleteSealed = at('namespaces/:path/delete-sealed', {
  help: 'Deletes a namespace that is sealed, for when its keys are lost. What its leases stand for outside stays there.',
  namespaces: true,
  access: 'root',
  fields: {
    path,
    force: field.boolean('Takes the namespaces below it along.', { default: false }),
  },
  operations: {
    delete: {
      summary: 'Delete a sealed namespace without its keys',
      writes: 'shared',
      // As of `sys/namespaces/<name>`.
      replies: { 200: 'any' },
      run: async (node, values, { namespace }) => {
        const { namespaceChanges, namespaceSeals } = node.services;
        const ids = await namespaceChanges.deleteSealed(namespace, namespaceName(values.path), values.force);
        if (ids.length === 0) return { status: 200, warnings: ['requested namespace does not exist'] };
        namespaceSeals.forget(ids);
        for (const id of ids) removeLater(node, id);
        return reply.ok({ status: 'in-progress' });
      },
    },
  },
});

export const namespaceSealPaths = [sealStatus, seal, unseal, deleteSealed];
