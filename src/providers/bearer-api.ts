/** A web API of JSON under bearer tokens (RFC 6750): one login serves many requests, and a token that is refused is asked for anew. */
import { Agent } from 'node:https';
import { isObject } from '../client/json.ts';
import { Agent as PlainAgent } from '../lib/node-http.ts';
import { awaited } from './awaited.ts';
import { ProviderProblem, type ProblemKind } from './contract.ts';
import { objectOf, REQUEST_MS, type Bearer, type BearerLogin } from './oauth.ts';
import { exchange, problemKindOf, type WebAnswer } from './web-request.ts';

type Json = Readonly<Record<string, unknown>>;

/** What the API itself says that it does not do. Other statuses than its own, as of a proxy, are `ProviderProblem`s alone. */
export class ApiRefusal extends ProviderProblem {
  readonly status: number;
  /** The API's own name for it: `NOT_FOUND`, `SecretNotFound`. */
  readonly code: string;

  constructor(
    kind: ProblemKind,
    message: string,
    { status, code }: { readonly status: number; readonly code: string },
  ) {
    super(kind, message);
    this.status = status;
    this.code = code;
  }
}

export const isRefusal = (error: unknown, ...codes: readonly string[]): error is ApiRefusal =>
  error instanceof ApiRefusal && codes.includes(error.code);

export interface BearerApiOptions {
  /** As messages name it: `Google`. */
  readonly whom: string;
  readonly login: BearerLogin;
  /** Whether it may be on this machine and at link-local addresses. */
  readonly anywhere: boolean;
  /** What of an answer's `error` names it. */
  readonly codeOf: (error: Json) => string;
  /** Kinds that the status does not tell. */
  readonly kinds?: Readonly<Record<string, ProblemKind>>;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export interface ApiRequest {
  /** What is tried, as `read "db"`. */
  readonly doing: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly body?: Json;
}

interface Refused {
  readonly status: number;
  readonly json: Json | undefined;
}

interface Held {
  readonly token: string;
  readonly until: number;
}

/** A token of which nothing is said, and one of a Secret that may have changed, is asked for anew after so many milliseconds. */
const LONGEST_MS = 1_800_000;
const UNKNOWN_MS = 300_000;
/** Of its life. */
const USED = 0.7;
const LOGIN_MS = 30_000;
/** Clouds keep connections for minutes. */
const IDLE_MS = 30_000;

const lifeOf = ({ life }: Bearer): number => Math.min(LONGEST_MS, life === 0 ? UNKNOWN_MS : life * 1_000 * USED);

export class BearerApi {
  readonly #options: BearerApiOptions;
  // A connection that the other side is about to close is not used again.
  readonly #agents = {
    'https:': new Agent({ keepAlive: true, timeout: IDLE_MS }),
    'http:': new PlainAgent({ keepAlive: true, timeout: IDLE_MS }),
  } as const;
  #held: Held | undefined;
  #coming: Promise<Held> | undefined;

  constructor(options: BearerApiOptions) {
    this.#options = options;
  }

  /** The object that is answered. Rejects with `ApiRefusal`, another `ProviderProblem`, or the reason of the signal. */
  async ask(asking: ApiRequest, signal: AbortSignal): Promise<Json> {
    signal.throwIfAborted();
    const held = await this.#token(signal);
    const answer = await this.#send(asking, held, signal);
    if (answer.status !== 401) return this.#taken(asking, answer);
    // Ended, or revoked; the credentials may be others by now.
    if (this.#held === held) this.#held = undefined;
    return this.#taken(asking, await this.#send(asking, await this.#token(signal), signal));
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #send({ method = 'GET', url, body }: ApiRequest, { token }: Held, signal: AbortSignal): Promise<WebAnswer> {
    const { whom, anywhere } = this.#options;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    return exchange(
      {
        ...{ whom, anywhere, method, url, timeout: REQUEST_MS },
        agent: this.#agents[url.protocol === 'http:' ? 'http:' : 'https:'],
        headers: { accept: 'application/json', authorization: `Bearer ${token}`, ...type },
        body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
      },
      signal,
    );
  }

  #taken({ doing, url }: ApiRequest, answer: WebAnswer): Json {
    const { status, body } = answer;
    const json = objectOf(answer);
    if (status < 200 || status >= 300) throw this.#problem(`cannot ${doing}`, url.host, { status, json });
    if (json !== undefined || body.length === 0) return json ?? {};
    throw new ProviderProblem('unreachable', `cannot ${doing}: ${this.#options.whom} at ${url.host} answers no JSON`);
  }

  #problem(cannot: string, host: string, { status, json }: Refused): ProviderProblem {
    const { whom, codeOf, kinds = {} } = this.#options;
    const error = isObject(json?.['error']) ? json['error'] : {};
    const code = codeOf(error);
    const message = typeof error['message'] === 'string' ? error['message'].slice(0, 300) : '';
    const said = [String(status), code, message].filter((each) => each !== '').join(': ');
    const kind = (Object.hasOwn(kinds, code) ? kinds[code] : undefined) ?? problemKindOf(status);
    const text = `${cannot}: ${whom} at ${host} answers ${said}`;
    if (code !== '') return new ApiRefusal(kind, text, { status, code });
    // A 404 that is not in the API's own words is of somebody else.
    return new ProviderProblem(kind === 'unsuitable' ? 'invalid' : kind, text);
  }

  async #token(signal: AbortSignal): Promise<Held> {
    const now = this.#options.now ?? (() => performance.now());
    if (this.#held !== undefined && now() < this.#held.until) return this.#held;
    this.#coming ??= this.#login(now).finally(() => {
      this.#coming = undefined;
    });
    return awaited(this.#coming, signal);
  }

  async #login(now: () => number): Promise<Held> {
    const at = now();
    const limit = AbortSignal.timeout(LOGIN_MS);
    const bearer = await this.#options.login(limit).catch((error: unknown) => {
      if (!limit.aborted || error instanceof ProviderProblem) throw error;
      throw new ProviderProblem('unreachable', `cannot log in: no answer within ${String(LOGIN_MS)} ms`);
    });
    this.#held = { token: bearer.token, until: at + lifeOf(bearer) };
    return this.#held;
  }
}
