/** Requests that a thread is serving right now. What is served without waiting for anything is over before anyone could look. */
import type { Request } from '../framework/request.ts';
import { Places } from '../lib/places.ts';

/** As `sys/in-flight-req` shows it. No token, no body, no query. */
export interface InFlightRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly start: number;
}

interface Started {
  readonly request: Request;
  readonly start: number;
}

export class InFlight {
  readonly #now: () => number;
  readonly #requests = new Places<Started>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Gives what it is ended by. */
  begin(request: Request): number {
    return this.#requests.take({ request, start: this.#now() });
  }

  /** `place`: what `begin` gave. */
  end(place: number): void {
    this.#requests.leave(place);
  }

  list(): readonly InFlightRequest[] {
    return this.#requests.values().map(({ request: { id, method, path, address, port }, start }) => {
      return { id, method, path, address: address.startsWith('/') ? address : `${address}:${String(port)}`, start };
    });
  }
}
