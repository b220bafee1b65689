/** One request over HTTP: bounded in time and size, sent nowhere else than it says. */
import { once } from 'node:events';
import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as overTls } from 'node:https';
import { request as overHttp } from '../lib/node-http.ts';
import { wholeBody } from '../lib/whole-body.ts';
import { ProviderProblem, type ProblemKind } from './contract.ts';
import { mustBeOpen, openLookup } from './reachable.ts';

export interface WebRequest {
  /** Who is asked, as a message names it: `the webhook`, `Google`. */
  readonly whom: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** PEM. */
  readonly ca?: string | undefined;
  /** Milliseconds until the last byte. */
  readonly timeout: number;
  /** Whether it may go to this machine and to link-local addresses. */
  readonly anywhere: boolean;
  /** What keeps connections; absent: a connection of its own. One is for requests of the same `anywhere` alone. */
  readonly agent?: Agent | undefined;
}

export interface WebAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

const LARGEST = 4 * 1024 * 1024;

/** What a status that is no success says of the asking. */
export function problemKindOf(status: number): ProblemKind {
  if (status === 401 || status === 403 || status === 407) return 'denied';
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'unreachable';
  return status < 400 ? 'invalid' : 'unsuitable';
}

function opened({ method, url, headers, body, ca, anywhere, agent }: WebRequest, signal: AbortSignal) {
  const send = url.protocol === 'https:' ? overTls : overHttp;
  if (!anywhere) mustBeOpen(url.hostname);
  const asking = send(url, {
    ...{ method, signal, agent: agent ?? false },
    headers: { ...headers, ...(body.length === 0 ? {} : { 'content-length': String(body.length) }) },
    ...(anywhere ? {} : { lookup: openLookup }),
    ...(url.protocol === 'https:' ? { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) } : {}),
  });
  asking.end(body);
  return asking;
}

function failed(error: unknown, whom: string, where: string): unknown {
  if (error instanceof ProviderProblem) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
  // Node's own word for what cannot be sent: a header with a line end in it.
  const kind = code.startsWith('ERR_INVALID') || code.startsWith('ERR_UNESCAPED') ? 'invalid' : 'unreachable';
  return new ProviderProblem(kind, `${whom} at ${where} cannot be asked: ${code}`, { cause: error });
}

/**
 * Any answer, whatever its status; a redirect is not followed. Rejects with `ProviderProblem`, which names the host alone, as the
 * rest of the address can hold secrets, or with the reason of the signal.
 */
export async function exchange(asking: WebRequest, signal: AbortSignal): Promise<WebAnswer> {
  signal.throwIfAborted();
  const { whom } = asking;
  const where = asking.url.host;
  const tooLong = (): ProviderProblem =>
    new ProviderProblem('unsuitable', `${whom} answers with more than ${String(LARGEST)} bytes`);
  try {
    const request = opened(asking, AbortSignal.any([signal, AbortSignal.timeout(asking.timeout)]));
    const [message] = (await once(request, 'response')) as [IncomingMessage];
    const body = await wholeBody(message, LARGEST, tooLong);
    return { status: message.statusCode ?? 0, headers: message.headers, body };
  } catch (error) {
    signal.throwIfAborted();
    throw failed(error, whom, where);
  }
}
