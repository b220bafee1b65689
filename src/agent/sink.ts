/** Writes the token where the configuration says. */
import { resolve } from 'node:path';
import type { Client } from '../client/client.ts';
import type { SinkConfig } from '../config/agent.ts';
import { fail } from '../errors.ts';
import type { Logger } from '../lib/log.ts';
import type { SignedIn } from './auth.ts';
import { explain } from '../client/explain.ts';
import type { Metrics } from './metrics.ts';
import { place } from './place.ts';

export interface SinksOptions {
  readonly sinks: readonly SinkConfig[];
  /** With any token. */
  readonly client: Client;
  /** Nothing is wrapped any more. */
  readonly ending: AbortSignal;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export class Sinks {
  readonly #options: SinksOptions;
  readonly #held = new Map<SinkConfig, SignedIn>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SinksOptions) {
    this.#options = options;
  }

  /** The paths that do not hold this token. */
  lacking(session: SignedIn | undefined): readonly string[] {
    const { sinks } = this.#options;
    return sinks
      .filter((sink) => session === undefined || this.#held.get(sink) !== session)
      .map(({ config }) => config.path);
  }

  /** Writes the token to every sink that does not hold it; one write at a time, the newest token last. */
  write(session: SignedIn): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeAll(session));
    return this.#writing;
  }

  async #writeAll(session: SignedIn): Promise<void> {
    for (const sink of this.#options.sinks) {
      if (this.#held.get(sink) !== session) await this.#writeOne(sink, session);
    }
  }

  async #writeOne(sink: SinkConfig, session: SignedIn): Promise<void> {
    const { log, metrics } = this.#options;
    const { path, mode, owner: user, group } = sink.config;
    try {
      const bytes = Buffer.from(await this.#content(sink, session));
      await place(bytes, { path: resolve(path), mode, user, group });
      bytes.fill(0);
      this.#held.set(sink, session);
      metrics.add('sink_writes_total', { result: 'success' });
      log.info('wrote the token', { path });
    } catch (error) {
      metrics.add('sink_writes_total', { result: 'failure' });
      log.error('cannot write the token', { path, error: explain(error) });
    }
  }

  /** The bare token, or what wraps it, as JSON with the names of the API. */
  async #content({ wrap_ttl }: SinkConfig, { token }: SignedIn): Promise<string> {
    if (wrap_ttl === undefined || wrap_ttl === 0) return token.expose();
    const { client, ending: signal } = this.#options;
    const body = { token: token.expose() };
    const options = { token: token.expose(), wrapTtl: `${Math.ceil(wrap_ttl)}s`, replay: 'safe', signal } as const;
    const wrapped = (await client.write('sys/wrapping/wrap', body, options))?.wrap_info;
    if (wrapped === undefined) throw fail('noCredentials', 'the server did not wrap the token');
    return JSON.stringify(wrapped);
  }
}
