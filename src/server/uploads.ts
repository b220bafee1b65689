/** Bodies and replies that go through files, since they may be larger than memory. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { fail, isLockstepError } from '../errors.ts';
import type { Request } from '../framework/request.ts';
import { roomIn } from '../lib/disk-room.ts';
import { errorCode } from '../lib/error-code.ts';
import type { Incoming } from './body.ts';
import type { Encoded } from './envelope.ts';

const PATHS: ReadonlySet<string> = new Set(
  ['snapshot', 'snapshot-force', 'snapshot-load'].map((name) => `sys/storage/raft/${name}`),
);
const FROM_TARGET = 'sys/storage/raft/snapshot-auto/snapshot-load/';

/** Whether the body waits until the request has been authorised. */
export function isUpload({ verb, path }: Pick<Request, 'verb' | 'path'>): boolean {
  return verb === 'update' && PATHS.has(path);
}

/** Such a request takes as long as its data takes. */
export function isLong({ path }: Pick<Request, 'path'>): boolean {
  return PATHS.has(path) || path.startsWith(FROM_TARGET);
}

const uploading = new WeakSet<object>();

/** Whether Node's complaint that a request takes too long is to be passed over: only silence ends an upload. */
export function isUploading(socket: object): boolean {
  return uploading.has(socket);
}

/** So often it is looked whether there is room for more. */
const LOOK_BYTES = 8 * 1024 * 1024;

export interface Receiving {
  /** Milliseconds of silence that end it; 0 is for ever. */
  readonly quiet: number;
  /** As `roomIn`. */
  readonly room?: (folder: string) => Promise<number>;
}

const noRoom = (): Error => fail('internal', 'the disk has no room for the upload: free the disk, then try again');

/** Passes on what there is room for: an upload that filled the disk would end the node. */
async function* bounded(body: AsyncIterable<Uint8Array>, room: () => Promise<number>): AsyncGenerator<Uint8Array> {
  let left = 0;
  for await (const chunk of body) {
    left -= chunk.length;
    if (left < 0) {
      if ((await room()) < LOOK_BYTES) throw noRoom();
      left = LOOK_BYTES;
    }
    yield chunk;
  }
}

/** Writes a body into a new file. Rejects when the client goes away or is silent, or when the disk has no room. */
export async function receive(incoming: Incoming, path: string, { quiet, room = roomIn }: Receiving): Promise<void> {
  const { socket } = incoming;
  const free = (): Promise<number> => room(dirname(path));
  // Before anything is read, so that it is answered.
  if ((await free()) < Number(incoming.headers['content-length'] ?? 0)) throw noRoom();
  const end = (): void => {
    incoming.destroy();
  };
  uploading.add(socket);
  incoming.setTimeout(quiet, end);
  try {
    const limited = (body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => bounded(body, free);
    await pipeline(incoming, limited, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    if (isLockstepError(error)) throw error;
    if (errorCode(error) === 'ENOSPC') throw noRoom();
    throw fail('badRequest', 'the upload ended before it was complete', { cause: error });
  } finally {
    uploading.delete(socket);
    incoming.off('timeout', end).setTimeout(0);
  }
}

/** For a reply that nobody waits for any more: its file goes, and its source is told to end. */
export async function dropBody({ file, stream }: Pick<Encoded, 'file' | 'stream'>): Promise<void> {
  if (file !== undefined) await rm(file, { force: true }).catch(() => undefined);
  await stream?.[Symbol.asyncIterator]().return?.();
}

/** A reply that is written to, and can be told that nobody takes it. */
export interface Sink extends Writable {
  setTimeout(milliseconds: number, over?: () => void): unknown;
}

/**
 * Sends a file and removes it. What it holds is encrypted, so that compressing it would only cost time. A reader that
 * takes nothing for `quiet` milliseconds is cut off (0: never): its file would stay.
 */
export async function sendFile(path: string, outgoing: Sink, quiet: number): Promise<void> {
  // Once the reply is out, the connection's own time holds again.
  outgoing.setTimeout(quiet, () => {
    outgoing.destroy();
  });
  try {
    await pipeline(createReadStream(path), createGzip({ level: constants.Z_NO_COMPRESSION }), outgoing);
  } finally {
    await rm(path, { force: true });
  }
}
