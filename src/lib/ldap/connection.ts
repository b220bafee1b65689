/**
 * One connection to a directory, one request at a time. Requests are written by ldapts; what comes back is read by `answer.ts`
 * (why: docs/adr/0030-ldap.md). A connection that broke stays broken: it is never opened again behind the caller's back, so
 * nothing that was meant for TLS goes out in the clear.
 */
import type { Socket } from 'node:net';
import type { Filter, Message } from 'ldapts';
import { answerOf, type Answer, type Entry, type Operation, type Result } from './answer.ts';
import { Malformed, messageLength } from './ber.ts';
import { codeName, DirectoryUnavailable } from './unavailable.ts';

/** Of one answer, and of all on one connection. */
const MOST_MESSAGE_BYTES = 2 * 1024 * 1024;
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_ENTRIES = 20_000;

export type Dereference = 'never' | 'search' | 'find' | 'always';

export interface Search {
  readonly base: string;
  readonly scope: 'base' | 'sub';
  readonly filter: Filter;
  readonly attributes: readonly string[];
  readonly dereference: Dereference;
  /** Entries; 0 is as many as the directory gives. */
  readonly sizeLimit: number;
  /** Entries of a page; 0: without pages. */
  readonly pageSize: number;
}

export interface Found {
  readonly code: number;
  readonly entries: readonly Entry[];
}

interface Waiting {
  readonly id: number;
  readonly of: Operation;
  readonly entries: Entry[];
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/** Results that say nothing of the password: what is wrong lies with the directory, or with how it is asked. */
const NOT_THE_PASSWORD: ReadonlySet<number> = new Set([1, 2, 3, 8, 11, 13, 51, 52, 80]);

export class LdapConnection {
  readonly #socket: Socket;
  readonly #take: (chunk: Buffer) => void;
  readonly #broken: (error?: Error | boolean) => void;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes without which nothing more can be told. */
  #needed = 2;
  #received = 0;
  #id = 0;
  #waiting: Waiting | undefined;
  #end: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#take = (chunk) => {
      try {
        this.#read(chunk);
      } catch (error) {
        this.#break(error instanceof Error ? error : new Malformed('unknown'));
      }
    };
    this.#broken = (error) => {
      this.#break(error instanceof Error ? error : new Error('the directory closed the connection'));
    };
    socket.on('data', this.#take);
    socket.on('error', this.#broken);
    socket.on('close', this.#broken);
  }

  #break(error: Error): void {
    this.#end ??= error;
    this.#chunks = [];
    this.#socket.destroy();
    this.#waiting?.reject(this.#end);
  }

  #read(chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#received > MOST_BYTES) throw new Malformed(`more than ${String(MOST_BYTES)} bytes`);
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    // Joined only when a whole message is there, or its cost would grow with the square of its length.
    if (this.#size < this.#needed) return;
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let length = messageLength(rest);
    while (length !== undefined && length <= rest.length) {
      this.#tell(answerOf(rest.subarray(0, length)));
      rest = rest.subarray(length);
      length = messageLength(rest);
    }
    if (length !== undefined && length > MOST_MESSAGE_BYTES) throw new Malformed('an answer that is too long');
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    this.#needed = length ?? rest.length + 1;
  }

  #tell(answer: Answer): void {
    const waiting = this.#waiting;
    // The id 0 is a notice that it ends the connection (RFC 4511 section 4.4.1).
    if (waiting === undefined || answer.id !== waiting.id) throw new Malformed('an answer that nobody waits for');
    if (answer.kind === 'result') {
      if (answer.of !== waiting.of) throw new Malformed('an answer to something else');
      waiting.resolve(answer.result);
      return;
    }
    if (waiting.of !== 'search') throw new Malformed('an entry that nobody looks for');
    if (answer.kind === 'entry' && waiting.entries.push(answer.entry) > MOST_ENTRIES) {
      throw new Malformed('more entries than anybody has use for');
    }
  }

  async #ask(message: Message, of: Operation, entries: Entry[], signal: AbortSignal): Promise<Result> {
    signal.throwIfAborted();
    if (this.#end !== undefined) throw this.#end;
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const stop = (): void => {
      this.#break(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    this.#waiting = { id: message.messageId, of, entries, resolve, reject };
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.#socket.write(message.write());
      return await promise;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#waiting = undefined;
    }
  }

  #next(): { readonly messageId: number } {
    this.#id += 1;
    return { messageId: this.#id };
  }

  /** The result code. */
  async extended(name: string, signal: AbortSignal): Promise<number> {
    const { ExtendedRequest } = await import('ldapts');
    const request = new ExtendedRequest({ ...this.#next(), oid: name });
    return (await this.#ask(request, 'extended', [], signal)).code;
  }

  /**
   * Whether it is the password. An empty one is no proof of anything (RFC 4513 section 5.1.2): throws where it is given. Rejects
   * with `DirectoryUnavailable` where the directory did not judge it.
   */
  async bind(dn: string, password: string, signal: AbortSignal): Promise<boolean> {
    if (password === '') throw new Error('a bind with a name and no password proves nothing');
    const code = await this.#bound(dn, password, signal);
    if (NOT_THE_PASSWORD.has(code)) throw new DirectoryUnavailable(`it refuses the bind: ${codeName(code)}`);
    return code === 0;
  }

  /** The result code of a bind as nobody, or under a name that proves nothing. */
  anonymous(dn: string, signal: AbortSignal): Promise<number> {
    return this.#bound(dn, '', signal);
  }

  async #bound(dn: string, password: string, signal: AbortSignal): Promise<number> {
    const { BindRequest } = await import('ldapts');
    return (await this.#ask(new BindRequest({ ...this.#next(), dn, password }), 'bind', [], signal)).code;
  }

  async search(search: Search, signal: AbortSignal): Promise<Found> {
    const { PagedResultsControl, SearchRequest } = await import('ldapts');
    const { base, scope, filter, attributes, dereference, sizeLimit, pageSize } = search;
    const entries: Entry[] = [];
    const page = async (cookie?: Buffer): Promise<Result> => {
      const value = { size: pageSize, ...(cookie === undefined ? {} : { cookie }) };
      const request = new SearchRequest({
        ...{ ...this.#next(), baseDN: base, scope, filter, attributes: [...attributes], sizeLimit, timeLimit: 0 },
        derefAliases: dereference,
        ...(pageSize > 0 ? { controls: [new PagedResultsControl({ value, critical: true })] } : {}),
      });
      const { code, cookie: next } = await this.#ask(request, 'search', entries, signal);
      // Who was not asked for pages has none.
      return { code, cookie: pageSize > 0 ? next : undefined };
    };
    let { code, cookie } = await page();
    while (code === 0 && cookie !== undefined) ({ code, cookie } = await page(cookie));
    return { code, entries };
  }

  /** Gives the socket away. Throws where more came than was asked for: whoever is on the way wrote it. */
  detach(): void {
    if (this.#end !== undefined) throw this.#end;
    if (this.#size > 0) throw new Malformed('more than was asked for');
    this.#end = new Error('the connection was given away');
    this.#socket.off('data', this.#take);
    this.#socket.off('error', this.#broken);
    this.#socket.off('close', this.#broken);
  }

  close(): void {
    if (this.#end !== undefined) return;
    this.#end = new Error('the connection is closed');
    // Ended and destroyed: a directory that never reads holds no socket of ours.
    this.#socket.end();
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
