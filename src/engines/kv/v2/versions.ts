/** `delete/`, `undelete/`, `destroy/`: several versions at once. */
import { field } from '../../../framework/field.ts';
import type { Call } from '../../../framework/call.ts';
import { pathsOf } from '../../../framework/path.ts';
import { reply, type Reply } from '../../../framework/reply.ts';
import {
  deletionTimeOf,
  isGone,
  keptConfig,
  keptMetadata,
  removeVersionData,
  writeMetadata,
  type KvV2,
  type Version,
} from './records.ts';
import { isoTime, secretPath, versionNumbers } from './values.ts';

const at = pathsOf<KvV2>();

const fields = {
  path: field.name('Where the secret lies.'),
  versions: field.list('Numbers of the versions.'),
};

interface Change {
  readonly mount: KvV2;
  readonly path: string;
  readonly versions: readonly string[] | undefined;
  readonly type: 'delete' | 'undelete' | 'destroy';
  /** The version as it shall be. Asked to destroy, its data goes too. */
  readonly to: Move;
}

/** `due` is when a version that is there again ends; empty for never. */
type Move = (version: Version, now: number, due: string) => Version;

/** Nothing happens to versions that are not there; that is no error, as in Vault. */
async function change({ mount, path, versions, type, to }: Change, { now }: Call): Promise<Reply> {
  const wanted = secretPath(path);
  const numbers = versionNumbers(versions);
  await mount.view.shared.transact((tx) => {
    const metadata = keptMetadata(tx, wanted);
    if (metadata === undefined) return;
    const due = deletionTimeOf(keptConfig(tx), metadata, now);
    const asked = new Set(numbers);
    const changed = metadata.versions.map((before) => {
      if (!asked.has(before.version)) return before;
      const after = to(before, now, due);
      if (after.destroyed === true && before.destroyed !== true) removeVersionData(tx, wanted, before.version);
      return after;
    });
    writeMetadata(tx, {
      path: wanted,
      metadata: { ...metadata, versions: changed },
      change: { type, versions: numbers },
    });
  });
  return reply.empty;
}

const softDelete: Move = (version, now) =>
  isGone(version, now) ? version : { ...version, deletionTime: isoTime(now) };
// What lives for a limited time lives for as long again, not for ever.
const undelete: Move = (version, _now, due) =>
  version.destroyed === true ? version : { ...version, deletionTime: due };
const destroy: Move = (version) => ({ ...version, destroyed: true });

function movePath(name: Change['type'], summary: string, move: Move) {
  return at(`${name}/:path...`, {
    help: `${summary} of a secret.`,
    fields,
    operations: {
      update: {
        summary,
        writes: 'shared',
        replies: { 204: 'empty' },
        run: (mount, { path, versions }, call) => change({ mount, path, versions, type: name, to: move }, call),
      },
    },
  });
}

export const versionPaths = [
  movePath('delete', 'Delete versions', softDelete),
  movePath('undelete', 'Undelete versions', undelete),
  movePath('destroy', 'Destroy versions for good', destroy),
];
