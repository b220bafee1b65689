/**
 * What our HTTP server adds to a bare `node:http`: `node bench/http.ts [seconds] [rounds]`. Each server is a process of
 * its own; rounds alternate between them, and the median is shown. CPU per request is the figure to compare: on a machine
 * that does other work, requests per second say little.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { Outcome, Request } from '../src/framework/request.ts';
import { serve } from '../src/server/http.ts';
import { median } from './measure/statistics.ts';

const connections = 16;
const data = { data: { username: 'app', password: 'x'.repeat(120) }, metadata: { version: 3, destroyed: false } };

const kinds = ['bare', 'bare, seen by JavaScript', 'ours'] as const;
type Kind = (typeof kinds)[number];
const loads: readonly (readonly [kind: Kind, method: string])[] = [
  ['bare', 'GET'],
  ['bare, seen by JavaScript', 'GET'],
  ['ours', 'GET'],
  ['ours', 'LIST'],
];

/** The least that can answer with our bytes; the second looks at each chunk first, as a `data` listener must. */
function bare(port: (port: number) => void, seen: boolean): void {
  const body = Buffer.from(`${JSON.stringify(outcome({ id: '0'.repeat(36) }))}\n`);
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
  });
  if (seen) {
    server.on('connection', (socket) => {
      socket.prependListener('data', (chunk: Buffer) => {
        if (chunk[0] === 0x4c && chunk[1] === 0x49 && chunk[2] === 0x53) chunk[2] = 0x4e;
      });
    });
  }
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    port(typeof address === 'object' && address !== null ? address.port : 0);
  });
}

function outcome({ id }: Pick<Request, 'id'>): Outcome {
  return {
    ...{ status: 200, requestId: id, leaseId: '', leaseDuration: 0, renewable: false, auth: null, wrapInfo: null },
    ...{ warnings: null, mountType: 'kv', headers: {}, reply: { status: 200, data } },
  };
}

async function serveOne(kind: Kind): Promise<void> {
  const tell = (port: number): boolean => process.send?.({ port }) ?? false;
  if (kind === 'ours') {
    const nothing = (): void => undefined;
    const serving = await serve({
      handler: { handle: outcome },
      listeners: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
      log: { info: nothing, warn: nothing, error: nothing },
    });
    tell(Number(new URL(serving.addresses[0] ?? '').port));
  } else bare(tell, kind !== 'bare');
  process.on('message', () => process.send?.({ cpu: process.cpuUsage() }));
}

interface Figures {
  readonly perSecond: number;
  readonly cpu: number;
}

/** Keep-alive connections that ask again as soon as they were answered. */
function load(port: number, method: string, milliseconds: number): Promise<number> {
  const message = Buffer.from(
    `${method} /v1/secret/data/app HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: hvs.aaaaaaaaaaaaaaaaaaaaaaaa\r\n` +
      'User-Agent: bench\r\nAccept: */*\r\n\r\n',
  );
  let answers = 0;
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('data', () => {
      answers++;
      socket.write(message);
    });
    socket.write(message);
    return socket;
  });
  return new Promise((resolve) => {
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
      resolve(answers);
    }, milliseconds);
  });
}

async function measure(kind: Kind, method: string, milliseconds: number): Promise<Figures> {
  const child = fork(import.meta.filename, ['serve', kind]);
  const hear = async (): Promise<{ readonly port: number; readonly cpu: NodeJS.CpuUsage }> => {
    const [message] = (await once(child, 'message')) as [{ readonly port: number; readonly cpu: NodeJS.CpuUsage }];
    return message;
  };
  const spent = async (): Promise<number> => {
    child.send('cpu');
    const { cpu } = await hear();
    return cpu.user + cpu.system;
  };
  const { port } = await hear();
  await load(port, method, 500);
  const before = await spent();
  const answers = await load(port, method, milliseconds);
  const cpu = (await spent()) - before;
  child.kill();
  await once(child, 'exit');
  return { perSecond: (answers * 1000) / milliseconds, cpu: cpu / answers };
}

async function main(seconds: number, rounds: number): Promise<void> {
  const results = new Map<string, Figures[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [kind, method] of loads) {
      const figures = await measure(kind, method, seconds * 1000);
      const key = `${kind}, ${method}`;
      results.set(key, [...(results.get(key) ?? []), figures]);
    }
  }
  const base = median((results.get('bare, GET') ?? []).map(({ cpu }) => cpu));
  for (const [key, figures] of results) {
    const cpu = median(figures.map((one) => one.cpu));
    const perSecond = Math.round(median(figures.map((one) => one.perSecond)));
    const ratio = (cpu / base).toFixed(2);
    console.log(
      `${key.padEnd(32)} ${cpu.toFixed(1).padStart(6)} µs CPU/request  × ${ratio}  ${String(perSecond)} requests/s`,
    );
  }
}

const [first, second] = process.argv.slice(2);
if (first === 'serve') await serveOne(kinds.find((kind) => kind === second) ?? 'bare');
else await main(Number(first ?? 3), Number(second ?? 5));
