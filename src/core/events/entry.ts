/**
 * What a batch of the log means to subscribers. Derived from the writes alone, so a region tells of a change as the hub
 * does, whoever made it, and a resumed subscriber is told what a connected one was.
 */
import { decodeRecord } from '../../lib/record.ts';
import { LazyWrite } from '../../storage/lazy-write.ts';
import type { Batch, Position, Store, Write } from '../../storage/store.ts';
import type { Index } from '../freshness.ts';
import { keys } from '../keys.ts';
import { fullPath, requestPath, type MountRecord } from '../mounts/mount.ts';
import type { MountTable } from '../mounts/mount-table.ts';
import { systemChanges, type MountedChange, type PathBefore } from './system-changes.ts';

export interface Entry {
  readonly position: Position;
  readonly index: Index;
  /** Wall-clock milliseconds of the commit. */
  readonly time: number;
  readonly changes: readonly MountedChange[];
  /** Mounts of which too much changed at once to tell each change (an import, a region's snapshot). */
  readonly whole: readonly string[];
  /** What came before this entry cannot be told now: a mount left its path, `whole`, or a record could not be read. */
  readonly barrier: boolean;
}

/** Changes of one batch that are told each. */
const MOST_TOLD = 2_000;

const DATA = /^s\/[^/]+\/data\/([^/]+)\/(.*)$/s;
const MOUNT = /^s\/[^/]+\/mounts\/([^/]+)$/;

interface Cursor {
  readonly cursor: { readonly log: string; readonly position: Position } | null;
}

function byMount(writes: readonly Write[]): ReadonlyMap<string, readonly Write[]> {
  const found = new Map<string, Write[]>();
  for (const write of writes) {
    if (!write.key.startsWith('s/')) continue;
    const [, mount, key] = DATA.exec(write.key) ?? [];
    if (mount === undefined || key === undefined) continue;
    // The value stays behind a getter: it is decrypted only if the plug-in looks at it.
    const below = new LazyWrite(key, () => write.value);
    const known = found.get(mount);
    if (known === undefined) found.set(mount, [below]);
    else known.push(below);
  }
  return found;
}

/** Where a mount is: from the root namespace on, and below its own. */
export interface MountPath {
  readonly full: string;
  readonly request: string;
  /** What was done to it last, where that is known. */
  readonly lastChange?: MountRecord['lastChange'] | undefined;
}

/** Whether a mount may have left the path that it had before; `path` is the one that it has now. */
export type Leaves = (uuid: string, path: MountPath | undefined) => boolean;

function leaves(write: Write, context: Context): boolean {
  const uuid = write.key.startsWith('s/') ? MOUNT.exec(write.key)?.[1] : undefined;
  if (uuid === undefined) return false;
  const found = write.value === undefined ? undefined : decodeRecord<MountRecord>(write.value, write.key);
  const record = found?.moving === true ? undefined : found;
  const { lastChange } = record ?? {};
  return context.leaves(uuid, record && { full: fullPath(record), request: requestPath(record), lastChange });
}

export interface Context {
  /** The name of this node's log. */
  readonly log: string;
  /** undefined: nobody is to be told of changes. */
  readonly mounts: MountTable | undefined;
  readonly leaves: Leaves;
  readonly before: PathBefore;
  /** Whether a mount is there after the batch at hand: one that is being copied is not. Absent: where the mounts are today. */
  readonly known?: (uuid: string) => boolean;
}

/** At a region: where the hub's log stands for the copy, by the record that each of its batches writes. */
function hubIndex(record: Uint8Array | undefined): Index | undefined {
  if (record === undefined) return undefined;
  const { cursor } = decodeRecord<Cursor>(record);
  return cursor === null ? {} : { [cursor.log]: cursor.position };
}

/** The index that reads of the store show now. */
export function shownIndex(store: Store): Index {
  using snapshot = store.snapshot();
  return { [store.log]: snapshot.position, ...hubIndex(snapshot.get(keys.hubCopy)) };
}

function dataChanges(writes: readonly Write[], mounts: MountTable, { known }: Context): readonly MountedChange[] {
  return [...byMount(writes)].flatMap(([mount, below]) => {
    if (known?.(mount) === false) return [];
    return (mounts.byUuid(mount)?.plugin.changes?.(below) ?? []).map((change): MountedChange => ({ mount, change }));
  });
}

/** `hub` is the hub's part of the index before the batch. Throws what reading a damaged record throws. */
function read(batch: Batch, hub: Index, context: Context): Entry {
  const { position, time, writes } = batch;
  const { log, mounts } = context;
  // First: it asks for paths that mounts leave here.
  const ofSystem = mounts === undefined ? [] : systemChanges(writes, context.before);
  const left = writes.filter((write) => leaves(write, context));
  const changes = mounts === undefined ? [] : [...dataChanges(writes, mounts, context), ...ofSystem];
  const whole = changes.length > MOST_TOLD ? [...new Set(changes.map(({ mount }) => mount))] : [];
  const copy = writes.find(({ key }) => key === keys.hubCopy);
  const barrier = left.length > 0 || whole.length > 0;
  return {
    position,
    time,
    changes: whole.length > 0 ? [] : changes,
    whole,
    barrier,
    index: { [log]: position, ...(hubIndex(copy?.value) ?? hub) },
  };
}

/** Never throws: of a batch that cannot be read nothing is told, and nobody resumes across it. */
export function entryOf(batch: Batch, before: Index, context: Context): Entry {
  const { log } = context;
  const { [log]: _own, ...hub } = before;
  try {
    return read(batch, hub, context);
  } catch {
    const { position, time } = batch;
    return { position, time, changes: [], whole: [], barrier: true, index: { [log]: position, ...hub } };
  }
}
