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
  /** Kind of message, resource of the asynchronous hooks, bytes of headers, leniency, the list of connections. */
  readonly initialize: (...options: readonly [number, object, number, number, unknown]) => void;
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

const spoken = new WeakMap<object, HookedMethod>();

/** The method of a request as its client sent it. A `LINK` that no hook wrote stays `LINK`. */
export function methodOf(request: { readonly method?: string | undefined }): string {
  const { method = '' } = request;
  return method === 'LINK' ? (spoken.get(request) ?? method) : method;
}

/** To be called once Node has put its parser on the socket. False: it is not of the known shape, nothing was changed. */
export function hookMethods(server: object, socket: Socket): boolean {
  const { parser } = socket as Socket & { readonly parser?: Parser | null };
  if (parser === undefined || parser === null) return false;
  const kinds = parser.constructor;
  const original = parser[kinds.kOnExecute] as ((result: number | ParseError) => void) | null | undefined;
  const { onIncoming } = parser;
  if (typeof original !== 'function' || typeof onIncoming !== 'function') return false;
  const state = new HookState(server, socket, parser);
  parser[kinds.kOnMessageBegin] = () => {
    state.inHead = true;
  };
  parser.onIncoming = (request, keepAlive) => {
    state.headComplete(request);
    return onIncoming(request, keepAlive);
  };
  parser[kinds.kOnExecute] = (result: number | ParseError): void => {
    const final = typeof result === 'number' && !state.isWatchful ? result : state.examine(result);
    // A connection that asks for an upgrade behind a rewritten message in one packet has lost its place: end it.
    if (final !== result && typeof final === 'number' && parser.incoming?.upgrade === true) socket.destroy();
    else original(final);
  };
  return true;
}

/** One connection's parser, and what of its bytes may still matter. */
class HookState {
  /** A message has begun and its headers are not complete. */
  inHead = false;
  /** The message at hand, if it asks for an upgrade that is not granted. */
  #refused: IncomingMessage | undefined;
  #method: HookedMethod | undefined;
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

  /** Whether a chunk that the parser took without failing must be looked at all the same. */
  get isWatchful(): boolean {
    return this.inHead || this.#refused !== undefined;
  }

  headComplete(request: IncomingMessage & { readonly upgrade?: boolean }): void {
    this.inHead = false;
    this.#refused = request.upgrade === true ? request : undefined;
    if (this.#method !== undefined && request.method === 'LINK') spoken.set(request, this.#method);
    this.#method = undefined;
  }

  /** What the parser says in the end of the chunk that it is at, once it has been helped over what it stumbled on. */
  examine(result: number | ParseError): number | ParseError {
    const chunk = this.#parser.getCurrentBuffer() ?? empty;
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    // `bytes` may be written to below; what is kept is as it was sent.
    const sent = Buffer.from(bytes.subarray(-tailLength));
    const final = this.#help(bytes, this.#tail.length, result);
    this.#tail = this.inHead ? sent : empty;
    return final;
  }

  /** `bytes` from `base` on is what the parser was given when it said `result`. */
  #help(bytes: Buffer, base: number, result: number | ParseError): number | ParseError {
    let rest = bytes;
    let start = base;
    let last = result;
    for (;;) {
      const next = typeof last === 'number' ? this.#unread(rest, start + last) : this.#rewritten(rest, start, last);
      if (next === undefined) return last;
      if (next instanceof Error) return next;
      rest = next;
      start = 0;
      last = this.#parser.execute(rest);
    }
  }

  /**
   * Behind a message with an `Upgrade` header the parser stops; when nobody takes the upgrade, Node forgets the rest of
   * the chunk, so that the next one would be read from the middle of a message, and keeps errors to itself until the
   * next head. So the parser is set to its start, and reads on with the rest.
   */
  #unread(bytes: Buffer, taken: number): Buffer | ParseError | undefined {
    const message = this.#refused;
    if (message === undefined || this.#parser.incoming?.upgrade === true) return undefined;
    if (message.complete) {
      this.#refused = undefined;
      this.#restart();
      return taken < bytes.length ? bytes.subarray(taken) : undefined;
    }
    if (taken === bytes.length) return undefined;
    return Object.assign(new Error('Parse Error'), { code: 'HPE_INVALID_BODY', bytesParsed: taken });
  }

  /** The bytes from the method on that the parser failed at, with the parser back at the start of a message. */
  #rewritten(bytes: Buffer, start: number, failure: ParseError): Buffer | undefined {
    const word = failure.code === 'HPE_INVALID_METHOD' ? wordAt(bytes, start + failure.bytesParsed) : undefined;
    if (word === undefined) return undefined;
    this.#restart();
    // Half a word: have the parser wait inside its own; the next chunk makes it fail again, with the rest at hand.
    if (word.method === undefined) return standIn.subarray(0, 3);
    this.#method = word.method;
    const message = bytes.subarray(word.start);
    standIn.copy(message);
    return message;
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

const lists = new WeakMap<object, symbol>();

/** Node's list of connections, which enforces the time-outs: without it the rest of this connection would have none. */
function connectionsOf(server: Hookable): unknown {
  const symbol =
    lists.get(server) ??
    Object.getOwnPropertySymbols(server).find(({ description }) => description === 'http.server.connections');
  if (symbol === undefined) return undefined;
  lists.set(server, symbol);
  return Reflect.get(server, symbol);
}
