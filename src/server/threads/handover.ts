/** A request on its way to the thread that writes, and its answer on the way back: what structured cloning carries. */
import { pipeline, Readable } from 'node:stream';
import { fail } from '../../errors.ts';
import type { Handler, Outcome, Request, ListenerTerms } from '../../framework/request.ts';
import { Departure } from '../departure.ts';
import { encodeErrors, encodeOutcome, type Encoded } from '../envelope.ts';
import { serveTogether } from '../together.ts';
import type { Tunnels } from './tunnel.ts';

/** A `Request` but for what is bound to its thread. */
export interface Handed extends Omit<Request, 'signal' | 'whenGone' | 'listener' | 'upload'> {
  /** Where the thread that hands it over has it until it is answered. */
  readonly place: number;
  /** Whether its body waits at the other thread. */
  readonly uploads: boolean;
  readonly listener: ListenerTerms;
}

/** Of no request that is answered over the line: a connection that becomes a WebSocket. */
const NOWHERE = -1;

export function handed(request: Request, place: number = NOWHERE): Handed {
  return {
    place,
    id: request.id,
    verb: request.verb,
    help: request.help,
    method: request.method,
    path: request.path,
    namespace: request.namespace,
    token: request.token,
    body: request.body,
    ...(request.rawBody === undefined ? {} : { rawBody: request.rawBody }),
    uploads: request.upload !== undefined,
    contentType: request.contentType,
    query: request.query,
    headers: request.headers,
    address: request.address,
    port: request.port,
    ...(request.clientCertificates === undefined ? {} : { clientCertificates: request.clientCertificates }),
    ...(request.peer === undefined ? {} : { peer: request.peer }),
    wrapTtl: request.wrapTtl,
    index: request.index,
    listener: termsOf(request.listener),
  };
}

/** A listener has more about it, which is bound to its thread. */
function termsOf(listener: ListenerTerms): ListenerTerms {
  const { unauthenticatedMetrics, unauthenticatedRekey = false, unauthenticatedGenerateRoot = false } = listener;
  const { unauthenticatedWorkflows = false, chroot, redacted, headers } = listener;
  return {
    ...{ chroot, redacted, headers, unauthenticatedMetrics, unauthenticatedRekey },
    ...{ unauthenticatedGenerateRoot, unauthenticatedWorkflows },
  };
}

/** The body of the request at `place` is to be written to `path`. */
export interface Upload {
  readonly place: number;
  readonly path: string;
}

/** Serves what another thread hands over. A client that goes away is told of by `gone`. */
export class Receiver {
  readonly #handler: Handler;
  readonly #upload: (upload: Upload) => Promise<void>;
  /** By their places there. */
  readonly #inWork: (Departure | undefined)[] = [];

  /** `upload`: has the thread that handed a request over write its body into a file. */
  constructor(handler: Handler, upload: (upload: Upload) => Promise<void>) {
    this.#handler = handler;
    this.#upload = upload;
  }

  /** Encoded here: text crosses to another thread at less cost than objects. Never rejects. */
  async serve(request: Handed): Promise<Encoded> {
    const { uploads, place, ...rest } = request;
    const departure = new Departure();
    this.#inWork[place] = departure;
    // With what this thread has received itself: what is served together is written together.
    await new Promise<void>(serveTogether);
    try {
      const upload = uploads ? { upload: (path: string) => this.#upload({ place, path }) } : {};
      return encodeOutcome(await this.#handler.handle({ ...rest, ...upload, signal: () => departure.signal }));
    } catch {
      return encodeErrors(500, [`internal error (request ${request.id})`]);
    } finally {
      this.#inWork[place] = undefined;
    }
  }

  gone(place: number): void {
    this.#inWork[place]?.happened(fail('shuttingDown', 'the client closed the connection'));
  }
}

/** A reply as it crosses: a body that comes piece by piece goes through a tunnel of that number. */
export interface Answer extends Omit<Encoded, 'stream'> {
  readonly tunnel?: number;
}

let lastTunnel = 0;

/** The other end opens tunnels too, with numbers above zero. */
export function answerOver(tunnels: Tunnels, { stream, ...rest }: Encoded): Answer {
  if (stream === undefined) return rest;
  const tunnel = --lastTunnel;
  const end = tunnels.open(tunnel);
  // Its other end is opened when the answer arrives: nothing may overtake that.
  setImmediate(() => {
    pipeline(Readable.from(stream), end, () => undefined);
  });
  return { ...rest, tunnel };
}

async function* textOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const piece of pieces) yield decoder.decode(piece, { stream: true });
}

/** The answer as an outcome again: its body goes out as it is. */
export function outcomeOf({ id }: Request, { status, headers, body, tunnel, file }: Answer, tunnels: Tunnels): Outcome {
  const { 'Content-Type': contentType = '', ...rest } = headers;
  return {
    ...{ status, requestId: id, leaseId: '', leaseDuration: 0, renewable: false, auth: null, wrapInfo: null },
    ...{ warnings: null, elsewhere: true, mountType: '', headers: rest },
    ...(tunnel === undefined ? {} : { reply: { status, stream: { contentType, body: textOf(tunnels.open(tunnel)) } } }),
    ...(file === undefined ? {} : { reply: { status, file: { contentType, path: file } } }),
    ...(body === undefined ? {} : { reply: { status, raw: { contentType, body } } }),
  };
}
