/** A server of a web API of JSON for tests. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';

type Json = Readonly<Record<string, unknown>>;

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Of `authorization: Bearer …`; empty: there is none. */
  readonly bearer: string;
  readonly form: URLSearchParams;
  /** Of a body that is JSON. */
  readonly json: Json;
}

export interface JsonReply {
  readonly status: number;
  readonly body: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Answering = (asked: Asked) => Promise<JsonReply> | JsonReply;

export interface JsonServer extends AsyncDisposable {
  readonly url: string;
}

async function askedOf(message: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  const url = new URL(message.url ?? '/', 'http://server');
  const { method = 'GET', headers } = message;
  const isJson = (headers['content-type'] ?? '').startsWith('application/json') && body !== '';
  return {
    ...{ method, path: url.pathname, query: url.searchParams, headers },
    bearer: /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '',
    form: new URLSearchParams(isJson ? '' : body),
    json: isJson ? (JSON.parse(body) as Json) : {},
  };
}

/** On a free port; over TLS with a key and certificate, in PEM. */
export async function jsonServer(
  answer: Answering,
  tls?: { readonly key: string; readonly cert: string },
): Promise<JsonServer> {
  const listener: RequestListener = (message, response) => {
    const answered = async (): Promise<void> => {
      const { status, body, headers = {} } = await answer(await askedOf(message));
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    answered().catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  };
  const server = tls === undefined ? createServer(listener) : createSecure(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = String((server.address() as AddressInfo).port);
  return {
    url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
