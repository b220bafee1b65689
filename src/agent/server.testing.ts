/**
 * A small server of the API for tests of what follows changes: logins, KV version 2, the change subscription. It can be
 * told to misbehave, and remembers what it was asked.
 */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';
import { closed, listen } from '../client/misbehaving.testing.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { AddressInfo } from 'node:net';

export interface Ack {
  readonly index: string;
  readonly nonce: string;
  readonly files: Readonly<Record<string, { readonly version?: number; readonly digest: string }>>;
}

interface Version {
  readonly version: number;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly destroyed: boolean;
}

export interface TestServer extends AsyncDisposable {
  readonly address: string;
  /** Requests, as `GET secret/data/a`. */
  readonly asked: string[];
  /** The `X-Vault-Index` that each read of a secret carried. */
  readonly carried: (string | undefined)[];
  readonly acks: Ack[];
  readonly tokens: Set<string>;
  readonly denied: Set<string>;
  /** Paths without the capability to subscribe. */
  readonly unsubscribable: Set<string>;
  /** Seconds of the lease under which a path is read; each reading makes another secret. */
  readonly leases: Map<string, number>;
  /** Seconds that the next renewals of leases grant; none left: they are refused. */
  readonly grants: number[];
  /** What was written, in its order; each is answered with its number as `made`. */
  readonly made: { readonly path: string; readonly body: unknown }[];
  /** Every request is answered with this status. */
  status: number | undefined;
  ttl: number;
  /** Seconds within which streams promise to say something. */
  heartbeat: number;
  /** What the streams say about resuming. */
  resumable: boolean;
  readonly streams: readonly Stream[];
  /** Writes, and pushes the change. Null deletes. */
  readonly write: (path: string, data: Version['data'], options?: { silent?: boolean; destroyed?: boolean }) => string;
  readonly index: () => string;
  readonly digest: (nonce: string, data: unknown) => string;
  /** Resolves when the condition holds; it is looked at after each request and message. */
  readonly until: (condition: () => boolean) => Promise<void>;
}

export interface Stream {
  readonly query: URLSearchParams;
  readonly socket: WebSocket;
  readonly nonce: string;
  readonly send: (frame: object) => void;
}

export const roleId = 'role-of-the-test';
export const secretId = '7b0a3c1e-5f0e-4b7d-9f53-0a4a6d2f1c11';

export async function testServer(): Promise<TestServer> {
  const secrets = new Map<string, Version>();
  const history: { index: number; path: string; version: number; operation: string }[] = [];
  const waiting = new Set<() => void>();
  const streams: Stream[] = [];
  let position = 1;
  const indexText = (n: number): string => `log:${n}`;
  const look = (): void => {
    for (const wake of waiting) wake();
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      answer(request, response, Buffer.concat(chunks).toString());
      look();
    });
  });

  const reply = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-vault-index': indexText(position) });
    response.end(JSON.stringify(body));
  };

  const answer = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    const path = decodeURIComponent((request.url ?? '').replace(/^\/v1\//, '').replace(/\?.*$/, ''));
    self.asked.push(`${request.method} ${path}`);
    if (self.status !== undefined) return reply(response, self.status, { errors: ['as the test wants it'] });
    if (path === 'auth/approle/login') return login(response, body);
    const token = String(request.headers['x-vault-token']);
    if (!self.tokens.has(token)) return reply(response, 403, { errors: ['permission denied'] });
    if (path === 'auth/token/lookup-self') return reply(response, 200, { data: { ttl: self.ttl } });
    if (path === 'auth/token/renew-self') {
      return reply(response, 200, { auth: { client_token: token, lease_duration: self.ttl, renewable: true } });
    }
    if (path === 'sys/capabilities-self') {
      const { paths } = JSON.parse(body) as { paths: string[] };
      const rights = (one: string) => (self.unsubscribable.has(one) ? ['read'] : ['read', 'subscribe']);
      return reply(response, 200, { data: Object.fromEntries(paths.map((one) => [one, rights(one)])) });
    }
    const header = request.headers['x-vault-index'];
    self.carried.push(Array.isArray(header) ? header.join() : header);
    if (path === 'sys/leases/renew') return renew(response, body);
    return request.method === 'GET' ? read(response, path) : make(response, path, body);
  };

  const renew = (response: ServerResponse, body: string): void => {
    const seconds = self.grants.shift();
    if (seconds === undefined) return reply(response, 400, { errors: ['lease not found'] });
    const { lease_id } = JSON.parse(body) as { lease_id: string };
    return reply(response, 200, { lease_id, lease_duration: seconds, renewable: true });
  };

  const make = (response: ServerResponse, path: string, body: string): void => {
    const made = self.made.push({ path, body: JSON.parse(body) as unknown });
    return reply(response, 200, { data: { made } });
  };

  const login = (response: ServerResponse, body: string): void => {
    const given = JSON.parse(body) as { role_id: string; secret_id: string };
    if (given.role_id !== roleId || given.secret_id !== secretId) {
      return reply(response, 400, { errors: ['invalid role or secret ID'] });
    }
    const token = `hvs.test-${self.tokens.size}-${self.asked.length}`;
    self.tokens.add(token);
    return reply(response, 200, { auth: { client_token: token, lease_duration: self.ttl, renewable: true } });
  };

  const read = (response: ServerResponse, path: string): void => {
    if (self.denied.has(path)) return reply(response, 403, { errors: ['permission denied'] });
    const seconds = self.leases.get(path);
    if (seconds !== undefined) {
      const lease = `${path}/${self.asked.filter((each) => each === `GET ${path}`).length}`;
      return reply(response, 200, { lease_id: lease, lease_duration: seconds, renewable: true, data: { lease } });
    }
    const found = secrets.get(path);
    if (found === undefined) return reply(response, 404, { errors: [] });
    const metadata = { version: found.version, created_time: 'then', destroyed: found.destroyed };
    return reply(response, found.data === null ? 404 : 200, { data: { data: found.data, metadata } });
  };

  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'lockstep.changes.v1' });
  server.on('upgrade', (request, socket, head) => {
    self.asked.push('SUBSCRIBE');
    const token = String(request.headers['x-vault-token']);
    if (self.status !== undefined || !self.tokens.has(token)) {
      socket.end(`HTTP/1.1 ${self.status ?? 403} No\r\ncontent-length: 0\r\n\r\n`);
      look();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      begin(ws, new URL(request.url ?? '', 'http://x').searchParams);
    });
  });

  const begin = (socket: WebSocket, query: URLSearchParams): void => {
    const nonce = `nonce-${streams.length}`;
    const send = (frame: object): void => {
      socket.send(JSON.stringify(frame));
    };
    const from = Number(/^log:(\d+)$/.exec(query.get('index') ?? '')?.[1] ?? Number.NaN);
    const resumed = self.resumable && !Number.isNaN(from);
    send({ kind: 'welcome', nonce, index: indexText(resumed ? from : position), resumed, heartbeat: self.heartbeat });
    for (const { index, ...event } of resumed ? history.filter((event) => event.index > from) : []) {
      send({ kind: 'event', index: indexText(index), ...event });
    }
    send({ kind: 'mark', index: indexText(position) });
    streams.push({ query, socket, nonce, send });
    socket.on('message', (data: Buffer) => {
      self.acks.push(JSON.parse(data.toString()) as Ack);
      look();
    });
    socket.on('close', () => {
      streams.splice(0, streams.length, ...streams.filter((stream) => stream.socket !== socket));
      look();
    });
    look();
  };

  const self: TestServer = {
    address: '',
    ...{
      asked: [],
      carried: [],
      acks: [],
      tokens: new Set(),
      denied: new Set(),
      leases: new Map(),
      grants: [],
      made: [],
      unsubscribable: new Set(),
    },
    ...{ status: undefined, ttl: 3600, heartbeat: 30, resumable: true, streams },
    index: () => indexText(position),
    digest: (nonce, data) => createHmac('sha256', nonce).update(canonicalJson(data)).digest('hex'),
    write: (path, data, { silent = false, destroyed = false } = {}) => {
      const version = (secrets.get(path)?.version ?? 0) + (data === null ? 0 : 1);
      secrets.set(path, { version, data, destroyed });
      position += 1;
      const event = { path, version, operation: data === null ? 'delete' : 'write' };
      history.push({ index: position, ...event });
      for (const { send } of silent ? [] : streams) {
        send({ kind: 'event', index: indexText(position), ...event });
        send({ kind: 'mark', index: indexText(position) });
      }
      return indexText(position);
    },
    until: (condition) =>
      new Promise((resolve) => {
        const wake = (): void => {
          if (!condition()) return;
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
        wake();
      }),
    [Symbol.asyncDispose]: async () => {
      for (const client of sockets.clients) client.terminate();
      await closed(server);
    },
  };
  await listen(server, { port: 0, host: '127.0.0.1' });
  return Object.assign(self, { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
