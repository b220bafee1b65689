/** Requests to an API server: bounded in time and size, without a second try. */
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { ClusterAccess } from './access.ts';
import { KubernetesProblem } from './problem.ts';

/** Milliseconds until the last byte. */
const ANSWER_MS = 15_000;
const ANSWER_BYTES = 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function answerOf(message: IncomingMessage, largest: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largest) {
      message.destroy();
      throw new KubernetesProblem(`the API server answers with more than ${String(largest)} bytes`);
    }
    chunks.push(chunk);
  }
  return { status: message.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
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
  readonly signal?: AbortSignal;
}

export interface ApiOptions {
  /** Connections are kept, up to so many at once; `close` ends them. Default: one for each request. */
  readonly connections?: number;
  /** Bytes; a longer answer is refused. Default 1 MiB. */
  readonly largest?: number;
}

export class KubernetesApi {
  readonly access: ClusterAccess;
  readonly #agent: Agent | false;
  readonly #largest: number;

  constructor(access: ClusterAccess, { connections, largest = ANSWER_BYTES }: ApiOptions = {}) {
    this.access = access;
    this.#agent = connections === undefined ? false : new Agent({ keepAlive: true, maxSockets: connections });
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
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new Error('TIMEOUT'));
    }, ANSWER_MS);
    try {
      const message = await this.#opened(asking, AbortSignal.any([asking.signal, late.signal]), false);
      if (message.statusCode === 200) return message;
      throw this.#refused(asking, await answerOf(message, this.#largest));
    } catch (error) {
      throw this.#explained(asking, error);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    if (this.#agent !== false) this.#agent.destroy();
  }

  async #asked(asking: Asking): Promise<string> {
    let answer: Answer;
    try {
      const limit = AbortSignal.timeout(ANSWER_MS);
      const signal = asking.signal === undefined ? limit : AbortSignal.any([asking.signal, limit]);
      answer = await answerOf(await this.#opened(asking, signal, this.#agent), this.#largest);
    } catch (error) {
      throw this.#explained(asking, error);
    }
    if (answer.status >= 200 && answer.status < 300) return answer.text;
    throw this.#refused(asking, answer);
  }

  #explained({ path }: Asking, error: unknown): KubernetesProblem {
    if (error instanceof KubernetesProblem) return error;
    return new KubernetesProblem(`${this.access.server}${path} cannot be reached: ${codeOf(error)}`, { cause: error });
  }

  #refused({ method, path }: Asking, { status, text }: Answer): KubernetesProblem {
    const { said, ...refusal } = refusalOf(text);
    const message = `${method} ${this.access.server}${path}: the API server answers ${String(status)}${said}`;
    return new KubernetesProblem(message, { status, ...refusal });
  }

  async #opened(
    { method, path, body, contentType = 'application/json', accept = 'application/json, */*' }: Asking,
    signal: AbortSignal,
    agent: Agent | false,
  ): Promise<IncomingMessage> {
    const { server, ca, serverName, impersonate, credential } = this.access;
    const { token, certificate } = await credential();
    const content = body === undefined ? undefined : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const asking = request(
      server + path,
      {
        ...{ method, agent, minVersion: 'TLSv1.2', signal },
        ...(ca === undefined ? {} : { ca }),
        ...(serverName === undefined ? {} : { servername: serverName }),
        ...certificate,
        headers: {
          ...{ accept, ...impersonate },
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(content === undefined
            ? {}
            : { 'content-type': contentType, 'content-length': String(Buffer.byteLength(content)) }),
        },
      },
      resolve,
    );
    asking.on('error', reject);
    asking.end(content);
    return promise;
  }
}
