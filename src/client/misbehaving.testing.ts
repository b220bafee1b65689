import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Which connection it came on, from 0. */
  readonly connection: number;
}

export interface Misbehaving extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly seen: readonly Seen[];
}

export type Answer = (response: ServerResponse, seen: Seen) => void;

/** A real HTTP server whose n-th request gets the n-th answer; the last answer repeats. */
export async function misbehave(...answers: readonly Answer[]): Promise<Misbehaving> {
  const seen: Seen[] = [];
  const connections = new Map<unknown, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (!connections.has(request.socket)) connections.set(request.socket, connections.size);
      const entry: Seen = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        connection: connections.get(request.socket) ?? -1,
      };
      const answer = answers[Math.min(seen.length, answers.length - 1)];
      seen.push(entry);
      answer?.(response, entry);
    });
  });
  await listen(server, { port: 0, host: '127.0.0.1' });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    port,
    seen,
    [Symbol.asyncDispose]: () => closed(server),
  };
}

export function listen(server: Server, options: { port: number; host: string } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, resolve);
  });
}

export function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Takes the request and cuts the connection without an answer. */
export const cut: Answer = (response) => {
  response.socket?.destroy();
};

/** Cuts in the middle of a body. */
export const cutInBody: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"data":{"a":', () => response.socket?.destroy());
};

/** Takes the request and never answers. */
export const silent: Answer = () => undefined;
