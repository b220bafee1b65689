/**
 * `LIST` and `SCAN` over HTTP/1.1. Node's parser knows neither and fails at their second or third letter, at the very
 * place where a method stands and nowhere else: so it is the parser itself that says where a message begins, and a body
 * or a header that holds `LIST ` never comes here. On that failure the four letters become `LINK`, the parser is set to
 * its start, and what it has not taken yet is given to it again. Requests with other methods pay nothing for this: the
 * parser goes on reading the socket without passing its bytes through JavaScript. See docs/adr/0006-http.md.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export type HookedMethod = 'LIST' | 'SCAN';

/** The part of Node's HTTPParser that is used here; `undefined` members are looked for before anything is hooked. */
interface Parser {
  [callback: number]: unknown;
  onIncoming: ((request: IncomingMessage, keepAlive: boolean) => unknown) | null;
  incoming: { readonly upgrade: boolean } | null;
  readonly remove: () => void;
  readonly initialize: (type: number, resource: object, maxHeaderSize: number, lenient: number, all: unknown) => void;
  readonly execute: (bytes: Uint8Array) => number | ParseError;
  readonly getCurrentBuffer: () => Buffer | undefined;
  readonly constructor: {
    readonly REQUEST: number;
    readonly kOnExecute: number;
    readonly kOnMessageBegin: number;
    readonly kLenientNone: number;
  };
}

interface ParseError extends Error {
  readonly code: string;
  readonly bytesParsed: number;
}

interface Hookable {
  readonly maxHeaderSize?: number;
}

/** As long as `LINK`, so that lengths stay. */
const hooked: readonly HookedMethod[] = ['LIST', 'SCAN'];
const standIn = Buffer.from('LINK');
/** Longer than any prefix of a method on which the decision can hang. */
const tailLength = 24;
const empty = Buffer.alloc(0);

const spoken = new WeakMap<Socket, HookedMethod>();

/** The method of a request as its client sent it. A `LINK` that no hook wrote stays `LINK`. */
export function methodOf(request: { readonly method?: string | undefined; readonly socket: Socket }): string {
  const { method = '' } = request;
  if (method !== 'LINK') return method;
  const original = spoken.get(request.socket);
  // The next message on this connection is never the rewritten one again.
  spoken.delete(request.socket);
  return original ?? method;
}

/** To be called once Node has put its parser on the socket. Without a parser of the known shape nothing is changed. */
export function hookMethods(server: object, socket: Socket): void {
  const { parser } = socket as Socket & { readonly parser?: Parser | null };
  if (parser === undefined || parser === null) return;
  const kinds = parser.constructor;
  const original = parser[kinds.kOnExecute];
  const { onIncoming } = parser;
  if (typeof original !== 'function' || typeof onIncoming !== 'function') return;
  const state = new HookState(server, socket, parser);
  parser[kinds.kOnMessageBegin] = () => {
    state.inHead = true;
  };
  parser.onIncoming = (request, keepAlive) => {
    state.inHead = false;
    return onIncoming(request, keepAlive);
  };
  parser[kinds.kOnExecute] = (result: number | ParseError): void => {
    const final = typeof result === 'number' && !state.inHead ? result : state.examine(result);
    // A connection that asks for an upgrade behind a rewritten message in one packet has lost its place: end it.
    if (final !== result && typeof final === 'number' && parser.incoming?.upgrade === true) socket.destroy();
    else original(final);
  };
}

class HookState {
  /** A message has begun and its headers are not complete. */
  inHead = false;
  /** The last bytes, as they were sent, of the chunks that the unfinished head lies in. */
  #tail: Buffer = empty;
  readonly #server: Hookable;
  readonly #socket: Socket;
  readonly #parser: Parser;

  constructor(server: Hookable, socket: Socket, parser: Parser) {
    this.#server = server;
    this.#socket = socket;
    this.#parser = parser;
  }

  /** What the parser says in the end of the chunk that it is at: a failure at a hooked method is mended first. */
  examine(result: number | ParseError): number | ParseError {
    const chunk = this.#parser.getCurrentBuffer() ?? empty;
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    // The parser takes its bytes from `chunk`, which is a copy already: what is kept must not be written to.
    const sent = Buffer.from(bytes.subarray(-tailLength));
    const final = typeof result === 'number' ? result : this.#recover(bytes, result);
    this.#tail = this.inHead ? sent : empty;
    return final;
  }

  #recover(sent: Buffer, first: ParseError): number | ParseError {
    let bytes = sent;
    let failure = first;
    let failedAt = this.#tail.length + first.bytesParsed;
    for (;;) {
      const word = failure.code === 'HPE_INVALID_METHOD' ? wordAt(bytes, failedAt) : undefined;
      if (word === undefined) return failure;
      bytes = bytes.subarray(word.start);
      this.#restart();
      // Half a word: have the parser wait inside its own; the next chunk makes it fail again, with the rest at hand.
      if (word.method === undefined) return this.#parser.execute(standIn.subarray(0, 3));
      standIn.copy(bytes);
      spoken.set(this.#socket, word.method);
      const result = this.#parser.execute(bytes);
      if (typeof result === 'number') return result;
      failure = result;
      failedAt = result.bytesParsed;
    }
  }

  #restart(): void {
    const { REQUEST, kLenientNone } = this.#parser.constructor;
    // The list that time-outs are kept in orders by a message's start: leave it before that changes.
    this.#parser.remove();
    const resource = { type: 'HTTPINCOMINGMESSAGE', socket: this.#socket };
    const size = this.#server.maxHeaderSize ?? 0;
    this.#parser.initialize(REQUEST, resource, size, kLenientNone, connectionsOf(this.#server));
  }
}

/**
 * The hooked method that the word around `failedAt` is, or may become (then without `method`). The word is taken whole:
 * `UNLIST` is none. So a LIST that is pipelined behind a body that ends in a letter, in one packet, is refused with a
 * plain 400 instead of being served; JSON does not end in a letter.
 */
function wordAt(bytes: Buffer, failedAt: number): { start: number; method?: HookedMethod } | undefined {
  let start = failedAt;
  while (start > 0 && failedAt - start < tailLength && isToken(bytes[start - 1])) start--;
  const text = bytes.toString('latin1', start, start + standIn.length + 1);
  const method = hooked.find((name) => `${name} `.startsWith(text));
  if (method === undefined) return undefined;
  return text.length > method.length ? { start, method } : { start };
}

function isToken(byte: number | undefined): boolean {
  return byte !== undefined && /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte));
}

/** Node's list of connections, which enforces the time-outs: without it the rest of this connection would have none. */
function connectionsOf(server: Hookable): unknown {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  );
  return symbol === undefined ? undefined : Reflect.get(server, symbol);
}
