/** Snapshots as files: what one holds, told from the file alone. */
import { createReadStream } from 'node:fs';
import type { SnapshotMeta } from '../lib/snapshot/meta.ts';
import { readSnapshot } from '../lib/snapshot/reader.ts';
import type { SnapshotRecord } from '../lib/snapshot/records.ts';
import { isLockstepError } from '../errors.ts';
import { CommandError } from './errors.ts';

/** Records of one class and area of keys, which lie in clear; what has no such place goes by the first part of its key. */
export interface AreaCount {
  readonly area: string;
  /** As they stand in the file: a record that was written again while the snapshot was taken counts each time. */
  readonly records: number;
  readonly deletions: number;
  /** Of keys and values. */
  readonly bytes: number;
}

export interface Inspected {
  readonly meta: SnapshotMeta;
  /** By area. */
  readonly areas: readonly AreaCount[];
}

const PLACE = /^([hsl])\/[^/]+\/([^/]+)/;

function areaOf(key: string): string {
  const [, cls, area] = PLACE.exec(key) ?? [];
  return cls === undefined ? `${key.split('/', 1)[0] ?? ''}/` : `${cls}/*/${area ?? ''}/`;
}

/** Reads the file to its end and checks every sum. Throws CommandError, which names the file and what is wrong with it. */
export async function inspectFile(path: string): Promise<Inspected> {
  const counts = new Map<string, AreaCount>();
  const count = ({ key, value }: SnapshotRecord): void => {
    const area = areaOf(key);
    const { records, deletions, bytes } = counts.get(area) ?? { records: 0, deletions: 0, bytes: 0 };
    counts.set(area, {
      area,
      records: records + 1,
      deletions: deletions + (value === undefined ? 1 : 0),
      bytes: bytes + Buffer.byteLength(key) + (value?.length ?? 0),
    });
  };
  try {
    const { meta } = await readSnapshot(createReadStream(path), {
      chunk: (records) => {
        for (const record of records) count(record);
      },
    });
    return { meta, areas: [...counts.values()].sort((a, b) => (a.area < b.area ? -1 : 1)) };
  } catch (error) {
    throw named(path, error);
  }
}

/** An error of the file system or of the snapshot that says which file it was. */
export function named(path: string, error: unknown): unknown {
  if (isLockstepError(error)) return new CommandError(`${path}: ${error.message}`, 1, { cause: error });
  if (!(error instanceof Error && 'syscall' in error)) return error;
  return new CommandError(`cannot use the file ${path}: ${error.message}`, 1, { cause: error });
}
