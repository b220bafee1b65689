/** A request on its way to the thread that writes, and its answer on the way back: what structured cloning carries. */
import { fail } from '../../errors.ts';
import type { Handler, Outcome, Request, Unauthenticated } from '../../framework/request.ts';
import { encodeErrors, encodeOutcome, type Encoded } from '../envelope.ts';

/** A `Request` but for what is bound to its thread. */
export interface Handed extends Omit<Request, 'signal' | 'listener'> {
  readonly listener: Unauthenticated;
}

export function handed(request: Request): Handed {
  return {
    id: request.id,
    verb: request.verb,
    help: request.help,
    method: request.method,
    path: request.path,
    namespace: request.namespace,
    token: request.token,
    body: request.body,
    ...(request.rawBody === undefined ? {} : { rawBody: request.rawBody }),
    contentType: request.contentType,
    query: request.query,
    headers: request.headers,
    address: request.address,
    port: request.port,
    ...(request.peer === undefined ? {} : { peer: request.peer }),
    wrapTtl: request.wrapTtl,
    index: request.index,
    listener: unauthenticated(request.listener),
  };
}

function unauthenticated(listener: Unauthenticated): Unauthenticated {
  const { unauthenticatedMetrics, unauthenticatedRekey = false, unauthenticatedGenerateRoot = false } = listener;
  return { unauthenticatedMetrics, unauthenticatedRekey, unauthenticatedGenerateRoot };
}

/** Serves what other threads hand over. A client that goes away is told of by `gone`. */
export class Receiver {
  readonly #handler: Handler;
  readonly #inWork = new Map<string, AbortController>();

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  /** Encoded here: text crosses to another thread at less cost than objects. Never rejects. */
  async serve(request: Handed): Promise<Encoded> {
    const abort = new AbortController();
    this.#inWork.set(request.id, abort);
    try {
      return encodeOutcome(await this.#handler.handle({ ...request, signal: () => abort.signal }));
    } catch {
      return encodeErrors(500, [`internal error (request ${request.id})`]);
    } finally {
      this.#inWork.delete(request.id);
    }
  }

  gone(id: string): void {
    this.#inWork.get(id)?.abort(fail('shuttingDown', 'the client closed the connection'));
  }
}

/** The answer as an outcome again: its body goes out as it is. */
export function outcomeOf({ id }: Request, { status, headers, body }: Encoded): Outcome {
  const { 'Content-Type': contentType = '', ...rest } = headers;
  return {
    ...{ status, requestId: id, leaseId: '', leaseDuration: 0, renewable: false, auth: null, wrapInfo: null },
    ...{ warnings: null, mountType: '', headers: rest },
    ...(body === undefined ? {} : { reply: { status, raw: { contentType, body } } }),
  };
}
