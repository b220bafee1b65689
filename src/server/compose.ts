/** Puts a node together from its configuration: store, seal, core. The only place that knows all the parts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sanitizedConfig } from '../config/sanitized.ts';
import type { ServerConfig, StorageConfig } from '../config/server.ts';
import { openAuditing, type AuditSettings, type OpenAudit } from '../core/audit/auditing.ts';
import type { OpenCluster } from '../core/cluster.ts';
import { NodeMetrics } from '../core/metrics/node-metrics.ts';
import { sealMetrics } from '../core/metrics/seal-metrics.ts';
import { runtimeGauges } from '../core/metrics/runtime-gauges.ts';
import { InFlight } from '../core/in-flight.ts';
import { Node } from '../core/node.ts';
import type { Beside } from '../core/snapshots/loaded.ts';
import { API_VERSION, DEFAULT_SETTINGS, type CoreSettings } from '../core/settings.ts';
import { uuid } from '../lib/crypto/random.ts';
import type { Logger } from '../lib/log.ts';
import type { LogSource } from '../lib/log-source.ts';
import type { LogOutput } from '../lib/program/log-output.ts';
import { registry } from '../registry.ts';
import { SealLifecycle } from '../seal/lifecycle.ts';
import type { Seals } from '../seal/seals.ts';
import type { LocalStore } from '../storage/local/local-store.ts';
import { retain } from '../storage/retention.ts';
import type { Store } from '../storage/store.ts';
import { system, systemPaths } from '../sys/system.ts';
import { lockoutSettings } from './lockout-settings.ts';
import { schedulesOf } from './snapshot-targets.ts';
import { openSeals } from './open-seal.ts';
import type { ThreadPool } from './threads/pool.ts';

const BUILD_DATE = '2026-11-23T00:00:00Z';

export interface Composed extends AsyncDisposable {
  readonly node: Node;
  readonly store: Store;
  /** On SIGHUP. `audit`: what the configuration says now; undefined when it cannot be read. */
  readonly reload: (audit: ServerConfig['audit'] | undefined) => Promise<void>;
  /** To be told what this thread serves. */
  readonly inFlight: InFlight;
  /** Drops what the log need not hold any longer: called about once a second. */
  readonly retain: () => Promise<void>;
  /** Where reads are served beside this thread; undefined where this thread serves everything. */
  readonly threads: ThreadPool | undefined;
}

export async function openStore(config: StorageConfig): Promise<LocalStore> {
  if (config.type === 'inmem') {
    const { openMemoryStore } = await import('../storage/memory/open.ts');
    return openMemoryStore();
  }
  const { openLmdbStore } = await import('../storage/lmdb/open.ts');
  return openLmdbStore({ path: config.path });
}

/** In memory there is no folder beside the data: a name that nobody else on this machine can have made before. */
const elsewhere = join(tmpdir(), `lockstep-audit-spool-${uuid()}`);

const auditSpool = (storage: StorageConfig): string =>
  storage.type === 'lmdb' ? join(storage.path, 'audit-spool') : elsewhere;

/** Where snapshots lie on their way in and out: what is in them is encrypted by the barrier. */
function spoolFolder(storage: StorageConfig): Disposable & { readonly path: string } {
  if (storage.type === 'lmdb') return { path: join(storage.path, 'spool'), [Symbol.dispose]: () => undefined };
  // A name that nobody else on this machine can have made before.
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-spool-'));
  return {
    path: join(folder, 'spool'),
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Where a snapshot is loaded beside the store: it stays as long as it is loaded. */
function besideOf(storage: StorageConfig): Beside {
  if (storage.type !== 'lmdb') return { open: () => openStore(storage), drop: () => undefined };
  const path = join(storage.path, 'loaded');
  return {
    open: () => openStore({ type: 'lmdb', path }),
    drop: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function settingsOf(config: ServerConfig): CoreSettings {
  return {
    ...DEFAULT_SETTINGS,
    defaultLeaseTtl: config.default_lease_ttl,
    maxLeaseTtl: config.max_lease_ttl,
    clusterName: config.cluster_name ?? 'lockstep',
    apiAddress: (config.api_addr ?? '').replace(/\/+$/, ''),
    storageType: config.storage.type,
    region: config.region?.name,
    staleness: { budget: config.staleness_budget, logins: config.offline_login_max },
    lockout: lockoutSettings(config),
    bundlePaths: config.allow_bundle_paths,
    prometheus: config.telemetry.prometheus_retention_time > 0,
  };
}

/** Devices made through the API write only where the configuration allows it (design rule 35); `-dev` allows it all. */
export function auditSettings(config: ServerConfig): AuditSettings {
  const prefixing = config.allow_audit_log_prefixing;
  const anywhere = config.unsafe_allow_api_audit_creation || config.dev !== undefined;
  return {
    declared: config.audit,
    allowed: {
      paths: anywhere ? 'any' : config.allow_audit_paths,
      addresses: anywhere ? 'any' : config.allow_audit_addresses,
      variables: undefined,
      prefixing,
    },
    prefixing,
    spool: { folder: auditSpool(config.storage), limit: config.audit_spool_limit },
  };
}

/** `declared`: the configuration's devices as it was read last. */
function auditOf(config: ServerConfig, metrics: NodeMetrics, { log, threads, declared }: AuditAround): OpenAudit {
  return (store, find) =>
    openAuditing(store, {
      find,
      followers: threads?.node.audit,
      settings: { ...auditSettings(config), declared: declared() },
      now: Date.now,
      stdout: process.stdout,
      metrics,
      warn: log.named('audit').warn,
    });
}

/** Elsewhere the kernel spreads no connections over listeners of one port, or refuses to open it twice. */
const mostWorkers = (): number => (process.platform === 'linux' ? availableParallelism() - 1 : 0);

async function openThreads(
  config: ServerConfig,
  store: Store,
  { logging: { log, logs }, metrics }: { logging: Logging; metrics: NodeMetrics },
): Promise<ThreadPool | undefined> {
  const { storage, workers, log_level: level, log_format } = config;
  const size = workers ?? mostWorkers();
  // They share the writer's pages: in memory there is nothing to share.
  if (size === 0 || storage.type !== 'lmdb') return undefined;
  const { ThreadPool } = await import('./threads/pool.ts');
  const { declared: _, ...audit } = auditSettings(config);
  return new ThreadPool({
    ...{ size, store, path: storage.path, settings: settingsOf(config), audit },
    ...(workers === undefined ? { load: () => ({ requests: metrics.requests, reads: metrics.reads }) } : {}),
    log: { level, format: log_format === 'json' ? 'json' : 'standard' },
    logs,
    failed: (error) => {
      // What is committed is on disk; a thread that ended in the middle of something may have left anything else.
      log.error('a thread failed, the process ends', { kind: error.name });
      process.exit(1);
    },
  });
}

/** Opened with the node: only then are there keys to prove it by. */
function clusterOf(config: ServerConfig, { log, threads }: Around): OpenCluster | undefined {
  const { region, hub } = config;
  if (region !== undefined) {
    return async (services) => {
      const { RegionLink } = await import('../regions/region-link.ts');
      const { store } = services();
      return RegionLink.open({ store, registry, config: region, log: log.named('hub'), age: threads?.age });
    };
  }
  if (hub === undefined) return undefined;
  return async (services) => {
    const { Hub } = await import('../regions/hub.ts');
    return Hub.open({ services, registry, listen: hub.cluster_address, advertised: hub.advertised });
  };
}

export interface Logging {
  readonly log: Logger;
  /** Where it comes from. */
  readonly logs: LogSource;
  readonly output: LogOutput;
}

interface Around {
  readonly log: Logger;
  readonly threads: ThreadPool | undefined;
}

interface AuditAround extends Around {
  readonly declared: () => ServerConfig['audit'];
}

export function lifecycleOf(config: ServerConfig, raw: Store, seals: Seals): SealLifecycle {
  const about = { version: API_VERSION, buildDate: BUILD_DATE, storageType: config.storage.type };
  return new SealLifecycle({ raw, seals, about, now: Date.now });
}

export async function compose(config: ServerConfig, logging: Logging): Promise<Composed> {
  const { log } = logging;
  const seals = await openSeals(config.seal, config.storage, log.named('seal'));
  const store = await openStore(config.storage);
  const lifecycle = lifecycleOf(config, store, seals);
  const metrics = new NodeMetrics();
  const runtime = runtimeGauges(metrics.all);
  sealMetrics(metrics.all, lifecycle, seals);
  metrics.all.gauge('lockstep.store.log_bytes', 'Bytes of the log.', () => store.logBytes);
  const threads = await openThreads(config, store, { logging, metrics });
  metrics.all.gauge('lockstep.threads.reading', 'Threads that read, beside the first.', () => threads?.running ?? 0);
  const cluster = clusterOf(config, { log, threads });
  const inFlight = new InFlight(Date.now);
  let declared = config.audit;
  const spool = spoolFolder(config.storage);
  const node = new Node({
    ...{ lifecycle, registry, system, systemPaths, log, metrics },
    settings: settingsOf(config),
    now: Date.now,
    ...(cluster === undefined ? {} : { cluster }),
    audit: auditOf(config, metrics, { log, threads, declared: () => declared }),
    threads: threads?.node,
    ...{ logs: logging.logs, inFlight, sanitizedConfig: sanitizedConfig(config) },
    snapshots: { store, folder: spool.path, schedules: schedulesOf(config), beside: besideOf(config.storage) },
  });
  return {
    ...{ node, store, threads, inFlight },
    reload: async (audit) => {
      declared = audit ?? declared;
      await node.reload(audit);
    },
    retain: async () => {
      await retain(store, { milliseconds: config.log_retention * 1_000, bytes: config.log_retention_bytes });
    },
    [Symbol.asyncDispose]: async () => {
      runtime[Symbol.dispose]();
      await node[Symbol.asyncDispose]();
      await threads?.[Symbol.asyncDispose]();
      lifecycle[Symbol.dispose]();
      seals[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
      spool[Symbol.dispose]();
    },
  };
}
