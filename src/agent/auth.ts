/** Keeps a token: does what the machine of `auth-machine.ts` decides. */
import { EventEmitter } from 'node:events';
import { ApiError } from '../client/api-error.ts';
import type { Client } from '../client/client.ts';
import type { AuthMethodConfig } from '../config/agent.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Secret } from '../lib/secret.ts';
import { authMachine, type AuthFailure, type AuthInput, type AuthOutput, type AuthState } from './auth-machine.ts';
import type { Clock } from './clock.ts';
import { isRefusal, type Credentials, type Grant } from './credentials.ts';
import { explain } from '../client/explain.ts';
import type { Metrics } from './metrics.ts';

export interface SignedIn {
  readonly token: Secret<string>;
  readonly accessor: string;
}

export interface AuthOptions {
  /** Without a token. */
  readonly client: Client;
  readonly credentials: Credentials;
  readonly method: AuthMethodConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

interface AuthEvents {
  signedIn: [SignedIn];
  /** A login failed. */
  failed: [AuthFailure];
}

/** How long one login or renewal may take. */
const patienceMs = 10_000;

type Unmoved<I> = I extends unknown ? Omit<I, 'now' | 'random'> : never;

export class Authentication extends EventEmitter<AuthEvents> {
  readonly #options: AuthOptions;
  readonly #machine;
  #state: AuthState;
  #current: SignedIn | undefined;
  #cancelWake: () => void = () => undefined;
  readonly #ending = new AbortController();

  constructor(options: AuthOptions) {
    super();
    this.#options = options;
    const { min_backoff, max_backoff } = options.method;
    this.#machine = authMachine({ base: min_backoff * 1000, cap: max_backoff * 1000 });
    this.#state = this.#machine.initial;
  }

  get current(): SignedIn | undefined {
    return this.#current;
  }

  start(): void {
    this.#send({ kind: 'start' });
  }

  /** The token is left as it is: others may hold it from a sink. */
  stop(): void {
    this.#send({ kind: 'stop' });
    this.#ending.abort();
  }

  /** Waits for a login, or for the signal, with whose reason it rejects. */
  async signedIn(signal: AbortSignal): Promise<SignedIn> {
    signal.throwIfAborted();
    if (this.#current !== undefined) return this.#current;
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.off('signedIn', done);
        reject(signal.reason as Error);
      };
      const done = (session: SignedIn): void => {
        signal.removeEventListener('abort', aborted);
        resolve(session);
      };
      this.once('signedIn', done);
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  /**
   * A request was refused (403): is it the token, or what the token may do? Every valid token may look itself up unless
   * its owner took the `default` policy away. `gone` starts a new login.
   */
  async doubt(session: SignedIn): Promise<'valid' | 'gone' | 'unknown'> {
    if (session !== this.#current) return 'gone';
    try {
      const token = session.token.expose();
      await this.#options.client.read('auth/token/lookup-self', { token, signal: this.#ending.signal });
      return 'valid';
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 401)) return 'unknown';
      if (session === this.#current) this.#send({ kind: 'rejected' });
      return 'gone';
    }
  }

  /** Logs in anew if the files hold other credentials than those in use. */
  async lookForCredentials(): Promise<void> {
    if (await this.#options.credentials.changed()) {
      this.#options.log.info('new credentials');
      this.#send({ kind: 'newCredentials' });
    }
  }

  #send(input: Unmoved<AuthInput>): void {
    const { clock, log } = this.#options;
    const moment = { now: clock.now(), random: clock.random() };
    const { state, outputs } = this.#machine.step(this.#state, { ...input, ...moment });
    this.#state = state;
    for (const output of outputs) this.#perform(output);
    if (outputs.some((output) => output.do === 'ignored')) log.debug('ignored', { input: input.kind });
  }

  #perform(output: AuthOutput): void {
    if (output.do === 'wake') {
      this.#cancelWake();
      this.#cancelWake = this.#options.clock.after(output.ms, () => {
        this.#send({ kind: 'wake' });
      });
    } else if (output.do === 'drop') {
      this.#current = undefined;
      this.#options.log.warn('the token serves no more');
    } else if (output.do === 'login') void this.#login();
    else if (output.do === 'renew') void this.#renew();
  }

  async #login(): Promise<void> {
    const { client, credentials, log, metrics, method } = this.#options;
    try {
      const grant = await credentials.login(client.with({ token: '', timeoutMs: patienceMs, ...inNamespace(method) }));
      metrics.add('logins_total', { result: 'success' });
      log.info('logged in', {
        address: client.settings.address,
        accessor: grant.accessor,
        ttl: grant.ttl,
        renewable: grant.renewable,
      });
      this.#take(grant);
    } catch (error) {
      const failure = isRefusal(error) ? 'refused' : 'unreachable';
      const told = isNothingToLogInWith(error) ? 'no_credentials' : failure;
      metrics.add('logins_total', { result: told });
      log.error('login failed', { failure: told, error: explain(error) });
      this.#send({ kind: 'loginFailed', failure, ...asked(error) });
      this.emit('failed', failure);
    }
  }

  #take(grant: Grant): void {
    if (this.#ending.signal.aborted) return;
    const { token, accessor, ttl, renewable } = grant;
    this.#current = { token, accessor };
    this.#options.metrics.set('token_expires_seconds', ttl);
    this.#send({ kind: 'loggedIn', ttl: ttl * 1000, renewable });
    this.emit('signedIn', this.#current);
  }

  async #renew(): Promise<void> {
    const { client, log, metrics } = this.#options;
    const session = this.#current;
    const token = session?.token.expose() ?? '';
    try {
      const options = { token, timeoutMs: patienceMs, replay: 'safe', signal: this.#ending.signal } as const;
      const auth = (await client.write('auth/token/renew-self', {}, options))?.auth;
      // Without it the token would be taken for one that never ends.
      if (auth === undefined) throw fail('noCredentials', 'the renewal gave no token');
      const ttl = auth.lease_duration;
      metrics.add('renewals_total', { result: 'success' });
      metrics.set('token_expires_seconds', ttl);
      log.debug('renewed', { ttl });
      // The answer may come when another token has taken over.
      if (session === this.#current) {
        this.#send({ kind: 'renewed', ttl: ttl * 1000, renewable: auth.renewable });
      }
    } catch (error) {
      const failure = isRefusal(error) ? 'refused' : 'unreachable';
      metrics.add('renewals_total', { result: failure });
      log.warn('renewal failed', { failure, error: explain(error) });
      if (session === this.#current) this.#send({ kind: 'renewalFailed', failure, ...asked(error) });
    }
  }
}

function inNamespace({ namespace }: AuthMethodConfig): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

/** The server was not asked: the file of the token or secret is not there yet, or is empty. */
const isNothingToLogInWith = (error: unknown): boolean => isLockstepError(error, 'noCredentials');

/** How long the server asked us to stay away, at most a minute. */
function asked(error: unknown): { atLeast?: number } {
  const ms = error instanceof ApiError ? error.retryAfterMs : undefined;
  return ms === undefined ? {} : { atLeast: Math.min(ms, 60_000) };
}
