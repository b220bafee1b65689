/** Requests about a snapshot that is loaded beside the live data: reads of what stood there, and bringing it back. */
import { fail } from '../../errors.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import type { Request } from '../../framework/request.ts';
import { coerce } from '../../framework/values.ts';
import type { Mounted } from '../mounts/mount-table.ts';
import type { LoadedSnapshots } from '../snapshots/loaded.ts';
import type { Access } from './access.ts';

export interface SnapshotUse {
  readonly id: string;
  readonly kind: 'read' | 'recover';
}

const HEADER = 'x-vault-recover-snapshot-id';
const SOURCE = 'x-vault-recover-source-path';

const textOf = (value: string | readonly string[] | undefined): string => (typeof value === 'string' ? value : '');

/** In Vault's names: the query's `read_snapshot_id`, and the header (or the query's `recover_snapshot_id`) of a write. */
export function snapshotUse({ verb, query, headers }: Request): SnapshotUse | undefined {
  if (verb === 'update') {
    const id = textOf(headers[HEADER]) || (query['recover_snapshot_id'] ?? '');
    return id === '' ? undefined : { id, kind: 'recover' };
  }
  const id = query['read_snapshot_id'] ?? '';
  return id === '' ? undefined : { id, kind: 'read' };
}

/** The loaded one, and whether this node is a region: there, shared data is what the hub lets it have today. */
export interface SnapshotSource {
  readonly loaded: LoadedSnapshots;
  readonly region: boolean;
}

/** The mount of then beside that of now. Throws `badRequest`, which names why it cannot be had. */
function mountsOf({ loaded, region }: SnapshotSource, mounted: Mounted, use: SnapshotUse) {
  const { plugin, record, path, instance } = mounted;
  if (plugin.fromSnapshot === undefined) {
    throw fail('badRequest', `nothing of the mount ${path} (${record.type}) can be read from a snapshot`);
  }
  if (region && record.uuid !== 'cubbyhole') {
    throw fail('badRequest', `${path} is shared: load the snapshot at the hub, which decides what a region may hold`);
  }
  return { offered: plugin.fromSnapshot, live: instance, past: loaded.mountOf(use.id, mounted).instance };
}

/** Serves what `access` asks of the snapshot. Throws `badRequest`, which names why it cannot be had. */
export function serveFromSnapshot(
  source: SnapshotSource,
  { request, match, routed, coerced, call }: Access,
  use: SnapshotUse,
): Reply | Promise<Reply> {
  if (match === undefined || routed === undefined || coerced === undefined) throw fail('internal');
  const operation = match.path.operations[request.verb];
  if (operation === undefined) throw fail('unsupportedOperation');
  if (textOf(request.headers[SOURCE]) !== '') {
    throw fail('badRequest', 'a secret is recovered at its own path: leave X-Vault-Recover-Source-Path out');
  }
  const { offered, live, past } = mountsOf(source, routed.mounted, use);
  const read = (): Reply | Promise<Reply> => operation.run(past, coerced.values as never, call);
  if (use.kind === 'recover') {
    const body = offered.recovered({ live, past }, call);
    if (body === undefined) throw fail('badRequest', 'the snapshot holds nothing there that could be recovered');
    return operation.run(live, coerce(match, body, {}).values as never, { ...call, body });
  }
  switch (request.verb) {
    case 'read':
      return offered.recovered({ live, past }, call) === undefined ? reply.missing : read();
    case 'list':
    case 'scan':
      if (offered.lists(routed.mounted.record.options ?? {})) return read();
      throw fail('badRequest', 'names are not listed from a snapshot here: list the live ones');
    default:
      throw fail('badRequest', 'a snapshot is only read');
  }
}
