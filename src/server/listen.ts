import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { errorCode } from '../lib/error-code.ts';
import { BACKLOG, cannotListen, listenUnix } from '../lib/listening.ts';
import type { ListenerSettings, TcpListener } from './listener.ts';

/** Resolves once connections are accepted. Throws `listenFailed`, which names the address and the remedy. */
export async function listenOn(server: Server, settings: ListenerSettings): Promise<void> {
  if (settings.kind === 'unix') await listenUnix(server, settings);
  else await listenTcp(server, settings);
}

async function listenTcp(server: Server, settings: TcpListener): Promise<void> {
  const { host, port, shared } = settings;
  try {
    if (shared === 'first' && port !== 0) await refuseTaken(host, port);
    server.listen({ host, port, backlog: BACKLOG, reusePort: shared !== undefined });
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
