/** moto's server from PyPI, which speaks like S3, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { pythonWith } from '../clients/support/cache.ts';

const VERSION = '5.2.5';

/**
 * Its URL. It ends with the test. `unsigned`: how many requests are served whoever asks; those that follow must be signed with a
 * key of a user or role that it made, whose policies allow them.
 */
export async function motoServer(t: Pick<TestContext, 'after'>, unsigned?: number): Promise<string> {
  const python = await pythonWith(`moto-${VERSION}-python`, [`moto[server]==${VERSION}`]);
  const child = spawn(python, ['-u', '-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...(unsigned === undefined ? {} : { INITIAL_NO_AUTH_ACTION_COUNT: String(unsigned) }) },
  });
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill();
    await once(child, 'exit');
  });
  const lines = createInterface(child.stderr);
  for await (const line of lines) {
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
    if (url === undefined) continue;
    // What it says of each request is read over, so that it never waits for a reader.
    child.stderr.resume();
    return url;
  }
  throw new Error('moto ended before it listened');
}

/** What stands between a client and the server: passes all on, or cuts each connection after so many bytes. */
export interface CuttingProxy {
  readonly url: string;
  /** Bytes that a client can still send over a connection before it is cut; undefined passes all. */
  cutAfter: number | undefined;
  /** How many connections were cut. */
  cuts: number;
}

export async function cuttingProxy(t: Pick<TestContext, 'after'>, to: string): Promise<CuttingProxy> {
  const port = Number(new URL(to).port);
  const sockets = new Set<Socket>();
  const proxy: { -readonly [K in keyof CuttingProxy]: CuttingProxy[K] } = { url: '', cutAfter: undefined, cuts: 0 };
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let sent = 0;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) sockets.add(socket.on('error', end));
    client.on('close', end);
    client.on('data', (chunk) => {
      sent += chunk.length;
      if (proxy.cutAfter !== undefined && sent > proxy.cutAfter) {
        proxy.cuts += 1;
        end();
      } else upstream.write(chunk);
    });
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  proxy.url = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`;
  return proxy;
}
