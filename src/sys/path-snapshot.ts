/** `sys/storage/raft/snapshot`: the whole state in one file, and back. */
import { fail } from '../errors.ts';
import type { Node } from '../core/node.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const fields = {
  keep_credentials: field.boolean(
    'In the query: tokens, secret-ids and wrapped responses of the snapshot go on working. Otherwise all are revoked.',
    { default: false },
  ),
};

async function restore(node: Node, call: Call, options: { force: boolean; keepCredentials: boolean }): Promise<Reply> {
  if (call.upload === undefined) throw fail('badRequest', 'the snapshot must be the body of the request');
  await using received = await node.snapshots.receive(call.upload);
  await node.snapshots.restore(received.path, options);
  // Of the history that begins now: the index of the former one is no longer known.
  return node.sealed ? reply.empty : { ...reply.empty, headers: { 'X-Vault-Index': node.services.freshness.text } };
}

const snapshot = at('storage/raft/snapshot', {
  help: 'Takes a snapshot of all state, and restores one that was taken under the same keys.',
  description:
    'A snapshot is of one moment, encrypted as the store is, and a gzip-compressed tar as Vault has it. Restoring one ' +
    'replaces everything: a new epoch begins, the encryption key is rotated, and tokens, secret-ids and wrapped ' +
    'responses are revoked, unless `keep_credentials` is set.',
  fields,
  operations: {
    read: {
      summary: 'Take a snapshot',
      // A file: it is made only once the request is on record.
      writes: 'local',
      replies: { 200: 'any' },
      form: ['application/gzip'],
      run: async (node, _values, call) => {
        const { path } = await node.snapshots.take(call.signal());
        // A browser saves it, and shows nothing.
        const headers = { 'Content-Disposition': 'attachment' };
        return { status: 200, file: { contentType: 'application/gzip', path }, headers };
      },
    },
    update: {
      summary: 'Restore a snapshot',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (node, values, call) => restore(node, call, { force: false, keepCredentials: values.keep_credentials }),
    },
  },
});

const force = at('storage/raft/snapshot-force', {
  help: 'Restores a snapshot of other keys. The node is sealed afterwards: the keys of the snapshot unseal it.',
  fields,
  operations: {
    update: {
      summary: 'Restore a snapshot of other keys',
      writes: 'local',
      replies: { 204: 'empty' },
      run: (node, values, call) => restore(node, call, { force: true, keepCredentials: values.keep_credentials }),
    },
  },
});

export const snapshotPaths = [snapshot, force];
