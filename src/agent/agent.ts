/** Puts the agent's parts together, from a configuration to its end. */
import { hostname } from 'node:os';
import { Client } from '../client/client.ts';
import type { ClientSettings } from '../client/settings.ts';
import type { AgentConfig, ProcessConfig } from '../config/agent.ts';
import type { Logger } from '../lib/log.ts';
import { systemStamps } from './age.ts';
import { Authentication, type SignedIn } from './auth.ts';
import { systemClock } from './clock.ts';
import { CommandRunner } from './command-runner.ts';
import { credentialsOf, type Credentials } from './credentials.ts';
import { watchCredentials } from './credential-watch.ts';
import { explain } from '../client/explain.ts';
import { SecretFiles } from './files.ts';
import { Follower } from './follow.ts';
import { HealthListeners, type Health } from './health.ts';
import { LastKnown } from './last-known.ts';
import { Metrics } from './metrics.ts';
import { Sinks } from './sink.ts';
import { Supervisor } from './supervisor.ts';
import { secretTarget, type Target } from './target.ts';

/** Milliseconds after which the cache is asked, though the server may still answer. */
const impatience = 2_000;
/** Milliseconds for one read with all its retries. */
const readTimeout = 15_000;
const defaultStaleMax = 86_400;

export function clientSettings({ server }: AgentConfig): ClientSettings {
  const { num_retries: retries } = server.retry;
  return {
    address: server.address,
    namespace: server.namespace,
    timeoutMs: readTimeout,
    maxRetries: retries < 0 ? 0 : Math.min(retries === 0 ? 12 : retries, 4),
    readYourWrites: true,
    tls: {
      caCert: server.ca_cert,
      caPath: server.ca_path,
      clientCert: server.client_cert,
      clientKey: server.client_key,
      serverName: server.tls_server_name,
      skipVerify: server.tls_skip_verify,
    },
  };
}

/** How often a read may fail before `exit_on_retry_failure` has its way. */
function mostSilent({ server }: AgentConfig): number {
  const { num_retries: retries } = server.retry;
  return retries < 0 ? 1 : retries === 0 ? 12 : retries;
}

const shownFiles = ({ server: { client_cert, client_key } }: AgentConfig): readonly string[] =>
  [client_cert, client_key].filter((path) => path !== undefined);

export class Agent {
  readonly #config: AgentConfig;
  readonly #log: Logger;
  readonly #ending = new AbortController();
  readonly #metrics = new Metrics();
  readonly #credentials: Credentials;
  readonly #client: Client;
  readonly #auth: Authentication;
  readonly #sinks: Sinks;
  readonly #process: Supervisor | undefined;
  readonly #files: SecretFiles;
  readonly #lastKnown: LastKnown;
  readonly #follower: Follower;
  /** What may still write: the end waits for it, since whoever ended us may look at the files or remove them. */
  readonly #unfinished = new Set<Promise<unknown>>();
  #health: HealthListeners | undefined;
  #exitCode = 0;

  constructor(config: AgentConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
    const metrics = this.#metrics;
    const stamps = systemStamps();
    const settings = clientSettings(config);
    this.#client = new Client({ ...settings, maxRetries: 0, readYourWrites: false });
    this.#credentials = credentialsOf(config.method, log.named('auth'), shownFiles(config));
    this.#auth = new Authentication({
      ...{ client: this.#client, credentials: this.#credentials, method: config.method },
      ...{ clock: systemClock, log: log.named('auth'), metrics },
    });
    this.#sinks = new Sinks({
      ...{ sinks: config.sink, client: this.#client, ending: this.#ending.signal, log: log.named('sink'), metrics },
    });
    this.#process = config.exec && this.#supervisor(config.exec);
    this.#files = new SecretFiles({
      ...{ stamps, metrics, log: log.named('files') },
      patience: config.template_config.exit_on_retry_failure ? mostSilent(config) : Number.POSITIVE_INFINITY,
      renewAt: config.template_config.lease_renewal_threshold,
      fatal: (why) => {
        this.#log.error('ending', { error: why });
        this.#end(1);
      },
      commands: new CommandRunner(log.named('command'), metrics),
      staleMax: config.cache?.stale_max ?? defaultStaleMax,
      changed: () => {
        this.#look();
      },
    });
    const { cache } = config;
    this.#lastKnown = new LastKnown({
      ...{ config: cache, credentials: this.#credentials, files: this.#files, stamps, log: log.named('cache') },
    });
    this.#follower = new Follower({
      ...{ connect: () => new Client(settings), auth: this.#auth, files: this.#files },
      ...{ consumer: config.consumer ?? hostname(), pollInterval: config.poll_interval },
      width: config.template_config.max_connections_per_host,
      ...{ clock: systemClock, log: log.named('follow'), metrics },
      applied: async () => this.#process?.apply(),
      synced: () => this.#synced(),
    });
  }

  #supervisor(process: ProcessConfig): Supervisor {
    const ended = (code: number): void => {
      this.#end(code);
    };
    return new Supervisor({ process, log: this.#log.named('exec'), ended });
  }

  /** The engine of templates is loaded for those who have some: it takes 10 MB. */
  async #targets(): Promise<readonly Target[]> {
    const { secret, template, env_template, template_config, server, environment } = this.#config;
    const secrets = secret.map(secretTarget);
    if (template.length + env_template.length === 0) return secrets;
    const { templateTarget, variableTarget } = await import('./templates/template-target.ts');
    const fatal = this.#config.exit_after_auth;
    const host = { settings: template_config, environment, namespace: server.namespace, fatal };
    const process = this.#process;
    const variables = process === undefined ? [] : env_template;
    return [
      ...secrets,
      ...template.map((each) => templateTarget(each, host)),
      ...variables.map((each) => variableTarget(each, host, process?.variable(each.name) ?? (() => 'unchanged'))),
    ];
  }

  /** Runs until `stop`, or until all is done with `exit_after_auth`. Gives the exit code. */
  async run(): Promise<number> {
    const { listener } = this.#config;
    const pages = { health: () => this.#report(), metrics: () => this.#figures() };
    this.#health = await HealthListeners.open(listener, pages, this.#log.named('health'));
    try {
      await this.#files.prepare(await this.#targets());
      await this.#lastKnown.open();
      await this.#serve();
    } finally {
      this.stop();
      const code = await this.#process?.stop();
      if (this.#exitCode === 0) this.#exitCode = code ?? 0;
      this.#auth.stop();
      while (this.#unfinished.size > 0) await Promise.allSettled(this.#unfinished);
      this.#client.close();
      await this.#health.close();
    }
    return this.#exitCode;
  }

  stop(): void {
    this.#ending.abort();
  }

  /** Looks for new credentials and certificates. */
  async reload(): Promise<void> {
    await this.#auth.lookForCredentials();
    await this.#health?.reload();
  }

  async #serve(): Promise<void> {
    const { signal } = this.#ending;
    this.#auth.on('signedIn', (session) => {
      if (signal.aborted) return;
      this.#guard(this.#lastKnown.open());
      this.#guard(this.#fillSinks(session));
      this.#follower.nudge();
    });
    this.#auth.on('failed', () => {
      if (signal.aborted) return;
      this.#guard(this.#restore());
      if (this.#config.method.exit_on_err) this.#end(1);
    });
    const cancel = systemClock.after(impatience, () => {
      if (this.#auth.current === undefined) this.#guard(this.#restore());
    });
    using _watch = watchCredentials(this.#credentials.files, () => {
      this.#guard(this.#auth.lookForCredentials());
    });
    const ended = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    this.#auth.start();
    try {
      // Its process is told to end at once, while the last file may still be on its way.
      if (!signal.aborted) await Promise.race([ended, this.#tracked(this.#follower.run(signal))]);
    } finally {
      cancel();
    }
  }

  /** Everything was read, well or not. */
  async #synced(): Promise<void> {
    const session = this.#auth.current;
    if (session !== undefined) this.#guard(this.#fillSinks(session));
    await this.#restore();
    await this.#lastKnown.confirm();
    this.#look();
  }

  /** What the cache holds, where the server has not answered. */
  async #restore(): Promise<void> {
    await this.#lastKnown.restore();
    await this.#process?.apply();
  }

  async #fillSinks(session: SignedIn): Promise<void> {
    await this.#sinks.write(session);
    this.#look();
  }

  #look(): void {
    if (!this.#config.exit_after_auth || this.#ending.signal.aborted) return;
    const done = this.#files.report().every(({ inPlace }) => inPlace);
    if (!done || this.#sinks.lacking(this.#auth.current).length > 0) return;
    this.#log.info('everything is in place');
    this.#end(0);
  }

  #end(code: number): void {
    this.#exitCode = code;
    this.stop();
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    const forget = (): boolean => this.#unfinished.delete(work);
    this.#unfinished.add(work);
    work.then(forget, forget);
    return work;
  }

  /** Work whose failure ends the agent. */
  #guard(work: Promise<unknown>): void {
    this.#tracked(work).catch((error: unknown) => {
      if (this.#ending.signal.aborted) return;
      this.#log.error('ending', { error: explain(error) });
      this.#end(1);
    });
  }

  #report(): Health {
    const unhealthy = this.#files.report().filter(({ healthy }) => !healthy);
    const files = unhealthy.map(({ name, condition, inPlace }) => {
      return { name, condition: inPlace && condition !== 'failed' ? `stale (${condition})` : condition };
    });
    const sinks = this.#sinks.lacking(this.#auth.current).map((name) => ({ name, condition: 'no token' }));
    return { missing: [...files, ...sinks] };
  }

  #figures(): string {
    for (const { name, healthy, age } of this.#files.report()) {
      this.#metrics.set('secret_in_place', healthy ? 1 : 0, { secret: name });
      if (age !== undefined) this.#metrics.set('secret_age_seconds', Math.round(age * 1000) / 1000, { secret: name });
    }
    return this.#metrics.text();
  }
}
