/** A node with its HTTP listener and events endpoint, and subscribers that can be asked what they were told. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Node } from '../../src/core/node.ts';
import { serve } from '../../src/server/http.ts';
import { eventsEndpoint } from '../../src/server/websocket.ts';
import { quiet } from '../../src/server/server.testing.ts';
import { ask, runningNode, type TestNodeOptions } from './node.ts';

export type Frame = Readonly<Record<string, unknown>> & { readonly kind?: string };

export class Subscriber {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  #wake: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString('utf8')) as Frame);
      this.#changed();
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString('utf8') };
      this.#changed();
    });
    socket.on('error', () => undefined);
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** The first frame, of those that are here or still come, that holds; throws when the stream ends before. */
  async until(holds: (frame: Frame) => boolean, from = 0): Promise<Frame> {
    for (let at = from; ;) {
      for (; at < this.frames.length; at += 1) {
        const frame = this.frames[at];
        if (frame !== undefined && holds(frame)) return frame;
      }
      if (this.closed !== undefined) throw new Error(`the stream ended: ${JSON.stringify(this.frames.at(-1))}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async ended(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.closed === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.closed;
  }

  get events(): readonly Frame[] {
    return this.frames.filter(({ kind }) => kind === 'event');
  }

  /** A mark that is sent after what is here now. */
  mark(): Promise<Frame> {
    return this.until(({ kind }) => kind === 'mark', this.frames.length);
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }
}

export interface Asking {
  readonly token?: string;
  readonly paths?: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly vault?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface EventsServer extends AsyncDisposable {
  readonly node: Node;
  readonly root: string;
  readonly url: string;
  /** The WebSocket before it is open. */
  readonly connect: (asking: Asking) => WebSocket;
  readonly subscribe: (asking: Asking) => Promise<Subscriber>;
  /** Resolves with the HTTP status of the refusal. */
  readonly refused: (asking: Asking) => Promise<number>;
  readonly write: (path: string, data: Readonly<Record<string, unknown>>) => Promise<string>;
  /** Seals the node and opens it again: what was in memory is gone. */
  readonly reopen: () => Promise<void>;
  /** A token with these rules. */
  readonly token: (name: string, rules: string) => Promise<string>;
}

interface Given {
  readonly node: Node;
  readonly root: string;
  readonly share?: string;
}

export async function serveEvents(given: Given): Promise<EventsServer> {
  const { node, root } = given;
  const events = eventsEndpoint({ node });
  const listeners = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] as const;
  const serving = await serve({ handler: node, listeners, log: quiet, grace: 100, upgrade: events.upgrade });
  const [url = ''] = serving.addresses;
  const connect = ({ token = root, paths = [], query = {}, type = '*', vault = false, headers = {} }: Asking) => {
    const search = new URLSearchParams(query);
    for (const path of paths) search.append('path', path);
    const address = `${url.replace('http', 'ws')}/v1/sys/events/subscribe/${type}?${search.toString()}`;
    const options = { headers: { ...(token === '' ? {} : { 'X-Vault-Token': token }), ...headers } };
    return vault ? new WebSocket(address, options) : new WebSocket(address, 'lockstep.changes.v1', options);
  };
  return {
    ...{ node, root, url, connect },
    subscribe: async (asking) => {
      const subscriber = new Subscriber(connect(asking));
      await once(subscriber.socket, 'open');
      if (asking.vault !== true) await subscriber.until(({ kind }) => kind === 'mark');
      return subscriber;
    },
    refused: async (asking) => {
      const socket = connect(asking);
      socket.on('error', () => undefined);
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      socket.terminate();
      return response.statusCode;
    },
    write: async (path, data) => {
      const written = await ask(node, 'POST', `secret/data/${path}`, { token: root, body: { data } });
      if (written.status !== 200) throw new Error(JSON.stringify(written.errors));
      return written.headers['X-Vault-Index'] ?? '';
    },
    reopen: async () => {
      await node.seal();
      await node.unseal(Buffer.from(given.share ?? '', 'hex'));
    },
    token: async (name, policy) => {
      await ask(node, 'PUT', `sys/policies/acl/${name}`, { token: root, body: { policy } });
      const body = { policies: [name], no_default_policy: true };
      const made = await ask(node, 'POST', 'auth/token/create', { token: root, body });
      return String(made.auth?.['client_token']);
    },
    [Symbol.asyncDispose]: async () => {
      events.close('shutdown');
      await serving.close();
      await node[Symbol.asyncDispose]();
    },
  };
}

export async function eventsServer(options: TestNodeOptions = {}): Promise<EventsServer> {
  const running = await runningNode(options);
  const body = { type: 'kv', options: { version: '2' } };
  await ask(running.node, 'POST', 'sys/mounts/secret', { token: running.root, body });
  return serveEvents(running);
}
