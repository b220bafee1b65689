/** Requests to an API server: bounded in time and size, without a second try. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { codeOrMessage } from '../lib/error-code.ts';
import { forOneServer } from '../lib/one-server-agent.ts';
import { checkedFor, hostOf, serverNameOf } from '../lib/server-name.ts';
import { wholeBody } from '../lib/whole-body.ts';
import type { ClusterAccess } from './access.ts';
import { KubernetesProblem, TOO_LARGE } from './problem.ts';

/** Milliseconds until the last byte. */
const ANSWER_MS = 15_000;
const ANSWER_BYTES = 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function answerOf(message: IncomingMessage, largest: number): Promise<Answer> {
  const tooLong = (): KubernetesProblem =>
    new KubernetesProblem(`the API server answers with more than ${String(largest)} bytes`, { reason: TOO_LARGE });
  const body = await wholeBody(message, largest, tooLong);
  return { status: message.statusCode ?? 0, text: body.toString('utf8') };
}

/** `metav1.Status`, as far as it is read here. */
interface Refusal {
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly details?: { readonly causes?: readonly { readonly field?: unknown }[] };
}

/** What the API server says of a request that it refuses. */
function refusalOf(text: string) {
  try {
    const { message, reason, details } = JSON.parse(text) as Refusal;
    const fields = (details?.causes ?? []).map(({ field }) => field).filter((field) => typeof field === 'string');
    return {
      said: typeof message === 'string' ? `: ${message.slice(0, 500)}` : '',
      ...(typeof reason === 'string' ? { reason } : {}),
      fields,
    };
  } catch {
    return { said: '', fields: [] };
  }
}

export interface Asking {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: object;
  /** Of the body; default `application/json`. */
  readonly contentType?: string;
  readonly accept?: string;
  /** Bytes of the answer, where that is less than any may have. */
  readonly largest?: number;
  readonly signal?: AbortSignal;
}

export interface ApiOptions {
  /** Connections are kept, up to so many at once; `close` ends them. Default: one for each request. */
  readonly connections?: number;
  /** Bytes; a longer answer is refused. Default 1 MiB. */
  readonly largest?: number;
}

/** Where it goes, taken apart once. */
function targetOf({ server, ca, serverName }: ClusterAccess) {
  const url = new URL(server);
  const { port, pathname } = url;
  const host = hostOf(url);
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    // Left out, Node would look for it with each request.
    ...checkedFor(serverName ?? serverNameOf(host)),
    minVersion: 'TLSv1.2' as const,
  };
  return { host: { host, ...(port === '' ? {} : { port }) }, tls, prefix: pathname.replace(/\/$/, '') };
}

export class KubernetesApi {
  readonly access: ClusterAccess;
  readonly #target: ReturnType<typeof targetOf>;
  readonly #agent: Agent | false;
  readonly #largest: number;
  /** Of the token that was sent last: a text that is put together anew is also looked through anew, and tokens are long. */
  #bearer: { readonly token: string; readonly authorization: string } | undefined;

  constructor(access: ClusterAccess, { connections, largest = ANSWER_BYTES }: ApiOptions = {}) {
    this.access = access;
    this.#target = targetOf(access);
    // But for certificates all of TLS is the agent's: connections are not told apart by it.
    const pool = { keepAlive: true, maxSockets: connections, ...this.#target.tls };
    this.#agent = connections === undefined ? false : forOneServer(new Agent(pool));
    this.#largest = largest;
  }

  /** Rejects with `KubernetesProblem`, as all of these. */
  text(path: string): Promise<string> {
    return this.#asked({ method: 'GET', path });
  }

  json(path: string): Promise<unknown> {
    return this.send({ method: 'GET', path });
  }

  create(path: string, body: object): Promise<unknown> {
    return this.send({ method: 'POST', path, body });
  }

  /** What the API server answers with is of no interest, and not read. */
  async tell(asking: Asking): Promise<void> {
    await this.#asked(asking);
  }

  /** Any request; what the API server answers with, read. */
  async send(asking: Asking): Promise<unknown> {
    const text = await this.#asked(asking);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new KubernetesProblem(`${this.access.server}${asking.path}: the answer is no JSON`, { cause: error });
    }
  }

  /**
   * The body of an answer that has no end of its own (a watch), on a connection of its own. The caller ends it by the signal, and watches over
   * its silence.
   */
  async stream(asking: Omit<Asking, 'body'> & { readonly signal: AbortSignal }): Promise<IncomingMessage> {
    return this.#timed(asking, false, async (message) => {
      if (message.statusCode === 200) return message;
      throw this.#refused(asking, await answerOf(message, this.#largest));
    });
  }

  close(): void {
    if (this.#agent !== false) this.#agent.destroy();
  }

  async #asked(asking: Asking): Promise<string> {
    const { largest = this.#largest } = asking;
    const answer = await this.#timed(asking, this.#agent, (message) => answerOf(message, largest));
    if (answer.status >= 200 && answer.status < 300) return answer.text;
    throw this.#refused(asking, answer);
  }

  /** With `take` of the answer, all within the time. A timer each: signals that end by themselves cost more than the rest of a request. */
  async #timed<T>(asking: Asking, agent: Agent | false, take: (message: IncomingMessage) => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const { sent, answered } = await this.#opened(asking, agent);
      timer = setTimeout(() => sent.destroy(new Error('TIMEOUT')), ANSWER_MS);
      return await take(await answered);
    } catch (error) {
      throw this.#explained(asking, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #explained({ path }: Asking, error: unknown): KubernetesProblem {
    if (error instanceof KubernetesProblem) return error;
    return new KubernetesProblem(`${this.access.server}${path} cannot be reached: ${codeOrMessage(error)}`, {
      cause: error,
    });
  }

  #refused({ method, path }: Asking, { status, text }: Answer): KubernetesProblem {
    const { said, ...refusal } = refusalOf(text);
    const message = `${method} ${this.access.server}${path}: the API server answers ${String(status)}${said}`;
    return new KubernetesProblem(message, { status, ...refusal });
  }

  async #opened(
    { method, path, body, signal, contentType = 'application/json', accept = 'application/json, */*' }: Asking,
    agent: Agent | false,
  ): Promise<{ readonly sent: ClientRequest; readonly answered: Promise<IncomingMessage> }> {
    const { impersonate, credential } = this.access;
    const { token, certificate } = await credential();
    const content = body === undefined ? undefined : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request(
      {
        ...this.#target.host,
        ...(agent === false ? this.#target.tls : {}),
        ...{ method, agent, path: this.#target.prefix + path },
        ...(signal === undefined ? {} : { signal }),
        ...certificate,
        headers: {
          ...{ accept, ...impersonate },
          ...(token === undefined ? {} : { authorization: this.#authorization(token) }),
          ...(content === undefined
            ? {}
            : { 'content-type': contentType, 'content-length': String(Buffer.byteLength(content)) }),
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(content);
    return { sent, answered: promise };
  }

  #authorization(token: string): string {
    if (this.#bearer?.token !== token) this.#bearer = { token, authorization: `Bearer ${token}` };
    return this.#bearer.authorization;
  }
}
