import { once } from 'node:events';
import { chmod, chown, lstat, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { fail } from '../errors.ts';
import type { ListenerSettings, TcpListener, UnixListener } from './listener.ts';
import { errorCode } from '../lib/error-code.ts';

/** Connections that the kernel keeps while the process is busy. */
const backlog = 1_024;

/** Resolves once connections are accepted. Throws `listenFailed`, which names the address and the remedy. */
export async function listenOn(server: Server, settings: ListenerSettings): Promise<void> {
  if (settings.kind === 'unix') await listenUnix(server, settings);
  else await listenTcp(server, settings);
}

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there: end it, or give this listener another address',
  EADDRNOTAVAIL: 'this machine has no such address: give an address of one of its interfaces, or 0.0.0.0',
  EACCES: 'permission denied: ports below 1024 and protected directories need a privileged user',
  ENOTFOUND: 'the host name cannot be resolved',
  ENOENT: 'the directory of the socket does not exist: create it',
  EINVAL: 'the address is not valid (the path of a socket has at most 107 bytes)',
};

function cannotListen(where: string, code: string, cause?: unknown): Error {
  return fail('listenFailed', `cannot listen on ${where}: ${remedies[code] ?? code}`, { cause });
}

async function listenTcp(server: Server, settings: TcpListener): Promise<void> {
  const { host, port, shared } = settings;
  try {
    if (shared === 'first' && port !== 0) await refuseTaken(host, port);
    server.listen({ host, port, backlog, reusePort: shared !== undefined });
    await once(server, 'listening');
  } catch (error) {
    throw cannotListen(`${host}:${String(port)}`, errorCode(error), error);
  }
}

/** A port that is open to sharing would be shared with another process of this user, silently: so it is taken alone first. */
async function refuseTaken(host: string, port: number): Promise<void> {
  const alone = createServer().listen({ host, port });
  await once(alone, 'listening');
  alone.close();
  await once(alone, 'close');
}

async function listenUnix(server: Server, settings: UnixListener): Promise<void> {
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
    server.listen({ path, backlog });
    return;
  }
  const before = process.umask(0o177);
  try {
    server.listen({ path, backlog });
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
