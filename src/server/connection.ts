/** What is known of a connection of HTTP/1.1, beside its one request after the other. */
import type { Socket } from 'node:net';

/**
 * Requests in a row that another thread has served, after which a client is to come anew: then its connection may come to that
 * thread. In a hundred requests it is nothing; where what comes anew comes to the wrong thread again it stays nothing.
 */
const SERVED_ELSEWHERE = 100;

const KNOWN = Symbol('connection');

/** Of the thread. */
let exchanges = 0;

/** Of all exchanges of a thread: greater than those before it. */
export const nextExchange = (): number => ++exchanges;

export const newestExchange = (): number => exchanges;

export class Connection {
  /** Its exchanges by their numbers: the first, the newest, and the one whose reply said that it ends. */
  readonly #first: number;
  #newest: number;
  #last = Infinity;
  #servedElsewhere = 0;

  private constructor(first: number) {
    this.#first = first;
    this.#newest = first;
  }

  /** That of `exchange`, which has just begun on it. */
  static of(socket: Socket & { [KNOWN]?: Connection }, exchange: number): Connection {
    const connection = (socket[KNOWN] ??= new Connection(exchange));
    connection.#newest = exchange;
    return connection;
  }

  /** Nothing behind the last is done (RFC 9112 9.6): it would be, and nobody told of it. */
  isBehindTheLast(exchange: number): boolean {
    return this.#last < exchange;
  }

  endsWith(exchange: number): void {
    this.#last = Math.min(this.#last, exchange);
  }

  /** The reply that should have said so could not be sent. */
  goesOnBehind(exchange: number): void {
    if (this.#last === exchange) this.#last = Infinity;
  }

  /** `elsewhere`: by another thread. */
  served(elsewhere: boolean): void {
    this.#servedElsewhere = elsewhere ? this.#servedElsewhere + 1 : 0;
  }

  /**
   * Whether its client is to come anew, for the sake of the thread that it comes to. `renewed`: connections of exchanges up to that one are.
   * Not while another request is behind this one.
   */
  isToComeAnew(exchange: number, renewed: number): boolean {
    if (this.#newest !== exchange) return false;
    return this.#first <= renewed || this.#servedElsewhere >= SERVED_ELSEWHERE;
  }
}
