import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { pipeline, Readable } from 'node:stream';
import type { InFlight } from '../core/in-flight.ts';
import { errors, fail, isLockstepError } from '../errors.ts';
import type { Handler, Outcome, Request } from '../framework/request.ts';
import { faultOf } from '../lib/fault.ts';

import { Gone, parseBody, readBody, type Incoming } from './body.ts';
import { Connection, nextExchange } from './connection.ts';
import { judgeOrigin } from './cors.ts';
import { encodeErrors, encodeOutcome, type Encoded } from './envelope.ts';
import type { Log } from './listener.ts';
import { Departure } from './departure.ts';
import { headersFor } from './response-headers.ts';
import { serveTogether } from './together.ts';
import { isLong, dropBody, isUpload, receive, sendFile } from './uploads.ts';
import { allowedMethods, readRequest, type Arrival, type Reading } from './request.ts';

export type Outgoing = ServerResponse | Http2ServerResponse;

/** What all exchanges of a listener share. */
export interface Service {
  readonly handler: Handler;
  readonly log: Log;
  readonly reading: Reading;
  /** Requests whose handler has not settled. */
  inFlight: number;
  /** The same, of all listeners of this thread, to be looked at. */
  readonly requests: InFlight | undefined;
  /** No more requests are taken on the connections that are left. */
  closing: boolean;
  /** The exchange up to which connections are to come anew with their next reply; 0: none. */
  renewed: number;
}

const withBodies: ReadonlySet<string> = new Set(['update', 'patch']);
/** Bytes of a body that nobody asked for, such as a GET's, which are read over so that the connection can go on. */
const ignoredBody = 65_536;
/** Milliseconds for which a refused body is read over, so that the client sees the refusal and not a reset. */
const linger = 5_000;

/** Whether there is nobody to answer; a reply of HTTP/2 has no `destroyed`. */
function isGone(outgoing: Outgoing): boolean {
  if (!('stream' in outgoing)) return outgoing.destroyed;
  const { stream } = outgoing;
  return stream === undefined || stream.destroyed || stream.closed;
}

/** One request and its one reply. Nothing thrown in here leaves it. */
export class Exchange {
  readonly #service: Service;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  readonly #number = nextExchange();
  /** undefined: HTTP/2, which has streams. */
  readonly #connection: Connection | undefined;
  #departure: Departure | undefined;
  #aborted: Error | undefined;
  #expectsContinue = false;
  #crossing: Readonly<Record<string, string>> | undefined;

  constructor(service: Service, incoming: Incoming, outgoing: Outgoing) {
    this.#service = service;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    if (incoming.httpVersionMajor < 2) this.#connection = Connection.of(incoming.socket, this.#number);
  }

  /** `expectsContinue`: the client holds its body back until it is told to go on (RFC 9110 10.1.1). */
  start(method: string, expectsContinue: boolean): void {
    if (this.#isBehindTheLast()) return;
    this.#expectsContinue = expectsContinue;
    if (this.#crosses(method)) return;
    let request: Arrival;
    try {
      request = readRequest(this.#incoming, method, this.#service.reading, () => this.#leaving());
      this.#checkLoad(request);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (isUpload(request)) {
      request.upload = (path) => this.#upload(path);
      this.#serve(request);
    } else if (withBodies.has(request.verb) && !this.#incoming.readableEnded) void this.#receive(request);
    else this.#serve(request);
  }

  #isBehindTheLast(): boolean {
    return this.#connection?.isBehindTheLast(this.#number) === true;
  }

  /** Whether a request from a page of another origin is answered by that alone. */
  #crosses(method: string): boolean {
    const { origin } = this.#incoming.headers;
    if (origin === undefined) return false;
    const judged = judgeOrigin(this.#service.handler.cors, method, this.#incoming.headers);
    this.#crossing = judged?.headers;
    if (judged?.answer === undefined) return false;
    this.#write(judged.answer);
    return true;
  }

  /** Health is answered under any load, or an overloaded node would be restarted for it. */
  #checkLoad({ path }: Request): void {
    const { inFlight, reading } = this.#service;
    if (inFlight >= reading.limits.maxInFlight && path !== 'sys/health') throw fail('tooManyRequests');
  }

  async #upload(path: string): Promise<void> {
    if (this.#expectsContinue) this.#outgoing.writeContinue();
    await receive(this.#incoming, path, { quiet: this.#service.reading.limits.readTimeout });
  }

  async #receive(request: Arrival): Promise<void> {
    try {
      const { limits } = this.#service.reading;
      const declared = Number(this.#incoming.headers['content-length'] ?? 0);
      const refused = this.#hasLargeBody() ? this.#service.handler.refusedUnread?.(request) : undefined;
      if (refused !== undefined) {
        this.#writeAndDrain(encodeOutcome(refused));
        return;
      }
      if (this.#expectsContinue && declared <= limits.maxBody) this.#outgoing.writeContinue();
      const bytes = await readBody(this.#incoming, limits);
      const { body, rawBody } = parseBody(bytes, request.contentType, limits);
      request.body = body;
      if (rawBody !== undefined) request.rawBody = rawBody;
      this.#serve(request);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #serve(request: Request): void {
    serveTogether(() => {
      // Meanwhile its client has gone, or the reply to one before it was the last.
      if (this.#isOver() || this.#isBehindTheLast()) return;
      try {
        this.#checkLoad(request);
      } catch (error) {
        this.#refuse(error);
        return;
      }
      this.#handle(request);
    });
  }

  /** Nobody can be answered any more. */
  #isOver(): boolean {
    return isGone(this.#outgoing) || (this.#connection !== undefined && !this.#incoming.socket.writable);
  }

  #handle(request: Request): void {
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = this.#service.handler.handle(request);
    } catch (error) {
      this.#failed(request, error);
      return;
    }
    // No promise where the outcome is at hand: most reads end here.
    if (outcome instanceof Promise) void this.#await(request, outcome);
    else this.#send(request, outcome);
  }

  async #await(request: Request, pending: Promise<Outcome>): Promise<void> {
    const service = this.#service;
    service.inFlight++;
    const place = service.requests?.begin(request);
    const maxDuration = isLong(request) ? 0 : service.reading.limits.maxDuration;
    const timer = maxDuration === 0 ? undefined : setTimeout(() => this.#timeOut(), maxDuration);
    try {
      this.#send(request, await pending);
    } catch (error) {
      this.#failed(request, error);
    } finally {
      clearTimeout(timer);
      service.inFlight--;
      if (place !== undefined) service.requests?.end(place);
    }
  }

  #timeOut(): void {
    const timeout = fail('timeout');
    this.#end(timeout);
    this.#refuse(timeout);
  }

  #leaving(): Departure {
    if (this.#departure !== undefined) return this.#departure;
    const departure = (this.#departure = new Departure());
    if (this.#aborted !== undefined) departure.happened(this.#aborted);
    else if (isGone(this.#outgoing)) departure.happened(new Gone('the client closed the connection'));
    else {
      this.#outgoing.once('close', () => {
        if (!this.#isAnswered()) this.#end(new Gone('the client closed the connection'));
      });
    }
    return departure;
  }

  #isAnswered(): boolean {
    // What is finished on HTTP/2 is the stream, by a reset too.
    return this.#connection === undefined ? this.#outgoing.writableEnded : this.#outgoing.writableFinished;
  }

  #end(reason: Error): void {
    this.#aborted ??= reason;
    this.#departure?.happened(reason);
  }

  #send(request: Request, outcome: Outcome): void {
    let encoded: Encoded;
    try {
      encoded = encodeOutcome(outcome);
    } catch (error) {
      this.#failed(request, error);
      return;
    }
    this.#connection?.served(outcome.elsewhere === true);
    // What is refused before its body was read.
    const unread = !this.#incoming.complete && !this.#incoming.readableEnded;
    if (request.upload !== undefined && unread) this.#writeAndDrain(encoded);
    else this.#write(encoded, request);
  }

  /** A handler that throws is a fault of ours: it is told by its request's id, never in detail. */
  #failed(request: Request, error: unknown): void {
    logFault(this.#service.log, request.id, error);
    this.#write(encodeErrors(500, [`internal error (request ${request.id})`]), request);
  }

  #refuse(error: unknown): void {
    if (error instanceof Gone) return;
    if (!isLockstepError(error)) logFault(this.#service.log, '', error);
    const { status, message } = isLockstepError(error)
      ? error
      : { status: errors.internal.status, message: errors.internal.text };
    const encoded = encodeErrors(status, message === '' ? [] : [message]);
    if (status === 405) encoded.headers['Allow'] = allowedMethods;
    if (status === 413) this.#writeAndDrain(encoded);
    else this.#write(encoded);
  }

  #write(encoded: Encoded, request?: Request): void {
    const outgoing = this.#outgoing;
    if (outgoing.headersSent || isGone(outgoing)) {
      void dropBody(encoded);
      return;
    }
    const headers = this.#headers(encoded);
    if (this.#connection !== undefined && this.#isLast(this.#connection)) this.#saysLast(headers);
    try {
      (outgoing as ServerResponse).writeHead(encoded.status, headers);
    } catch (error) {
      // A header that a handler made cannot be sent; what is sent instead has none of its headers.
      logFault(this.#service.log, request?.id ?? '', error);
      this.#connection?.goesOnBehind(this.#number);
      void dropBody(encoded);
      (outgoing as ServerResponse)
        .writeHead(500, { ...this.#service.reading.sent?.of(500), 'Content-Length': 0 })
        .end();
      return;
    }
    if (encoded.file !== undefined) {
      sendFile(encoded.file, outgoing as ServerResponse, this.#service.reading.limits.readTimeout).catch(
        () => undefined,
      );
    } else if (encoded.stream !== undefined) this.#stream(encoded.stream, request);
    else endWith(outgoing as ServerResponse, encoded.body, headers['Content-Length']);
  }

  /** Ends when the body does, or with the connection: then its source is told to end. */
  #stream(body: AsyncIterable<string>, request: Request | undefined): void {
    const { requests } = this.#service;
    const outgoing = this.#outgoing as ServerResponse;
    outgoing.flushHeaders();
    if (request !== undefined) {
      const place = requests?.begin(request);
      outgoing.once('close', () => {
        if (place !== undefined) requests?.end(place);
      });
    }
    pipeline(Readable.from(body), outgoing, () => undefined);
  }

  /** On HTTP/1.1 a reset would overtake the reply: says it, then reads over the rest for a while, then closes. */
  #writeAndDrain(encoded: Encoded): void {
    const outgoing = this.#outgoing as ServerResponse;
    if (this.#connection === undefined || this.#expectsContinue || outgoing.headersSent || isGone(outgoing)) {
      this.#write(encoded);
      return;
    }
    const headers = this.#headers(encoded);
    this.#saysLast(headers);
    outgoing.writeHead(encoded.status, headers);
    outgoing.write(encoded.body);
    const timer = setTimeout(() => outgoing.end(), linger);
    let left = this.#service.reading.limits.maxBody;
    this.#incoming.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) outgoing.end();
    });
    this.#incoming.once('end', () => outgoing.end());
    outgoing.once('close', () => {
      clearTimeout(timer);
    });
  }

  #saysLast(headers: OutgoingHttpHeaders): void {
    headers['Connection'] = 'close';
    this.#connection?.endsWith(this.#number);
  }

  #headers({ status, headers, body }: Encoded): OutgoingHttpHeaders {
    const all: OutgoingHttpHeaders = headers;
    if (this.#crossing !== undefined) Object.assign(all, this.#crossing);
    const { sent } = this.#service.reading;
    if (sent !== undefined) for (const [name, value] of Object.entries(sent.of(status))) all[name] ??= value;
    if (body !== undefined) all['Content-Length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    return all;
  }

  /** Whether it ends with this reply: on shutdown, where reading over an unread body would cost much, and for another thread. */
  #isLast(connection: Connection): boolean {
    const { closing, renewed } = this.#service;
    if (closing || connection.isToComeAnew(this.#number, renewed)) return true;
    return !this.#incoming.complete && this.#hasLargeBody();
  }

  /** Also one that does not say how large it is: on HTTP/2 that needs no header (RFC 9113 8.1). */
  #hasLargeBody(): boolean {
    const { 'content-length': length, 'transfer-encoding': encoding } = this.#incoming.headers;
    if (encoding !== undefined || Number(length ?? 0) > ignoredBody) return true;
    return length === undefined && 'stream' in this.#incoming && !this.#incoming.stream.endAfterHeaders;
  }
}

/** What takes a byte for each letter is written as such: head and body are one string, in which nobody looks for others. */
function endWith(outgoing: ServerResponse, body: Encoded['body'], bytes: unknown): void {
  if (typeof body === 'string') outgoing.end(body, body.length === bytes ? 'latin1' : 'utf8');
  else outgoing.end(body);
}

/** RFC 9110 10.1.1: any expectation but `100-continue`. */
export function refuseExpectation(response: ServerResponse, { headers: rules }: Pick<Reading, 'headers'>): void {
  const { status, body, headers } = encodeErrors(417, ['the only expectation that is met here is 100-continue']);
  const all = { ...headersFor(rules, status), ...headers };
  response.writeHead(status, { ...all, 'Content-Length': body?.length ?? 0, Connection: 'close' }).end(body);
}

function logFault(log: Log, request: string, error: unknown): void {
  log.error('a request failed inside the server', { request, ...faultOf(error) });
}
