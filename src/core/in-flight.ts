/** Requests that a thread is serving right now. What is served without waiting for anything is over before anyone could look. */
import type { Request } from '../framework/request.ts';

/** As `sys/in-flight-req` shows it. No token, no body, no query. */
export interface InFlightRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly start: number;
}

export class InFlight {
  readonly #now: () => number;
  readonly #requests = new Map<Request, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  begin(request: Request): void {
    this.#requests.set(request, this.#now());
  }

  end(request: Request): void {
    this.#requests.delete(request);
  }

  list(): readonly InFlightRequest[] {
    return [...this.#requests].map(([{ id, method, path, address, port }, start]) => {
      return { id, method, path, address: address.startsWith('/') ? address : `${address}:${String(port)}`, start };
    });
  }
}
