/** `sys/storage/raft/snapshot-load`: one snapshot beside the live data, from which single secrets are read and recovered. */
import { createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Node } from '../core/node.ts';
import type { LoadedStatus } from '../core/snapshots/loaded.ts';
import { fail } from '../errors.ts';
import type { Call } from '../framework/call.ts';
import { field } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply, type Reply } from '../framework/reply.ts';
import { roomIn } from '../lib/disk-room.ts';

const at = pathsOf<Node>();

const replyFields = {
  cluster_id: field.string('Of the node that it is a moment of.'),
  created_at: field.string('When it was loaded.'),
  expires_at: field.string('When it is unloaded by itself.'),
  snapshot_id: field.string('For `read_snapshot_id` and `X-Vault-Recover-Snapshot-Id`.'),
  status: field.string('`ready`.'),
};

function shown({ id, log, createdAt, expiresAt }: LoadedStatus): Reply {
  return reply.ok({
    cluster_id: log.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    created_at: new Date(createdAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
    snapshot_id: id,
    status: 'ready',
  });
}

/** `fill` writes the archive into a file; it is asked only when one can be loaded. */
async function load(node: Node, fill: (path: string) => Promise<void>): Promise<Reply> {
  const { loaded } = node.unsealedSnapshots;
  loaded.checkFree();
  await using received = await node.snapshots.receive(fill);
  return shown(await loaded.load(received.path));
}

const LOOK_BYTES = 8 * 1024 * 1024;

/** What a target holds was not sent by the caller, but it can be as large. */
async function* bounded(content: AsyncIterable<Uint8Array>, folder: string): AsyncGenerator<Uint8Array> {
  let left = 0;
  for await (const chunk of content) {
    left -= chunk.length;
    if (left < 0) {
      if ((await roomIn(folder)) < LOOK_BYTES) {
        throw fail('internal', 'the disk has no room for the snapshot: free the disk, then try again');
      }
      left = LOOK_BYTES;
    }
    yield chunk;
  }
}

const all = at('storage/raft/snapshot-load', {
  help: 'Loads a snapshot beside the live data.',
  description:
    'The body is a snapshot that was taken under the keys of now. Secrets can then be read with `read_snapshot_id` in the ' +
    'query, and recovered by a write with the header `X-Vault-Recover-Snapshot-Id`. One is loaded at a time, for 72 hours, ' +
    'or until the node is sealed.',
  access: 'root',
  fields: {},
  operations: {
    update: {
      summary: 'Load a snapshot',
      writes: 'local',
      replies: { 200: replyFields },
      run: (node, _values, { upload }) => {
        if (upload === undefined) throw fail('badRequest', 'the snapshot must be the body of the request');
        return load(node, upload);
      },
    },
    list: {
      summary: 'List the loaded snapshot',
      writes: 'nothing',
      replies: { 200: { keys: field.list('Its id.') }, 404: 'empty' },
      run: (node) => {
        const { status } = node.unsealedSnapshots.loaded;
        return status === undefined ? reply.missing : reply.ok({ keys: [status.id] });
      },
    },
  },
});

const one = at('storage/raft/snapshot-load/:snapshot_id', {
  help: 'The snapshot that is loaded.',
  access: 'root',
  fields: { snapshot_id: field.name('Its id.') },
  operations: {
    read: {
      summary: 'Read the loaded snapshot',
      writes: 'nothing',
      replies: { 200: replyFields, 404: 'empty' },
      run: (node, values) => {
        const { status } = node.unsealedSnapshots.loaded;
        return status?.id === values.snapshot_id ? shown(status) : reply.missing;
      },
    },
    delete: {
      summary: 'Unload the snapshot',
      writes: 'local',
      replies: { 204: 'empty', 404: 'empty' },
      run: async (node, values) =>
        (await node.unsealedSnapshots.loaded.unload(values.snapshot_id)) ? reply.empty : reply.missing,
    },
  },
});

const kept = at('storage/raft/snapshot-auto/snapshot-load/:name', {
  help: 'Loads a snapshot that a schedule has taken.',
  access: 'root',
  fields: {
    name: field.name('Name of the block `snapshot`.'),
    url: field.string(
      'Which one, as `last_snapshot_url` has it, or its name alone; by default the newest of this node.',
    ),
  },
  operations: {
    update: {
      summary: 'Load a scheduled snapshot',
      writes: 'local',
      replies: { 200: replyFields },
      run: (node, { name, url }, call: Call) =>
        load(node, async (path) => {
          const content = await node.unsealedSnapshots.scheduler.read(name, url, call.signal());
          await pipeline(bounded(content, dirname(path)), createWriteStream(path, { flags: 'wx', mode: 0o600 }), {
            signal: call.signal(),
          });
        }),
    },
  },
});

export const snapshotLoadPaths = [all, one, kept];
