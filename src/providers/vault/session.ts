/** One login serves many reads: a token is kept until it nears its end or is refused, and made by one login at a time. */
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import { awaited } from '../awaited.ts';
import { ProviderProblem } from '../contract.ts';
import type { LoggedIn, Login } from './login.ts';
import { problemOf } from './problem.ts';

/** A token of which nothing is said is asked for anew after so many milliseconds, as a Secret with it may have changed. */
const UNKNOWN_LIFE_MS = 300_000;
/** Of its life. */
const USED = 0.7;

interface Session {
  readonly client: Client;
  readonly until: number;
}

export interface SessionOptions {
  readonly client: Client;
  /** Where the login is, if it is not where the secrets are. */
  readonly loginNamespace?: string | undefined;
  readonly login: Login;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export class Sessions {
  readonly #options: SessionOptions;
  #current: Session | undefined;
  #coming: Promise<Session> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Under a token that may be used; a second time under a new one where the first is refused. Rejects with `ProviderProblem`. */
  async use<T>(doing: string, work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const session = await this.#session(signal);
      try {
        return await work(session.client);
      } catch (error) {
        if (!isRefused(error)) throw error;
        // Ended or revoked; the rights may have changed as well: a new login tells.
        if (this.#current === session) this.#current = undefined;
        return await work((await this.#session(signal)).client);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw problemOf(error, doing);
    }
  }

  /** A client under a token that may be used. Rejects with `ProviderProblem`. */
  async client(signal: AbortSignal): Promise<Client> {
    return (await this.#session(signal)).client;
  }

  async #session(signal: AbortSignal): Promise<Session> {
    const now = this.#options.now ?? (() => performance.now());
    if (this.#current !== undefined && now() < this.#current.until) return this.#current;
    // Whoever waits for it may give up; the login itself goes on for the others.
    this.#coming ??= this.#login(now).finally(() => {
      this.#coming = undefined;
    });
    return awaited(this.#coming, signal);
  }

  async #login(now: () => number): Promise<Session> {
    const { client, loginNamespace, login } = this.#options;
    const at = now();
    let made: LoggedIn;
    try {
      const there = loginNamespace === undefined ? client : client.with({ namespace: loginNamespace });
      made = await login(there, AbortSignal.timeout(30_000));
    } catch (error) {
      throw problemOf(error, 'log in');
    }
    if (made.token === '') throw new ProviderProblem('invalid', 'cannot log in: the token is empty');
    const life = made.life === 0 ? UNKNOWN_LIFE_MS : made.life * 1_000 * USED;
    this.#current = { client: client.with({ token: made.token }), until: at + life };
    return this.#current;
  }
}

const isRefused = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 403 || error.status === 401);
