/** Listening, with errors that name the address and the remedy; and Unix sockets, which are files that a killed process leaves behind. */
import { once } from 'node:events';
import { chmod, chown, lstat, stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { fail } from '../errors.ts';
import { errorCode } from './error-code.ts';

export interface UnixSocket {
  readonly path: string;
  /** Permission bits; 0o600 if not given. */
  readonly mode?: number | undefined;
  /** Numeric ids; as the process if not given. */
  readonly user?: number | undefined;
  readonly group?: number | undefined;
}

/** Connections that the kernel keeps while the process is busy. */
export const BACKLOG = 1_024;

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there: end it, or give this listener another address',
  EADDRNOTAVAIL: 'this machine has no such address: give an address of one of its interfaces, or 0.0.0.0',
  EACCES: 'permission denied: ports below 1024 and protected directories need a privileged user',
  ENOTFOUND: 'the host name cannot be resolved',
  ENOENT: 'the directory of the socket does not exist: create it',
  EINVAL: 'the address is not valid (the path of a socket has at most 107 bytes)',
};

/** `listenFailed`. */
export function cannotListen(where: string, code: string, cause?: unknown): Error {
  return fail('listenFailed', `cannot listen on ${where}: ${remedies[code] ?? code}`, { cause });
}

/** Resolves once connections are accepted. Throws `listenFailed`: for a path, too, where something else lies. */
export async function listenUnix(server: Server, settings: UnixSocket): Promise<void> {
  const { path, mode = 0o600, user, group } = settings;
  await removeDeadSocket(path);
  try {
    // libuv says EACCES where the directory is missing.
    await stat(dirname(path));
    bindPrivately(server, path);
    await once(server, 'listening');
    if (user !== undefined || group !== undefined) await chown(path, user ?? -1, group ?? -1);
    await chmod(path, mode);
  } catch (error) {
    if (server.listening) server.close();
    throw cannotListen(path, errorCode(error), error);
  }
}

/** Nobody else gets in between bind and chmod. The mask is the process's: a worker thread cannot set it. */
function bindPrivately(server: Server, path: string): void {
  if (!isMainThread) {
    server.listen({ path, backlog: BACKLOG });
    return;
  }
  const before = process.umask(0o177);
  try {
    server.listen({ path, backlog: BACKLOG });
  } finally {
    process.umask(before);
  }
}

/** Only what is a socket and refuses connections is removed: never a file, never a socket that somebody serves. */
async function removeDeadSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw fail('listenFailed', `cannot listen on ${path}: something that is not a socket lies there; move it away`);
  }
  if (await isServed(path)) throw cannotListen(path, 'EADDRINUSE');
  await unlink(path).catch((error: unknown) => {
    throw cannotListen(path, errorCode(error), error);
  });
}

async function isServed(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    return errorCode(error) !== 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
