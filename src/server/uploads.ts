/** Bodies and replies that go through files, since they may be larger than memory. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { fail } from '../errors.ts';
import type { Request } from '../framework/request.ts';
import type { Incoming } from './body.ts';

const PATHS: ReadonlySet<string> = new Set(['sys/storage/raft/snapshot', 'sys/storage/raft/snapshot-force']);

/** Whether the body waits until the request has been authorised. */
export function isUpload({ verb, path }: Pick<Request, 'verb' | 'path'>): boolean {
  return verb === 'update' && PATHS.has(path);
}

/** Such a request takes as long as its data takes. */
export function isLong({ path }: Pick<Request, 'path'>): boolean {
  return PATHS.has(path);
}

const uploading = new WeakSet<object>();

/** Whether Node's complaint that a request takes too long is to be passed over: only silence ends an upload. */
export function isUploading(socket: object): boolean {
  return uploading.has(socket);
}

/**
 * Writes a body into a new file. Rejects when the client goes away or is silent for `quiet` milliseconds (0 is for ever), or
 * when the disk is full.
 */
export async function receive(incoming: Incoming, path: string, quiet: number): Promise<void> {
  const { socket } = incoming;
  const end = (): void => {
    incoming.destroy();
  };
  uploading.add(socket);
  incoming.setTimeout(quiet, end);
  try {
    await pipeline(incoming, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOSPC') throw fail('internal', 'the disk has no room for the upload', { cause: error });
    throw fail('badRequest', 'the upload ended before it was complete', { cause: error });
  } finally {
    uploading.delete(socket);
    incoming.off('timeout', end).setTimeout(0);
  }
}

/** For a reply that nobody waits for any more. */
export async function dropFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

/** Sends a file and removes it. What it holds is encrypted, so that compressing it would only cost time. */
export async function sendFile(path: string, outgoing: Writable): Promise<void> {
  try {
    await pipeline(createReadStream(path), createGzip({ level: constants.Z_NO_COMPRESSION }), outgoing);
  } finally {
    await rm(path, { force: true });
  }
}
