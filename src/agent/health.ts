/** `/healthz` and `/metrics`, on listeners of their own. Neither tells a secret. */
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { AgentListener } from '../config/agent.ts';
import { fail } from '../errors.ts';
import { listenUnix, type UnixSocket } from '../lib/listening.ts';
import type { Logger } from '../lib/log.ts';
import { groupId, userId } from '../lib/system-account.ts';
import { explain } from '../client/explain.ts';

export interface Health {
  /** Names of what is not in place or too old, and why. */
  readonly missing: readonly { readonly name: string; readonly condition: string }[];
}

export interface Pages {
  readonly health: () => Health;
  /** In the text format of Prometheus. */
  readonly metrics: () => string;
}

type TcpListener = Extract<AgentListener, { type: 'tcp' }>;
type UnixListener = Extract<AgentListener, { type: 'unix' }>;

const mostConnections = 64;

function answer(pages: Pages): RequestListener {
  return (request, response) => {
    const respond = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', connection: 'close' });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      respond(405, 'text/plain', 'only GET and HEAD\n');
      return;
    }
    const path = (request.url ?? '').split('?', 1)[0];
    if (path === '/healthz') {
      const { missing } = pages.health();
      const status = missing.length === 0 ? 'ok' : 'incomplete';
      respond(missing.length === 0 ? 200 : 503, 'application/json', `${JSON.stringify({ status, missing })}\n`);
    } else if (path === '/metrics') {
      respond(200, 'text/plain; version=0.0.4; charset=utf-8', pages.metrics());
    } else respond(404, 'text/plain', 'there are /healthz and /metrics\n');
  };
}

async function secureContext(listener: TcpListener): Promise<SecureContextOptions> {
  const { tls_cert_file, tls_key_file, tls_client_ca_file, tls_cipher_suites } = listener;
  return {
    cert: await readFile(tls_cert_file ?? ''),
    key: await readFile(tls_key_file ?? ''),
    ...(tls_client_ca_file === undefined ? {} : { ca: await readFile(tls_client_ca_file) }),
    ...(tls_cipher_suites.length === 0 ? {} : { ciphers: tls_cipher_suites.join(':') }),
    minVersion: listener.tls_min_version === 'tls13' ? 'TLSv1.3' : 'TLSv1.2',
    maxVersion: listener.tls_max_version === 'tls12' ? 'TLSv1.2' : 'TLSv1.3',
  };
}

function isLoopback(host: string): boolean {
  return /^(127\.[0-9.]+|localhost|::1|\[::1\])$/.test(host);
}

function socketOf({ address, socket_mode, socket_user, socket_group }: UnixListener): UnixSocket {
  return {
    path: address,
    mode: socket_mode,
    user: socket_user === undefined ? undefined : userId(socket_user),
    group: socket_group === undefined ? undefined : groupId(socket_group),
  };
}

export class HealthListeners {
  readonly #servers: { readonly server: Server | SecureServer; readonly listener: AgentListener }[] = [];
  readonly #log: Logger;

  private constructor(log: Logger) {
    this.#log = log;
  }

  /** Throws `listenFailed`. */
  static async open(listeners: readonly AgentListener[], pages: Pages, log: Logger): Promise<HealthListeners> {
    const opened = new HealthListeners(log);
    try {
      for (const listener of listeners) await opened.#listen(listener, answer(pages));
    } catch (error) {
      await opened.close();
      throw fail('listenFailed', `cannot listen for health and metrics: ${explain(error)}`);
    }
    return opened;
  }

  /** Reads certificates again. */
  async reload(): Promise<void> {
    for (const { server, listener } of this.#servers) {
      if (listener.type !== 'tcp' || !('setSecureContext' in server)) continue;
      try {
        server.setSecureContext(await secureContext(listener));
      } catch (error) {
        this.#log.error('keeping the old certificate', { error: explain(error) });
      }
    }
  }

  async close(): Promise<void> {
    for (const { server } of this.#servers.splice(0)) {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
    }
  }

  async #listen(listener: AgentListener, handler: RequestListener): Promise<void> {
    const server = await this.#serverFor(listener, handler);
    server.maxConnections = mostConnections;
    server.headersTimeout = 5_000;
    server.requestTimeout = 10_000;
    if (listener.type === 'unix') {
      await listenUnix(server, socketOf(listener));
      this.#servers.push({ server, listener });
      this.#log.info('serving health and metrics', { address: listener.address });
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(listener.address, resolve);
    await promise;
    this.#servers.push({ server, listener });
    const { port } = server.address() as AddressInfo;
    const address = `${listener.address.host}:${port}`;
    this.#log.info('serving health and metrics', { address });
  }

  async #serverFor(listener: AgentListener, handler: RequestListener): Promise<Server | SecureServer> {
    if (listener.type === 'unix') return createServer(handler);
    if (listener.tls_disable) {
      if (!isLoopback(listener.address.host)) {
        this.#log.warn('health and metrics can be read from other machines', { host: listener.address.host });
      }
      return createServer(handler);
    }
    const { tls_client_ca_file: ca, tls_disable_client_certs: none } = listener;
    const required = listener.tls_require_and_verify_client_cert;
    const verification = { requestCert: ca !== undefined && !none, rejectUnauthorized: required };
    return createSecureServer({ ...(await secureContext(listener)), ...verification }, handler);
  }
}
