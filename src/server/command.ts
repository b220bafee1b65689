/** `lockstep server`: reads the configuration, serves until it is told to end. */
import { readFile } from 'node:fs/promises';
import { loadServerConfig, type ServerConfig } from '../config/server.ts';
import type { InFlight } from '../core/in-flight.ts';
import type { Node } from '../core/node.ts';
import { fail, isLockstepError } from '../errors.ts';
import { defined } from '../lib/defined.ts';
import { armFailpoints } from '../lib/failpoint.ts';
import { toldOf } from '../lib/fault.ts';
import type { Logger } from '../lib/log.ts';
import { LogSource } from '../lib/log-source.ts';
import { commonFlags, parseFlags } from '../lib/program/arguments.ts';
import { openLogOutput } from '../lib/program/log-output.ts';
import { writePidFile } from '../lib/program/pid-file.ts';
import { keepCertificates, prepareAcme } from './acme/listeners.ts';
import { compose, type Composed, type Logging } from './compose.ts';
import type { Finding } from './diagnose.ts';
import type { Upgrade } from './endpoint.ts';
import { developmentBanner, initializeDevelopment } from './development.ts';
import type { DevelopmentTls } from './development-tls.ts';
import { listenerSettings } from './from-config.ts';
import { serve, type Serving } from './http.ts';
import type { Served, ThreadPool } from './threads/pool.ts';
import type { EventsEndpoint } from './websocket.ts';

const USAGE = `Usage: lockstep server [options]

  Starts a node. It serves once it is initialised and unsealed.

      $ lockstep server -config=/etc/lockstep/hub.hcl
      $ lockstep server -dev

Options:

  -config=<path>                  A file, or a directory of .hcl and .json files. May be given several times.
  -dev                            In memory, initialised and unsealed; for development only.
  -dev-root-token-id=<token>      The root token of -dev. Also VAULT_DEV_ROOT_TOKEN_ID.
  -dev-listen-address=<address>   Where -dev listens; 127.0.0.1:8200 if not given.
  -dev-tls                        As -dev, over TLS: with an authority and a certificate made for it.
  -dev-tls-cert-dir=<path>        Where -dev-tls writes their files; a directory of its own if not given.
  -recovery                       Serve nothing but the records of the storage, to mend them by hand.
  -diagnose                       Start nothing: say what would go wrong, as "operator diagnose" does.
  -skip=<check>                   What -diagnose leaves out: listener, storage or autounseal. May be given several times.
  -format=<format>                Of what -diagnose says: table or json.
  -log-level=<level>              trace, debug, info, warn or error.
  -log-format=<format>            standard or json.
  -log-file=<path>                A file to log to besides standard error. SIGHUP opens it anew.

  Taken, without effect: -exit-on-core-shutdown, -dev-no-store-token, -log-rotate-bytes, -log-rotate-duration and
  -log-rotate-max-files (rotate the file from outside and send SIGHUP).
`;

const OPTIONS = {
  ...commonFlags,
  dev: { type: 'boolean' },
  'dev-root-token-id': { type: 'string' },
  'dev-listen-address': { type: 'string' },
  'dev-tls': { type: 'boolean' },
  'dev-tls-cert-dir': { type: 'string' },
  recovery: { type: 'boolean' },
  skip: { type: 'string', multiple: true },
  diagnose: { type: 'boolean' },
  format: { type: 'string' },
} as const;

/** Of Vault and OpenBao: what they would do is so anyway, or is done from outside. */
const WITHOUT_EFFECT = {
  'exit-on-core-shutdown': { type: 'boolean' },
  'dev-no-store-token': { type: 'boolean' },
  'log-rotate-bytes': { type: 'string' },
  'log-rotate-duration': { type: 'string' },
  'log-rotate-max-files': { type: 'string' },
} as const;

const parse = (argv: readonly string[]) => parseFlags(argv, { ...OPTIONS, ...WITHOUT_EFFECT });

function configOf(values: ReturnType<typeof parse>, tls?: DevelopmentTls): ServerConfig {
  const given = {
    log_level: values['log-level'],
    log_format: values['log-format'],
    log_file: values['log-file'],
    dev: values.dev ?? (values['dev-root-token-id'] !== undefined || values['dev-tls'] === true),
    dev_tls: tls,
    dev_root_token_id: values['dev-root-token-id'],
    dev_listen_address: values['dev-listen-address'],
  };
  const files = values.config ?? [];
  if (files.length === 0 && !given.dev) {
    throw fail('invalidConfig', 'Must specify at least one config path using -config, or -dev');
  }
  return loadServerConfig({ files, flags: defined(given) });
}

async function tlsOf(values: ReturnType<typeof parse>): Promise<DevelopmentTls | undefined> {
  const folder = values['dev-tls-cert-dir'];
  if (values['dev-tls'] !== true) {
    if (folder === undefined) return undefined;
    throw fail('invalidConfig', '-dev-tls-cert-dir says where -dev-tls writes: give -dev-tls too');
  }
  const { developmentTls } = await import('./development-tls.ts');
  return developmentTls(folder, Date.now());
}

const TICK_MS = 1_000;

/** Does what is due, about once a second, never twice at once. */
function keepTime(tick: () => Promise<void>, log: Logger): Disposable {
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    tick()
      .catch((error: unknown) => {
        log.error('background work failed', { error: error instanceof Error ? error.message : 'unknown' });
      })
      .finally(() => {
        busy = false;
      });
  }, TICK_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}

interface Reloading {
  readonly serving: Serving;
  readonly logging: Logging;
  readonly reread: () => ServerConfig;
}

/** Neither rejects for a file that cannot be used: it is logged, and the old one stays. */
async function reload(composed: Composed, { serving, logging, reread }: Reloading): Promise<void> {
  const { log, output } = logging;
  output.reopen();
  let audit: ServerConfig['audit'] | undefined;
  try {
    ({ audit } = reread());
  } catch (error) {
    log.error('the configuration cannot be read anew', { reason: error instanceof Error ? error.message : 'unknown' });
  }
  await Promise.all([serving.reload(), composed.threads?.reload(), composed.reload(audit)]);
  log.info('read certificates and opened files anew', { signal: 'SIGHUP' });
}

/** Resolves when the process is told to end; told twice, it ends at once. */
function ending(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        log.info('shutting down', { signal });
        resolve();
      });
    }
  });
}

/** Loaded when the first subscriber comes: a start must not wait for it. */
function lazyEvents(node: Node): { readonly upgrade: Upgrade; readonly close: () => Promise<void> } {
  let loading: Promise<EventsEndpoint> | undefined;
  return {
    upgrade: (request, socket, head, parsed) => {
      loading ??= import('./websocket.ts').then(({ eventsEndpoint }) => eventsEndpoint({ node }));
      void loading.then(({ upgrade }) => upgrade(request, socket, head, parsed));
    },
    close: async () => (await loading)?.close('shutdown'),
  };
}

/** A node that does not serve yet says what it waits for. */
function sayWhatIsNext(node: Node, log: Logger): void {
  if (!node.initialized) log.info('not initialised: run `lockstep operator init`');
  else if (!node.sealed) log.info('unsealed');
  else if (node.sealStatus()['migration'] === true) log.info('sealed: `lockstep operator unseal -migrate` migrates it');
  else log.info('sealed: give it its shares with `lockstep operator unseal`');
}

/** Once in a node's life, before it listens. */
async function initializeFirst(node: Node, config: ServerConfig, log: Logger): Promise<void> {
  if (config.initialize.length === 0) return;
  if (node.initialized) log.debug('`initialize` has no effect: the node is initialised');
  else await (await import('./self-init.ts')).initializeSelf(node, config, log);
}

/** On this thread, and on those that only read. */
async function listen(
  config: ServerConfig,
  served: Omit<Served, 'serving'> & { log: Logger; inFlight: InFlight },
  threads?: ThreadPool,
): Promise<Serving> {
  const listeners = config.listener.map((each) => ({
    ...listenerSettings(each),
    unauthenticatedWorkflows: config.allow_unauthenticated_workflows,
  }));
  if (threads === undefined) return serve({ ...served, listeners });
  const shared = listeners.map((each) => (each.kind === 'tcp' ? { ...each, shared: 'first' as const } : each));
  const serving = await serve({ ...served, listeners: shared });
  const joined = shared.flatMap((each, at) =>
    each.kind === 'tcp' ? [{ ...each, port: portOf(serving.addresses[at]), shared: 'others' as const }] : [],
  );
  await threads.listen(joined, { ...served, serving });
  return serving;
}

const portOf = (address = ''): number => Number(/:(\d+)$/.exec(address)?.[1]);

interface Starting {
  readonly logging: Logging;
  readonly reread: () => ServerConfig;
  readonly recovery: boolean;
  /** Of -dev-tls: the file of who issued the certificate. */
  readonly authority: string | undefined;
}

async function start(config: ServerConfig, { logging, reread, recovery, authority }: Starting): Promise<void> {
  const { log } = logging;
  const ended = ending(log);
  for (const warning of config.warnings) log.warn(warning);
  if (recovery) {
    const { serveRecovery } = await import('./recovery.ts');
    await serveRecovery(config, logging, ended);
    return;
  }
  await using composed = await compose(config, logging);
  const { node, threads } = composed;
  await initializeFirst(node, config, log);
  const events = lazyEvents(node);
  const { inFlight } = composed;
  await prepareAcme(config.listener);
  const serving = await listen(config, { handler: node, upgrade: events.upgrade, log, inFlight }, threads);
  await using _closing = {
    [Symbol.asyncDispose]: async () => {
      node.monitors.endAll();
      await events.close();
      await Promise.all([serving.close(), threads?.[Symbol.asyncDispose]()]);
    },
  };
  using certificates = keepCertificates(config.listener, log.named('acme'));
  using _pid = writePidFile(config.pid_file);
  process.on('SIGHUP', () => {
    certificates.reload();
    void reload(composed, { serving, logging, reread });
  });
  const [address = ''] = serving.addresses;
  process.stdout.write(`==> Lockstep server started! Log data will stream in below:\n\n`);
  await node.start(AbortSignal.timeout(60_000));
  if (config.dev === undefined) sayWhatIsNext(node, log);
  if (config.dev !== undefined) {
    process.stdout.write(developmentBanner(await initializeDevelopment(node, config.dev), { address, authority }));
  }
  using _time = keepTime(async () => {
    await node.tick();
    await composed.retain();
  }, log);
  await ended;
}

/** A configuration that cannot be read is a finding too. */
async function judge(values: ReturnType<typeof parse>): Promise<number> {
  const { checksOf, diagnose, exitCodeOf, findingsJson, findingsText } = await import('./diagnose.ts');
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => undefined);
  const skip = checksOf(values.skip);
  let findings: readonly Finding[];
  try {
    findings = await diagnose(configOf(values), { now: Date.now(), limits, skip });
  } catch (error) {
    if (!isLockstepError(error, 'invalidConfig')) throw error;
    const advice = 'every key, with its default, stands in docs/configuration.md';
    findings = error.message.split('\n').map((message) => ({ name: 'configuration', status: 'fail', message, advice }));
  }
  process.stdout.write(values.format === 'json' ? findingsJson(findings) : findingsText(findings));
  return exitCodeOf(findings);
}

export async function run(argv: readonly string[]): Promise<number> {
  try {
    const values = parse(argv);
    if (values.help === true) {
      process.stdout.write(USAGE);
      return 0;
    }
    if (values.diagnose === true) return await judge(values);
    using tls = await tlsOf(values);
    const config = configOf(values, tls);
    armFailpoints(config.failpoints);
    const output = openLogOutput(config.log_file, (line) => {
      process.stderr.write(line);
    });
    await using _output = { [Symbol.asyncDispose]: output.close };
    const logs = new LogSource({
      level: config.log_level,
      format: config.log_format === 'json' ? 'json' : 'standard',
      write: output.write,
      now: Date.now,
    });
    await start(config, {
      logging: { log: logs.log, logs, output },
      reread: () => configOf(values, tls),
      recovery: values.recovery === true,
      authority: tls?.authority,
    });
    return 0;
  } catch (error) {
    process.stderr.write(`error starting the server: ${toldOf(error)}\n`);
    return 1;
  }
}
