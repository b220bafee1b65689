import { join } from 'node:path';
import { matchesGlob } from '../lib/glob.ts';
import type { Body } from '../lib/hcl/index.ts';
import { agentKeys } from './agent-schema.ts';
import { readDocuments } from './documents.ts';
import { deepFreeze } from './freeze.ts';
import { overlayOf, type Environment } from './overlay.ts';
import { Reader } from './reader.ts';
import type { Read } from './schema.ts';

/** Seconds. */
const defaultInterval = 300;

type Values = Read<typeof agentKeys>;
type AutoAuth = NonNullable<Values['auto_auth']>;
type WithMount<M> = M extends unknown ? Omit<M, 'mount_path'> & { readonly mount_path: string } : never;

/** How the agent logs in; `mount_path` is filled in. */
export type AuthMethodConfig = WithMount<NonNullable<AutoAuth['method']>>;
export type SinkConfig = AutoAuth['sink'][number];
export type AgentListener = Values['listener'][number];
export type AgentServer = Values['vault'];

/** A secret that is kept in a file; `format` is filled in. */
export type SecretFile = Omit<Values['secret'][number], 'format'> & { readonly format: 'value' | 'json' | 'env' };

/** A template that is kept in a file. It is called by its destination; one of `source` and `contents` is given. */
export type TemplateConfig = Omit<Values['template'][number], 'exec' | 'wait'> & { readonly name: string };

/** A template whose output is a variable of the process. */
export type VariableConfig = Omit<Values['env_template'][number], 'wait'>;

/** The process that is run. */
export type ProcessConfig = NonNullable<Values['exec']>;

/** The encrypted cache. With neither `key_file` nor `derive_key` there is no key: the agent keeps it off and says so. */
export interface CacheConfig {
  readonly path: string;
  readonly key_file: string | undefined;
  /** The key is derived from the secret-id, which stays in its file. */
  readonly derive_key: boolean;
  /** Seconds. */
  readonly stale_max: number;
  readonly exit_on_err: boolean;
}

/** An agent's configuration, frozen. Durations are seconds. */
export interface AgentConfig extends Omit<
  Values,
  'vault' | 'auto_auth' | 'secret' | 'template' | 'env_template' | 'cache' | 'poll_interval'
> {
  readonly server: AgentServer;
  readonly method: AuthMethodConfig;
  readonly sink: readonly SinkConfig[];
  readonly secret: readonly SecretFile[];
  readonly template: readonly TemplateConfig[];
  readonly env_template: readonly VariableConfig[];
  readonly poll_interval: number;
  /** The variables that templates may read. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cache: CacheConfig | undefined;
  readonly warnings: readonly string[];
}

export interface AgentFlags {
  readonly log_level?: string;
  readonly log_format?: string;
  readonly log_file?: string;
  readonly exit_after_auth?: boolean;
}

export interface AgentSources {
  /** Files and directories, as `-config` names them. */
  readonly files: readonly string[];
  readonly flags?: AgentFlags;
  /** By default the process's own. */
  readonly env?: Environment;
}

/** Reads an agent's configuration. Throws `invalidConfig` with every problem, a line each, naming key and place. */
export function loadAgentConfig({ files, flags = {}, env = process.env }: AgentSources): AgentConfig {
  return agentConfig(readDocuments(files), flags, env);
}

/** As `loadAgentConfig`, from documents that have been parsed. */
export function agentConfig(bodies: readonly Body[], flags: AgentFlags, env: Environment): AgentConfig {
  const reader = new Reader();
  const { vault: server, auto_auth, cache, ...values } = reader.read(bodies, agentKeys, overlayOf(env, { ...flags }));
  reader.finish();
  const sink = auto_auth?.sink ?? [];
  if (sink.length + values.secret.length + values.template.length + values.env_template.length === 0) {
    reader.problem('configuration', 'nothing to do: give a `sink`, a `secret` or a `template`');
  }
  judgeProcess(reader, values);
  if (cache !== undefined && cache.persist === undefined) {
    reader.warn('configuration', '`cache` does nothing without `persist`: the agent does not proxy requests');
  }
  judgeDestinations(reader, sink, [...values.secret, ...values.template]);
  const method = methodConfig(reader, auto_auth?.method);
  const shown = shownCertificate(reader, server, method);
  const config = {
    ...values,
    server: { ...server, ...shown },
    sink,
    secret: values.secret.map(withFormat),
    template: values.template.map(templateConfig),
    environment: allowedVariables(env, values.template_config.allowed_environment),
    poll_interval: values.poll_interval ?? values.template_config.static_secret_render_interval ?? defaultInterval,
    cache: cacheConfig(reader, { cache, method }, env),
    warnings: reader.warnings,
  };
  reader.finish();
  return deepFreeze({ ...config, method });
}

function methodConfig(reader: Reader, method: AutoAuth['method']): AuthMethodConfig {
  if (method !== undefined) return { ...method, mount_path: method.mount_path ?? `auth/${method.type}` };
  reader.problem('configuration', '`auto_auth` with a `method` is missing: auto_auth { method "approle" { … } }');
  throw reader.failure();
}

/** The certificate that logs in is shown on every connection, that of the server block unless the method has its own. */
function shownCertificate(
  reader: Reader,
  server: AgentServer,
  method: AuthMethodConfig,
): Partial<Pick<AgentServer, 'client_cert' | 'client_key' | 'ca_cert'>> {
  if (method.type !== 'cert') return {};
  const { client_cert, client_key, ca_cert } = method.config;
  if ((client_cert === undefined) !== (client_key === undefined)) {
    reader.problem('method "cert"', '`client_cert` and `client_key` belong together');
  }
  if ((client_cert ?? server.client_cert) === undefined || (client_key ?? server.client_key) === undefined) {
    reader.problem('method "cert"', 'give `client_cert` and `client_key`, here or in `vault`');
  }
  return client_cert === undefined ? {} : { client_cert, client_key, ca_cert: ca_cert ?? server.ca_cert };
}

function withFormat(secret: Values['secret'][number]): SecretFile {
  return { ...secret, format: secret.format ?? (secret.field === undefined ? 'json' : 'value') };
}

function judgeProcess(
  reader: Reader,
  { exec, env_template, exit_after_auth }: Pick<Values, 'exec' | 'env_template' | 'exit_after_auth'>,
): void {
  if (exec === undefined && env_template.length > 0) {
    reader.problem('configuration', '`env_template` needs `exec`: the process that gets the variable');
  }
  if (exec !== undefined && env_template.length === 0) {
    reader.problem('configuration', '`exec` needs an `env_template`: what its process is run for');
  }
  if (exec !== undefined && exit_after_auth) {
    reader.problem(
      'configuration',
      '`exec` and `exit_after_auth` exclude each other: the process would be ended at once',
    );
  }
}

function allowedVariables(env: Environment, patterns: readonly string[]): Readonly<Record<string, string>> {
  const allowed = Object.entries(env).filter(([name]) => patterns.some((pattern) => matchesGlob(pattern, name)));
  return Object.fromEntries(allowed.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

function templateConfig({ exec, ...template }: Values['template'][number]): TemplateConfig {
  const command = exec?.command ?? template.command;
  return {
    ...template,
    name: template.destination,
    command: command?.length === 1 ? ['/bin/sh', '-c', ...command] : command,
    command_timeout: exec?.timeout ?? template.command_timeout,
  };
}

function judgeDestinations(
  reader: Reader,
  sinks: readonly SinkConfig[],
  files: readonly { readonly destination: string }[],
): void {
  const taken = new Set<string>();
  for (const path of [...sinks.map(({ config }) => config.path), ...files.map(({ destination }) => destination)]) {
    if (taken.has(path)) reader.problem('configuration', `two sinks, secrets or templates are written to ${path}`);
    taken.add(path);
  }
}

/** Whether the secret-id is still there after a restart. */
function isDurable(method: AuthMethodConfig): boolean {
  if (method.type !== 'approle') return false;
  const { secret_id_file_path, remove_secret_id_file_after_reading, secret_id_response_wrapping_path } = method.config;
  const kept = secret_id_file_path !== undefined && !remove_secret_id_file_after_reading;
  return kept && secret_id_response_wrapping_path === undefined;
}

function cacheConfig(
  reader: Reader,
  { cache, method }: { readonly cache: Values['cache']; readonly method: AuthMethodConfig },
  env: Environment,
): CacheConfig | undefined {
  const persist = cache?.persist;
  if (persist === undefined) return undefined;
  const { path, stale_max, exit_on_err, key_credential } = persist;
  const directory = env['CREDENTIALS_DIRECTORY'];
  if (key_credential !== undefined && directory === undefined) {
    reader.problem(
      'configuration',
      '`key_credential` needs CREDENTIALS_DIRECTORY, which systemd sets for its services',
    );
  }
  const credential = key_credential === undefined ? undefined : join(directory ?? '', key_credential);
  const key_file = persist.key_file ?? credential;
  const derive_key = key_file === undefined && isDurable(method);
  if (key_file === undefined && !derive_key) {
    reader.warn(
      'configuration',
      'the cache is off: it has no key. Give `key_file` or `key_credential`, or a secret-id that stays in its file',
    );
  }
  return { path, stale_max, exit_on_err, key_file, derive_key };
}
