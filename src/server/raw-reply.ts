/** Replies where there is no request to answer: the parser gave up, or the connection was handed over. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../lib/node-http.ts';
import type { HeaderRules } from '../framework/request.ts';
import { headersFor } from './response-headers.ts';
import { isUploading } from './uploads.ts';

export interface Refusal {
  readonly status: number;
  readonly message?: string | undefined;
}

/** A whole HTTP/1.1 reply in Vault's error format, with what the listener always sends; then the connection ends. */
export function respondRaw(socket: Duplex, { status, message = '' }: Refusal, rules: HeaderRules | undefined): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = `${JSON.stringify({ errors: message === '' ? [] : [message] })}\n`;
  const own = Object.entries(headersFor(rules, status)).map(([name, value]) => `${name}: ${value}\r\n`);
  const head =
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}\r\nCache-Control: no-store\r\n${own.join('')}` +
    `Content-Type: application/json\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body, () => socket.destroy());
}

const statuses: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'the request headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the chunk extensions are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive in time'],
};

/**
 * For `clientError`. What went wrong behind a request that is still in work says nothing about that one: it is answered,
 * then the connection ends.
 */
export function rejectClient(error: NodeJS.ErrnoException, socket: Duplex, rules: HeaderRules | undefined): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isUploading(socket)) return;
  reject(error.code ?? '', socket, rules);
}

const answerOn = (socket: Duplex): ServerResponse | undefined =>
  (socket as Duplex & { readonly _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;

/** Where a whole request is still in work: it is answered, and then the connection ends. False: there is none. */
export function endsBehindReply(socket: Duplex): boolean {
  const current = answerOn(socket);
  if (current === undefined || !current.req.complete || current.writableEnded) return false;
  current.shouldKeepAlive = false;
  current.once('close', () => socket.destroy());
  return true;
}

function reject(code: string, socket: Duplex, rules: HeaderRules | undefined): void {
  if (endsBehindReply(socket)) return;
  const isHttp = code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT';
  if (!isHttp || answerOn(socket)?.headersSent === true) {
    socket.destroy();
    return;
  }
  const [status, message] = statuses[code] ?? [400, 'the request is not valid HTTP'];
  respondRaw(socket, { status, message }, rules);
}
