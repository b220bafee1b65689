/** One request of a webhook: bounded in time and size, sent nowhere else than it says. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as overTls } from 'node:https';
import { request as overHttp } from '../../lib/node-http.ts';
import { wholeBody } from '../../lib/whole-body.ts';
import { ProviderProblem, type ProblemKind } from '../contract.ts';
import { mustBeOpen, openLookup } from './reachable.ts';

export interface WebhookRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** PEM. */
  readonly ca: string | undefined;
  /** Milliseconds until the last byte. */
  readonly timeout: number;
  /** Whether it may go to this machine and to link-local addresses. */
  readonly anywhere: boolean;
}

const LARGEST = 4 * 1024 * 1024;

function kindOf(status: number): ProblemKind {
  if (status === 401 || status === 403 || status === 407) return 'denied';
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'unreachable';
  return status < 400 ? 'invalid' : 'unsuitable';
}

const tooLong = (): ProviderProblem =>
  new ProviderProblem('unsuitable', `the webhook answers with more than ${String(LARGEST)} bytes`);

function opened({ method, url, headers, body, ca, anywhere }: WebhookRequest, signal: AbortSignal) {
  const send = url.protocol === 'https:' ? overTls : overHttp;
  if (!anywhere) mustBeOpen(url.hostname);
  const asking = send(url, {
    ...{ method, signal, agent: false },
    headers: { ...headers, ...(body.length === 0 ? {} : { 'content-length': String(body.length) }) },
    ...(anywhere ? {} : { lookup: openLookup }),
    ...(url.protocol === 'https:' ? { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) } : {}),
  });
  asking.end(body);
  return asking;
}

function failed(error: unknown, where: string): unknown {
  if (error instanceof ProviderProblem) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
  // Node's own word for what cannot be sent: a header with a line end in it.
  const kind = code.startsWith('ERR_INVALID') || code.startsWith('ERR_UNESCAPED') ? 'invalid' : 'unreachable';
  return new ProviderProblem(kind, `the webhook at ${where} cannot be asked: ${code}`, { cause: error });
}

/**
 * Undefined: 404, the secret is not there. Rejects with `ProviderProblem`, which names the host alone, as the rest of the address
 * can hold secrets, or with the reason of the signal.
 */
export async function ask(asking: WebhookRequest, signal: AbortSignal): Promise<Uint8Array | undefined> {
  signal.throwIfAborted();
  const where = asking.url.host;
  try {
    const request = opened(asking, AbortSignal.any([signal, AbortSignal.timeout(asking.timeout)]));
    const [message] = (await once(request, 'response')) as [IncomingMessage];
    const body = await wholeBody(message, LARGEST, tooLong);
    const { statusCode: status = 0 } = message;
    if (status >= 200 && status < 300) return body;
    if (status === 404) return undefined;
    const more = status < 400 ? ', and is not followed: name the address itself' : '';
    throw new ProviderProblem(kindOf(status), `the webhook at ${where} answers ${String(status)}${more}`);
  } catch (error) {
    signal.throwIfAborted();
    throw failed(error, where);
  }
}
