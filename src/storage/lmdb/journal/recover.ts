/**
 * What a store that was not closed left behind, a process that was killed or a machine that was lost alike: back to the
 * newest checkpoint, then forward by the journal.
 */
import { existsSync, fstatSync, openSync, readFileSync, rmSync, statfsSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../../errors.ts';
import type { Chained, Place } from '../../local/medium.ts';
import { decodeLogRecord } from '../../log-record.ts';
import { DATA_FILE } from '../data-directory.ts';
import type { Tables } from '../tables.ts';
import { CheckpointFile, CHECKPOINT_FILES } from './checkpoint-file.ts';
import { removeJournal, type Base } from './checkpoints.ts';
import { closeFile, openToFlush, type Disk } from './disk.ts';
import { PAGE, readFrame, type Frame } from './frame.ts';
import { Journal, JOURNAL_FILES } from './journal.ts';

/** A transaction of the replay ends once it holds so much; groups are not split. */
const REPLAY_RECORDS = 1_000;
const REPLAY_BYTES = 4 * 1024 * 1024;
/**
 * What LMDB may need on the disk for a group: for each byte, for each key or record, and for the pages that lead there. Asked for
 * the newest group alone: those before it were in LMDB's file when the process ended, and a replay needs no more pages for
 * them. (With a machine also the end of the file may be lost; then LMDB may find no room, which ends the process and loses nothing.)
 */
const ROOM = { byte: 2.1, change: PAGE, pages: 64 * PAGE } as const;

export interface LeftBehind {
  readonly file: CheckpointFile;
  readonly segments: readonly [Buffer, Buffer];
}

const REMEDY = 'restore a snapshot';

function segmentsIn(folder: string): readonly [Buffer | undefined, Buffer | undefined] {
  const read = (name: string): Buffer | undefined => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  const [a, b] = JOURNAL_FILES;
  return [read(a), read(b)];
}

/** No checkpoint: LMDB's file was flushed by who wrote it last. Segments that a crash left before the first one hold nothing. */
function checkNoRecords(folder: string): void {
  if (segmentsIn(folder).some((segment) => segment !== undefined && [...framesIn(segment)].length > 0)) {
    const what = `the journal in ${folder} holds records, and the file \`checkpoint\` that they build on is missing`;
    throw fail('corrupt', `${what}: put it back, or ${REMEDY}`);
  }
  for (const name of [...JOURNAL_FILES, ...CHECKPOINT_FILES]) rmSync(join(folder, name), { force: true });
}

/**
 * What the store in a folder was left with; undefined when LMDB's file is whole by itself: closed, or of a program without a
 * journal. Only for who holds the directory. Throws `corrupt` when something is missing or damaged, `formatVersion`.
 */
export async function leftBehind(folder: string, disk: Disk): Promise<LeftBehind | undefined> {
  if (!CheckpointFile.isThere(folder)) {
    checkNoRecords(folder);
    return undefined;
  }
  await using unused = new AsyncDisposableStack();
  const file = unused.adopt(await CheckpointFile.open(folder, disk), (opened) => opened.close());
  try {
    await file.confirm();
  } catch (error) {
    throw fail('internal', `the checkpoint in ${folder} could not be made durable: see to the disk`, { cause: error });
  }
  if (file.newest.closed) {
    removeJournal(folder);
    return undefined;
  }
  const [a, b] = segmentsIn(folder);
  if (a === undefined || b === undefined) {
    const name = join(folder, JOURNAL_FILES[a === undefined ? 0 : 1]);
    throw fail('corrupt', `${name} is missing, and the store was not closed: put it back, or ${REMEDY}`);
  }
  unused.move();
  return { file, segments: [a, b] };
}

/**
 * Writes the checkpoint's two header pages over those in LMDB's file, which is not open: it then shows the checkpoint's
 * state. It need not be flushed: who opens after another crash goes back to the same state, until a newer one is durable.
 */
export function goBack(folder: string, { newest }: CheckpointFile): void {
  const path = join(folder, DATA_FILE);
  if (!existsSync(path)) throw fail('corrupt', `${path} is missing: ${REMEDY}`);
  const descriptor = openSync(path, 'r+');
  try {
    const { length } = newest.headers;
    if (fstatSync(descriptor).size < length) throw fail('corrupt', `${path} is cut: ${REMEDY}`);
    // Also where they look the same: after a flush that failed what is read may not be what the disk has.
    for (let done = 0; done < length;) done += writeSync(descriptor, newest.headers, done, length - done, done);
  } finally {
    closeSync(descriptor);
  }
}

/** Frames that follow each other from the start of a segment; behind what is none, all that begin at a page. */
function* framesIn(segment: Buffer): Generator<Frame & { readonly at: number }> {
  for (let at = 0; at < segment.length;) {
    const frame = readFrame(segment, at);
    if (frame !== undefined) yield { ...frame, at };
    at += frame?.bytes ?? PAGE;
  }
}

/** A group's records, if they go on from `place`: all of them, or none. Throws `corrupt` where only the first ones do. */
function chained({ records }: Frame, place: Place): Chained[] | undefined {
  const group: Chained[] = [];
  let { position, hash } = place;
  for (const record of records) {
    const { batch, previousHash } = decodeLogRecord(record, 'a record of the journal');
    const { previous } = batch;
    const follows = previous.sequence === position.sequence && previous.epoch === position.epoch;
    if (!follows || !Buffer.from(previousHash).equals(hash)) {
      if (group.length === 0) return undefined;
      throw fail('corrupt', `the journal is damaged: record ${batch.position.sequence} does not chain; ${REMEDY}`);
    }
    group.push({ batch, record });
    ({ position, hash } = batch);
  }
  return group;
}

/** Groups from `place` on, to the end of the journal: through the segment that goes on from there, then through the other. */
function* groupsFrom(segments: readonly Buffer[], place: Place): Generator<Chained[], void> {
  const left = new Set(segments);
  let end = place;
  for (let found = true; found;) {
    found = false;
    for (const segment of left) {
      for (let at = 0; ;) {
        const frame = readFrame(segment, at);
        const group = frame === undefined ? undefined : chained(frame, end);
        const last = group?.at(-1)?.batch;
        if (frame === undefined || group === undefined || last === undefined) break;
        found = left.delete(segment) || found;
        yield group;
        end = last;
        at += frame.bytes;
      }
    }
  }
}

/**
 * A frame is written when the one before it is durable: behind the end of the journal there can be none of later records,
 * only the one that a crash cut, and what segments held before. So one there tells that an acknowledged one is damaged.
 */
function checkEnd(segments: readonly Buffer[], { position }: Place): void {
  for (const segment of segments) {
    for (const { records } of framesIn(segment)) {
      const [record] = records;
      if (record === undefined) continue;
      const { batch } = decodeLogRecord(record, 'a record of the journal');
      if (batch.position.epoch !== position.epoch || batch.position.sequence <= position.sequence) continue;
      const what = `the journal is damaged behind record ${position.sequence}: it holds record ${batch.position.sequence}`;
      throw fail('corrupt', `${what}, and not those between: ${REMEDY}`);
    }
  }
}

function bytesOf(group: readonly Chained[]): number {
  return group.reduce((sum, { record }) => sum + record.length, 0);
}

function checkRoom(folder: string, groups: readonly (readonly Chained[])[]): void {
  const newest = groups.at(-1);
  if (newest === undefined) return;
  const changes = newest.reduce((sum, { batch }) => sum + batch.writes.length + 1, 0);
  const needed = Math.ceil(bytesOf(newest) * ROOM.byte) + changes * ROOM.change + ROOM.pages;
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= needed) return;
  // Before LMDB finds out: a write of it that fails ends the process.
  const what = `there is no room in ${folder} to bring the store up to its journal`;
  throw fail('internal', `${what}: ${needed} bytes have to be free, ${bavail * bsize} are`);
}

/**
 * Commits to LMDB what the journal holds beyond `place`, where LMDB stands; gives where it stands then. Nothing of it is
 * durable in LMDB's file: the checkpoint stays what counts, so that it can be done again. Throws `corrupt`; `internal`
 * when there is no room, or LMDB could not write.
 */
export async function replay(
  left: LeftBehind,
  place: Place,
  folder: string,
  tables: Pick<Tables, 'commit'>,
): Promise<Place> {
  const { segments } = left;
  const groups = [...groupsFrom(segments, place)];
  const end = groups.at(-1)?.at(-1)?.batch ?? place;
  checkEnd(segments, end);
  checkRoom(folder, groups);
  let group: Chained[] = [];
  let size = 0;
  const commit = async (): Promise<void> => {
    const last = group.at(-1)?.batch;
    if (last === undefined) return;
    await tables.commit(group, last, 'storage.in-replay');
    group = [];
    size = 0;
  };
  for (const next of groups) {
    group.push(...next);
    size += bytesOf(next);
    if (group.length >= REPLAY_RECORDS || size >= REPLAY_BYTES) await commit();
  }
  await commit();
  return end;
}

/** What a checkpoint of the replayed state is made on top of. `pin` is a reader of the state before the replay. */
export async function baseOf(
  { file, segments }: LeftBehind,
  folder: string,
  disk: Disk,
  pin: Base['pin'],
): Promise<Base> {
  await using unused = new AsyncDisposableStack();
  const data = unused.adopt(await openToFlush(join(folder, DATA_FILE)), closeFile);
  const journal = await Journal.open(folder, disk, [segments[0].length, segments[1].length]);
  unused.move();
  return { data, file, pin, journal };
}
