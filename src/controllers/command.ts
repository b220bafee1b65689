/** `lockstep controller`: External Secrets in a cluster, and what the cluster needs for it. */
import { hostname } from 'node:os';
import { fail } from '../errors.ts';
import type { KubernetesApi } from '../kube/api.ts';
import { ownNamespace } from '../kube/in-cluster.ts';
import { leaseKind, Leadership, type Lease } from '../kube/leader.ts';
import { Objects } from '../kube/objects.ts';
import { uuid } from '../lib/crypto/random.ts';
import { durationMs } from '../lib/duration.ts';
import { createLogger, type Logger, type LogLevel } from '../lib/log.ts';
import { parseFlags } from '../lib/program/arguments.ts';
import { accessFlags, apiOf } from './access.ts';
import { Controller } from './controller.ts';
import type { LossRule } from './external-secret/losses.ts';
import { openPages } from './pages.ts';
import { DEFAULT_SECRET_TYPES, SecretTypes } from './secret-types.ts';
import { told } from './told.ts';
import { WEBHOOK_USAGE, webhookFlags, webhookOf } from './webhook/flags.ts';

const USAGE = `Usage: lockstep controller [options]
       lockstep controller manifests [options]

  Keeps Secrets of a Kubernetes cluster as the stores have them that SecretStore, ClusterSecretStore, ExternalSecret
  and ClusterExternalSecret (external-secrets.io/v1) name, in place of External Secrets Operator. Flags are those of its controller.

  What a cluster needs for it, kinds and rights, to be applied once (\`manifests -help\` tells more):

      $ lockstep controller manifests | kubectl apply --server-side -f -

  From outside of the cluster, by a kubeconfig:

      $ lockstep controller -kubeconfig=eu.yaml

  In a pod, by its service account:

      $ lockstep controller -in-cluster

  SIGTERM ends. See docs/external-secrets.md.

Options:

  -in-cluster                          Ask the API server of this pod.
  -kubeconfig=<path>                   Default $KUBECONFIG, or ~/.kube/config.
  -context=<name>                      Its context; default the current one.
  -allow-exec                          Run the program that the kubeconfig names for credentials.
  -namespace=<name>                    Only this one; then there is nothing of the whole cluster.
  -controller-class=<name>             Stores that name another are left alone. Default "default".
  -concurrent=<n>                      ExternalSecrets looked at at once. Default 16.
  -store-requeue-interval=<duration>   Between two looks at a store. Default 5m.
  -allowed-secret-types=<list>         What a Secret may be, with commas between; a name may end in *. Default: Opaque and those
                                       of kubernetes.io that hold data alone. See docs/external-secrets.md.
  -unsafe-allow-generic-targets        Make other objects than Secrets too (target.manifest). They need rights:
                                       -generic-targets of \`manifests\`.
  -allow-local-servers                 SecretStores may name Vault and Lockstep servers on this machine, as one beside it in its pod.
  -deletion-grace=<duration>           What is gone at its store is deleted here after it. Default 10m.
  -mass-deletion-objects=<n>           More than so many that are gone at one store are not deleted, if they are
  -mass-deletion-percent=<n>           more than this share of all that read it. Default 10, and 20.
  -mass-deletion-window=<duration>     For which those count that were deleted. Default 10m.
  -enable-flood-gate=<true|false>      Ask no store that is not ready. Default true.
  -enable-leader-election              Several may run; one leads, the others wait.
  -leader-election-id=<name>           The Lease. Default "lockstep-controller".
  -leader-election-namespace=<name>    Where it lies. Default that of the pod, or lockstep-system.
  -leader-election-lease-duration=<duration>   After which another takes it. Default 15s.
  -leader-election-renew-deadline=<duration>   After which whoever cannot renew it ends. Default 10s.
  -leader-election-retry-period=<duration>     Default 2s.
  -metrics-addr=<address>              /metrics; 0 for none. Default ":8080".
  -live-addr=<address>                 /healthz and /readyz; 0 for none. Default ":8082".
${WEBHOOK_USAGE}  -loglevel=<level>                    debug, info, warn or error. Default info.
  -log-format=<format>                 standard or json.
`;

const OPTIONS = {
  ...accessFlags,
  namespace: { type: 'string' },
  'controller-class': { type: 'string', default: 'default' },
  concurrent: { type: 'string', default: '16' },
  'allowed-secret-types': { type: 'string', default: DEFAULT_SECRET_TYPES },
  'unsafe-allow-generic-targets': { type: 'boolean' },
  'allow-local-servers': { type: 'boolean' },
  'deletion-grace': { type: 'string', default: '10m' },
  'mass-deletion-objects': { type: 'string', default: '10' },
  'mass-deletion-percent': { type: 'string', default: '20' },
  'mass-deletion-window': { type: 'string', default: '10m' },
  'store-requeue-interval': { type: 'string', default: '5m' },
  'enable-flood-gate': { type: 'string', default: 'true' },
  'enable-leader-election': { type: 'boolean' },
  'leader-election-id': { type: 'string', default: 'lockstep-controller' },
  'leader-election-namespace': { type: 'string' },
  'leader-election-lease-duration': { type: 'string', default: '15s' },
  'leader-election-renew-deadline': { type: 'string', default: '10s' },
  'leader-election-retry-period': { type: 'string', default: '2s' },
  'metrics-addr': { type: 'string', default: ':8080' },
  'live-addr': { type: 'string', default: ':8082' },
  ...webhookFlags,
  loglevel: { type: 'string', default: 'info' },
  'log-format': { type: 'string', default: 'standard' },
  help: { type: 'boolean', short: 'h' },
} as const;

const parse = (argv: readonly string[]) => parseFlags(argv, OPTIONS);
type Values = ReturnType<typeof parse>;

function logOf({ loglevel, 'log-format': format }: Values): Logger {
  const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];
  if (!levels.includes(loglevel)) throw fail('invalidConfig', `-loglevel is one of ${levels.join(', ')}`);
  return createLogger({
    level: loglevel as LogLevel,
    format: format === 'json' ? 'json' : 'standard',
    write: (line) => {
      process.stderr.write(line);
    },
    now: Date.now,
  });
}

function concurrentOf({ concurrent }: Values): number {
  if (!/^[1-9]\d{0,3}$/.test(concurrent)) throw fail('invalidConfig', '-concurrent is a number from 1 to 9999');
  return Number(concurrent);
}

function lossesOf(values: Values): LossRule {
  const countOf = (name: 'mass-deletion-objects' | 'mass-deletion-percent', most: number): number => {
    const count = /^\d{1,9}$/.test(values[name]) ? Number(values[name]) : Number.POSITIVE_INFINITY;
    if (count > most) throw fail('invalidConfig', `-${name} is a number from 0 to ${String(most)}`);
    return count;
  };
  return {
    grace: durationMs(values['deletion-grace'], 'deletion-grace'),
    objects: countOf('mass-deletion-objects', 1_000_000),
    share: countOf('mass-deletion-percent', 100) / 100,
    window: durationMs(values['mass-deletion-window'], 'mass-deletion-window'),
  };
}

async function control(values: Values): Promise<number> {
  const log = logOf(values);
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info('ending', { signal });
      ending.abort();
    });
  }
  const options = {
    ...{
      namespace: values.namespace,
      controllerClass: values['controller-class'],
      concurrent: concurrentOf(values),
      log,
    },
    floodGate: values['enable-flood-gate'] !== 'false',
    losses: lossesOf(values),
    localServers: values['allow-local-servers'] === true,
    genericTargets: values['unsafe-allow-generic-targets'] === true,
    types: new SecretTypes(values['allowed-secret-types']),
    storeInterval: durationMs(values['store-requeue-interval'], 'store-requeue-interval'),
  };
  const api = await apiOf(values);
  const controller = new Controller(api, options);
  const leadership = values['enable-leader-election'] === true ? await leadershipOf(values, api, log) : undefined;
  const { metrics } = controller;
  // Whoever waits for the lead does all that it has to: a Deployment that waited for more would never be rolled out.
  const ready = (): boolean => controller.ready || leadership?.anotherLeads === true;
  using _pages = await openPages({ metrics, ready }, { metrics: values['metrics-addr'], live: values['live-addr'] });
  await using _webhook = await webhookOf(values, { api, log, metrics });
  const work = (signal: AbortSignal): Promise<void> => controller.run(signal, () => ending.signal.aborted);
  const over = leadership === undefined ? work(ending.signal) : leadership.lead(ending.signal, work);
  const how = await over;
  api.close();
  // Whoever led may have half of something in its memory: it begins anew.
  return how === 'lost' ? 1 : 0;
}

async function leadershipOf(values: Values, api: KubernetesApi, log: Logger): Promise<Leadership> {
  const msOf = (name: 'lease-duration' | 'renew-deadline' | 'retry-period'): number =>
    durationMs(values[`leader-election-${name}`], `leader-election-${name}`);
  const times = { leaseMs: msOf('lease-duration'), renewMs: msOf('renew-deadline'), retryMs: msOf('retry-period') };
  if (times.retryMs <= 0 || times.retryMs >= times.renewMs || times.renewMs >= times.leaseMs) {
    const order = '-leader-election-retry-period < -renew-deadline < -lease-duration';
    throw fail('invalidConfig', `the times of the leader election must be in this order: ${order}`);
  }
  const here = values['in-cluster'] === true ? await ownNamespace() : 'lockstep-system';
  return new Leadership({
    leases: new Objects<Lease>(api, leaseKind),
    namespace: values['leader-election-namespace'] ?? here,
    name: values['leader-election-id'],
    identity: `${hostname()}_${uuid()}`,
    ...times,
    log,
  });
}

async function start(argv: readonly string[]): Promise<number> {
  const [verb] = argv;
  if (verb === 'manifests') {
    const { printManifests } = await import('./manifests-command.ts');
    printManifests(argv.slice(1));
    return 0;
  }
  const values = parse(argv);
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  return control(values);
}

export const run = (argv: readonly string[]): Promise<number> =>
  told(() => start(argv), 'error running the controller');
