/** Where API servers ask, over TLS: bounded in time, in the bytes of a question and in those of all questions at once. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { fail } from '../../errors.ts';
import { errorCode } from '../../lib/error-code.ts';
import type { Logger } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics/metrics.ts';
import { pause } from '../../lib/pause.ts';
import { wholeBody } from '../../lib/whole-body.ts';
import { listenAddress } from '../pages.ts';
import type { CertificateSource, Shown } from './certificate.ts';
import { PATH } from './configuration.ts';
import { answerTo, warmUp, type Answer } from './review.ts';

/** An API server takes 3 MiB of a client, and sends it beside what was there before. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_AT_ONCE = 4 * MOST_BYTES;
const MOST_CONNECTIONS = 256;
/** Milliseconds. API servers close what they leave idle after 90 s: never are they closed on while they ask. */
const LIMITS = { handshakeTimeout: 5_000, headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 120_000 };
/** Milliseconds until a certificate that could not be had is asked for again. */
const RETRY_MS = 10_000;

export interface WebhookOptions {
  /** `:10250`. */
  readonly address: string;
  readonly certificate: CertificateSource;
  /** Milliseconds between two looks at the certificate. */
  readonly interval: number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const tooLong = (): Refused => new Refused(413, `a review has at most ${String(MOST_BYTES)} bytes`);

function check({ url = '', method, headers }: IncomingMessage): void {
  if (url.split('?', 1)[0] !== PATH) throw new Refused(404, `reviews are asked for at ${PATH}`);
  if (method !== 'POST') throw new Refused(405, 'reviews are asked for by POST');
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  if (type.trim() !== 'application/json') throw new Refused(415, 'reviews are JSON');
}

/** Levels of lists and objects. What an API server asks about has some twenty. */
const DEEPEST = 128;
const [QUOTE, BACKSLASH] = [0x22, 0x5c];
/** By the bytes of brackets and braces. */
const LEVELS = new Int8Array(256);
[LEVELS[0x5b], LEVELS[0x7b], LEVELS[0x5d], LEVELS[0x7d]] = [1, 1, -1, -1];

/** Looked at before it is parsed: V8 takes more than a second for millions of levels, and nothing else is done meanwhile. */
function isTooDeep(body: Buffer): boolean {
  let [depth, quoted] = [0, false];
  for (let at = 0; at < body.length && depth <= DEEPEST; at += 1) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted) depth += LEVELS[byte] ?? 0;
    else if (byte === BACKSLASH) at += 1;
  }
  return depth > DEEPEST;
}

function parsed(body: Buffer): unknown {
  if (isTooDeep(body)) throw new Refused(400, `a review has at most ${String(DEEPEST)} levels`);
  try {
    // Digits that a double does not hold are of no interest here, and keeping them costs seconds.
    return JSON.parse(body.toString('utf8'));
  } catch {
    // What the parser says repeats the text.
    throw new Refused(400, 'the body is no JSON');
  }
}

/** Answers reviews; what it holds of bodies at any moment is bounded. */
class Desk {
  readonly #metrics: Metrics;
  readonly #log: Logger;
  #held = 0;

  constructor({ metrics, log }: Pick<WebhookOptions, 'metrics' | 'log'>) {
    this.#metrics = metrics;
    this.#log = log;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      check(request);
      const { verdict, body } = await this.#review(request);
      this.#count(verdict.allowed ? 'allowed' : 'refused');
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    } catch (error) {
      this.#count('unanswered');
      const status = error instanceof Refused ? error.status : 500;
      if (status === 500) this.#log.warn('a review is not answered', { error: errorCode(error) });
      const said = error instanceof Refused ? error.message : 'the review could not be made';
      // The rest of a body is not waited for.
      response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${said}\n`);
    }
  }

  async #review(request: IncomingMessage): Promise<Answer> {
    const length = Number(request.headers['content-length'] ?? MOST_BYTES);
    if (length > MOST_BYTES) throw tooLong();
    if (this.#held + length > MOST_AT_ONCE) throw new Refused(503, 'too many reviews at once');
    this.#held += length;
    try {
      const answer = await answerTo(parsed(await wholeBody(request, MOST_BYTES, tooLong)));
      if (answer === undefined) throw new Refused(400, 'the body is no AdmissionReview of admission.k8s.io/v1');
      return answer;
    } finally {
      this.#held -= length;
    }
  }

  #count(outcome: 'allowed' | 'refused' | 'unanswered'): void {
    const help = 'Reviews of objects with templates before they are stored.';
    this.#metrics.counter('lockstep_controller_admission_reviews_total', help, { outcome }).add();
  }
}

/** Shows what the source gives, and what it gives later once that differs; says what stands in the way when that changes. */
async function show(
  server: Server,
  { certificate, interval, log }: WebhookOptions,
  signal: AbortSignal,
): Promise<void> {
  let shown: Shown | undefined;
  let said = '';
  while (!signal.aborted) {
    let wait = interval;
    try {
      const next = await certificate();
      if (next.cert !== shown?.cert || next.key !== shown.key) {
        server.setSecureContext({ ...next, minVersion: 'TLSv1.2' });
        log.info(shown === undefined ? 'the webhook answers' : 'the certificate of the webhook was replaced');
        shown = next;
      }
      said = '';
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== said) log.warn('the certificate of the webhook cannot be had or told', { error: why });
      [said, wait] = [why, Math.min(interval, RETRY_MS)];
    }
    await pause(wait, signal);
  }
}

/** Throws `listenFailed` or `invalidConfig`. Answers from when it has a certificate, until disposed. */
export async function openWebhook(options: WebhookOptions): Promise<AsyncDisposable> {
  const { address, log, metrics } = options;
  const desk = new Desk({ log, metrics });
  const server = createServer({ ...LIMITS, minVersion: 'TLSv1.2' }, (request, response) => {
    void desk.answer(request, response);
  });
  server.maxConnections = MOST_CONNECTIONS;
  // Whoever connects without speaking TLS, or before there is a certificate: Node has closed the connection.
  server.on('tlsClientError', () => undefined);
  try {
    server.listen(listenAddress('webhook-addr', address));
    await once(server, 'listening');
  } catch (error) {
    throw fail('listenFailed', `-webhook-addr ${address}: cannot listen: ${errorCode(error)}`, { cause: error });
  }
  warmUp();
  const ending = new AbortController();
  const showing = show(server, options, ending.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      server.close();
      server.closeAllConnections();
      await showing;
    },
  };
}
