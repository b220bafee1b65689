/** The other ends of remote audit devices. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { DgramSocket } from 'node-unix-socket';

/** What arrived, and a way to wait for more. */
export class Arrivals {
  readonly #pieces: Buffer[] = [];
  #waiting: (() => void)[] = [];

  bytes = 0;

  add(piece: Buffer): void {
    this.bytes += piece.length;
    this.#pieces.push(piece);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  get text(): string {
    return Buffer.concat(this.#pieces).toString();
  }

  /** Lines that are whole; those that were cut off are told apart by their form. */
  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Resolves once it is true of what arrived. */
  async until(holds: (arrived: Arrivals) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

export interface StreamEnd extends AsyncDisposable {
  readonly arrived: Arrivals;
  /** Of each connection in turn. */
  readonly connections: readonly Socket[];
  readonly port: number;
}

export interface StreamOptions {
  /** A port, or the path of a socket; a free port if not given. */
  readonly at?: number | string;
  /** Told of each connection; without it everything is read. */
  readonly serve?: (socket: Socket, arrived: Arrivals, nth: number) => void;
}

export async function streamEnd({ at = 0, serve }: StreamOptions = {}): Promise<StreamEnd> {
  const arrived = new Arrivals();
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    if (serve === undefined) socket.on('data', (piece: Buffer) => arrived.add(piece));
    else serve(socket, arrived, connections.length);
  });
  if (typeof at === 'number') server.listen(at, '127.0.0.1');
  else server.listen(at);
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  return {
    ...{ arrived, connections, port: typeof address === 'string' ? 0 : address.port },
    [Symbol.asyncDispose]: async () => {
      for (const socket of connections) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

export interface DatagramEnd extends AsyncDisposable {
  readonly arrived: Arrivals;
  readonly port: number;
}

export async function udpEnd(): Promise<DatagramEnd> {
  const arrived = new Arrivals();
  const socket = createSocket('udp4', (piece) => arrived.add(piece));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    ...{ arrived, port: socket.address().port },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** As the `/dev/log` of a system. */
export function unixDatagramEnd(path: string): DatagramEnd {
  const arrived = new Arrivals();
  const socket = new DgramSocket();
  socket.on('data', (piece: Buffer) => {
    arrived.add(piece);
  });
  socket.bind(path);
  return {
    ...{ arrived, port: 0 },
    [Symbol.asyncDispose]: () => {
      socket.close();
      return Promise.resolve();
    },
  };
}

export interface HttpEnd extends AsyncDisposable {
  readonly arrived: Arrivals;
  readonly headers: IncomingHttpHeaders[];
  readonly uri: string;
}

/** `answer` gives the status of each request by its number, from 1. */
export async function httpEnd(answer: (nth: number) => number = () => 204): Promise<HttpEnd> {
  const arrived = new Arrivals();
  const headers: IncomingHttpHeaders[] = [];
  let count = 0;
  const server = createHttpServer((request, response) => {
    const nth = (count += 1);
    headers.push(request.headers);
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const status = answer(nth);
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('noted');
      if (status < 300) arrived.add(Buffer.concat(pieces));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ...{ arrived, headers, uri: `http://127.0.0.1:${String(port)}/ingress` },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
