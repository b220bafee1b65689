/**
 * A node: sealed or unsealed, over one store. The server hands it requests; `sys/` works on it; what needs keys lies in
 * `services`, which exist while it is unsealed.
 */
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Path } from '../framework/path.ts';
import type { AnyPlugin } from '../framework/plugin.ts';
import type { CorsConfig, Handler, Outcome, Request } from '../framework/request.ts';
import type { KeyObject } from '../lib/crypto/hash.ts';
import { toldOf } from '../lib/fault.ts';
import type { Logger } from '../lib/log.ts';
import { LogSource } from '../lib/log-source.ts';
import { together } from '../lib/metrics/copy.ts';
import type { Metrics } from '../lib/metrics/metrics.ts';
import { SharedWindows } from '../lib/threads/shared-windows.ts';
import type { KeyStatus } from '../seal/barrier.ts';
import { readPgpKey } from '../seal/pgp.ts';
import type { SealLifecycle } from '../seal/lifecycle.ts';
import type { BackendsStatus } from '../seal/seal-status.ts';
import type { OpenAudit } from './audit/auditing.ts';
import type { DeclaredDevice } from './audit/known-device.ts';
import { nodeHolders, type KeyHolders } from './key-holders.ts';
import { KeyRotation } from './key-rotation.ts';
import { identityMount } from './identity/identity-mount.ts';
import { hubOf, type Cluster, type HubLink, type OpenCluster, type RegionHub } from './cluster.ts';
import { clusterFacts, healthOf } from './health.ts';
import type { InFlight, InFlightRequest } from './in-flight.ts';
import { LogMonitors } from './log-monitors.ts';
import { finishWhatWasCutOff, recordMigrations } from './cut-off.ts';
import { doWhatIsDue } from './due.ts';
import { Census } from './metrics/census.ts';
import { nodeGauges } from './metrics/node-gauges.ts';
import { NodeMetrics } from './metrics/node-metrics.ts';
import type { NewKeys, NodeInitOptions } from './new-keys.ts';
import { ensureBuiltIn } from './mounts/mount-changes.ts';
import { SealableStore } from './namespaces/sealable-store.ts';
import type { PluginRegistry } from './registry-contract.ts';
import { serve } from './requests/pipeline.ts';
import { refusedUnread } from './requests/unread.ts';
import { SealedPaths } from './requests/sealed-paths.ts';
import { ROOT_TOKEN, seed } from './seed.ts';
import { beginSelfInit, CUT_OFF, selfInitUnfinished } from './self-init.ts';
import { API_VERSION, type CoreSettings } from './settings.ts';
import type { Services } from './services.ts';
import { settleRestore } from './snapshots/settle-restore.ts';
import { Snapshots, type SnapshotNode, type SnapshotPlace } from './snapshots/snapshots.ts';
import type { ReadingThreads } from './threads.ts';
import { tokenAuth } from './tokens/token-auth.ts';
import type { UnsealedSnapshots } from './snapshots/unsealed-snapshots.ts';
import { openServices, type Unsealed } from './unsealed.ts';

export interface NodeOptions {
  readonly lifecycle: SealLifecycle;
  readonly registry: PluginRegistry;
  /** The tables of `sys/`: they work on the node itself. */
  readonly system: (node: Node) => AnyPlugin;
  readonly systemPaths: readonly Path<Node>[];
  readonly settings: CoreSettings;
  readonly log: Logger;
  /** Where `log` comes from. Absent: one that nothing is written to. */
  readonly logs?: LogSource;
  /** For `sys/config/state/sanitized`. */
  readonly sanitizedConfig?: JsonObject;
  /** What this thread serves right now. Absent: nothing is known of it. */
  readonly inFlight?: InFlight;
  readonly now: () => number;
  readonly audit: OpenAudit;
  /** Opens this node's side of the cluster: a region's link, a hub's listener. */
  readonly cluster?: OpenCluster;
  /** Made here if not given. */
  readonly metrics?: NodeMetrics;
  /** Where reads are served beside this thread. */
  readonly threads?: ReadingThreads | undefined;
  /** Absent: no snapshots of this node can be taken or restored. */
  readonly snapshots?: SnapshotPlace;
}

/** How long an auto-unseal may take after a restore. */
const REOPEN_MS = 60_000;

export class Node implements Handler, AsyncDisposable {
  readonly registry: PluginRegistry;
  readonly version = API_VERSION;
  readonly metrics: NodeMetrics;
  readonly logs: LogSource;
  readonly monitors: LogMonitors;
  readonly keyHolders: KeyHolders;
  readonly #options: NodeOptions;
  readonly #whileSealed: SealedPaths<Node>;
  #services: Unsealed | undefined;
  #cluster: Cluster | undefined;
  #census: Census | undefined;
  #keyRotation: KeyRotation | undefined;
  #opening: Promise<void> | undefined;
  readonly #snapshots: Snapshots | undefined;
  readonly #windows: SharedWindows;
  #unsealedSnapshots: UnsealedSnapshots | undefined;
  #replacing = false;

  constructor(options: NodeOptions) {
    const { registry, metrics = new NodeMetrics(), snapshots, lifecycle, now } = options;
    this.#options = options;
    const replaceContent: SnapshotNode['replaceContent'] = (replace, root) => this.#replaceContent(replace, root);
    this.#snapshots = snapshots && new Snapshots(snapshots, { lifecycle, now, replaceContent });
    this.metrics = metrics;
    // Outlives a seal: what was used is not forgotten by it.
    this.#windows = options.threads?.windows ?? new SharedWindows(undefined, now());
    this.logs =
      options.logs ?? new LogSource({ level: 'info', format: 'standard', write: () => undefined, now: options.now });
    this.monitors = new LogMonitors(this.logs);
    nodeGauges(metrics.all, this, () => this.#census);
    const builtIn = { system: options.system(this), identity: identityMount(() => this.services) };
    this.registry = {
      engines: { ...registry.engines, ...builtIn },
      auth: { ...registry.auth, token: tokenAuth(() => this.services) },
    };
    this.keyHolders = nodeHolders({
      lifecycle: options.lifecycle,
      threads: options.threads,
      services: () => this.services,
    });
    this.#whileSealed = new SealedPaths<Node>(this, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.seal();
  }

  get initialized(): boolean {
    return this.#options.lifecycle.initialized;
  }

  get sealed(): boolean {
    return this.#services === undefined;
  }

  /** Throws `sealed` while there are none. */
  get services(): Services {
    if (this.#services === undefined) throw fail('sealed');
    return this.#services;
  }

  /** Unseals by itself where the seal can; otherwise waits for shares. Throws `invalidConfig` where it is incomplete. */
  async start(signal: AbortSignal): Promise<void> {
    const { lifecycle } = this.#options;
    const { sealed } = await lifecycle.open(signal);
    // Whoever gave the share that opened it is told how that went: a start does not fail by it.
    await this.#opening?.catch(() => undefined);
    if (sealed || lifecycle.barrier.sealed || this.#services !== undefined) return;
    if (selfInitUnfinished(lifecycle.store)) {
      lifecycle.seal();
      throw fail('invalidConfig', CUT_OFF);
    }
    await this.#open();
  }

  /** Makes keys and a root token. Throws `alreadyInitialized` when it is done. */
  async initialize({ rootTokenPgpKey, unfinished = false, ...options }: NodeInitOptions): Promise<NewKeys> {
    const { lifecycle, now } = this.#options;
    const pgp = rootTokenPgpKey ? await readPgpKey('root_token_pgp_key', rootTokenPgpKey) : undefined;
    const made = await lifecycle.init(options, (tx) => {
      if (unfinished) beginSelfInit(tx);
      return seed(tx, now());
    });
    // The keys that were made are shown whatever happens, since nothing brings them back.
    if (!lifecycle.barrier.sealed) await this.#openTold('initialised, but sealed again').catch(() => undefined);
    return {
      unsealShares: made.unsealShares.expose(),
      recoveryShares: made.recoveryShares.expose(),
      rootToken: pgp === undefined ? made.seeded : Buffer.from(await pgp.encrypt(made.seeded)).toString('base64'),
    };
  }

  /** For `-dev`: a root token of the caller's choice. */
  async developmentToken(id: string): Promise<void> {
    await this.services.tokens.create({ ...ROOT_TOKEN, id });
  }

  /** Throws `badRequest` where none can be taken. */
  get snapshots(): Snapshots {
    if (this.#snapshots !== undefined) return this.#snapshots;
    throw fail('badRequest', 'this node has no place for snapshots');
  }

  /** Those by schedule. Throws `sealed`, or `badRequest` where none can be taken. */
  get unsealedSnapshots(): UnsealedSnapshots {
    if (this.#unsealedSnapshots !== undefined) return this.#unsealedSnapshots;
    throw this.sealed ? fail('sealed') : fail('badRequest', 'this node has no place for snapshots');
  }

  /** Whatever happens to the new content, the node opens again what is there then. */
  async #replaceContent(replace: () => Promise<void>, root: KeyObject | undefined): Promise<void> {
    const { lifecycle } = this.#options;
    this.#replacing = true;
    try {
      await this.seal();
      await replace();
    } finally {
      this.#replacing = false;
      if (root === undefined) await lifecycle.open(AbortSignal.timeout(REOPEN_MS));
      else await lifecycle.reopen(root);
    }
    if (!lifecycle.barrier.sealed) await this.#open();
  }

  /** Takes one share, or forgets all given so far when there is none. Answers the seal status. */
  async unseal(share: Uint8Array | undefined, { migrate = false, address = '' } = {}): Promise<JsonObject> {
    const { lifecycle } = this.#options;
    if (this.#replacing) throw fail('sealed', 'a snapshot is being restored: wait for it');
    const { sealed } = await lifecycle.unseal(share, { reset: share === undefined, migrate, address });
    if (!sealed && this.#services === undefined) await this.#openTold('unsealed, but sealed again');
    return this.sealStatus();
  }

  /** The keys are gone also when something could not be closed. */
  async seal(): Promise<void> {
    try {
      await this.#close();
    } finally {
      this.#options.lifecycle.seal();
    }
  }

  sealStatus(): JsonObject {
    const { lifecycle, settings } = this.#options;
    const status = { ...lifecycle.status(), sealed: this.sealed };
    const log = this.#services?.store.log;
    return log === undefined ? status : { ...status, ...clusterFacts(settings, log) };
  }

  /** How each of the seals is. */
  sealBackends(): BackendsStatus {
    return this.#options.lifecycle.backends();
  }

  health(): JsonObject {
    const { settings, now } = this.#options;
    return healthOf(settings, { initialized: this.initialized, log: this.#services?.store.log, now: now() });
  }

  keyStatus(): KeyStatus {
    return this.#options.lifecycle.keyStatus();
  }

  /** When the key rotates by itself. Throws `sealed`. */
  get keyRotation(): KeyRotation {
    if (this.#keyRotation === undefined) throw fail('sealed');
    return this.#keyRotation;
  }

  async rotate(): Promise<void> {
    await this.keyRotation.rotate();
  }

  /** Work that is due: called about once a second. */
  async tick(): Promise<void> {
    this.#options.lifecycle.watch.tick();
    const services = this.#services;
    if (services === undefined) return;
    await this.#keyRotation?.tick();
    this.#unsealedSnapshots?.tick();
    await doWhatIsDue(services);
  }

  /** What all threads of this node have counted and measured. `at`: a reading of `performance.now()`. */
  async measured(at: number): Promise<Metrics> {
    return together(this.metrics.all, (await this.#options.threads?.metrics()) ?? [], at);
  }

  /** How much there is. Throws `sealed`. */
  get census(): Census {
    if (this.#census === undefined) throw fail('sealed');
    return this.#census;
  }

  /** What all threads of this node serve right now. */
  async inFlight(): Promise<readonly InFlightRequest[]> {
    const { inFlight, threads } = this.#options;
    // This thread last: by then the request that asks is in work too.
    const others = (await threads?.inFlight()) ?? [];
    return [...(inFlight?.list() ?? []), ...others];
  }

  /** Whether metrics are offered in the form of Prometheus. */
  get prometheus(): boolean {
    return this.#options.settings.prometheus;
  }

  get isHub(): boolean {
    return this.#cluster?.hub !== undefined;
  }

  /** The regions of this hub. Throws `badRequest` on a node that is none. */
  get hub(): RegionHub {
    return hubOf(this.#cluster, this.#options.settings.region);
  }

  /** At a region. */
  get link(): HubLink | undefined {
    return this.#cluster?.link;
  }

  /** Whoever asked for it may be far from the node: its log, too, tells `failed` and why. */
  async #openTold(failed: string): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      this.#options.log.error(failed, { reason: toldOf(error) });
      throw error;
    }
  }

  /** On SIGHUP: lets rotated audit files go, and takes the devices that the configuration has now, if it is given. */
  async reload(declared?: readonly DeclaredDevice[]): Promise<void> {
    const devices = this.#services?.auditDevices;
    await devices?.reopen();
    if (declared !== undefined) await devices?.declare(declared);
  }

  /** Seals again what cannot be served. */
  #open(): Promise<void> {
    this.#opening ??= this.#openOnce()
      .catch(async (error: unknown) => {
        await this.#close();
        this.#options.lifecycle.seal();
        throw error;
      })
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }

  async #openOnce(): Promise<void> {
    const { registry, metrics } = this;
    const { settings, log, now, audit, lifecycle, cluster, threads } = this.#options;
    await settleRestore(lifecycle, { registry, region: settings.region !== undefined, log, now });
    await ensureBuiltIn(lifecycle.store);
    const sealable = new SealableStore(lifecycle.store, { now });
    const opened = await openServices({
      ...{ sealable, threads, registry, settings, log, now, audit, metrics, windows: this.#windows },
      link: () => this.link,
      snapshotSource: () => this.#unsealedSnapshots?.source,
    });
    try {
      this.#cluster = await cluster?.(() => opened);
      opened.consumers.reportTo((this.#cluster?.hub ?? this.#cluster?.link)?.consumers);
      await threads?.unseal({ root: lifecycle.barrier.rootKey, devices: opened.auditDevices.started });
      this.#keyRotation = new KeyRotation({ lifecycle, store: opened.store, now });
      await recordMigrations(lifecycle, opened);
      this.#census = new Census(opened.store, opened.namespaces);
      this.#services = opened;
      this.#unsealedSnapshots = this.#snapshots?.open({ services: opened, registry, region: settings.region });
      void finishWhatWasCutOff(opened, settings.region !== undefined);
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #close(): Promise<void> {
    this.keyHolders.forget();
    const services = this.#services;
    this.#services = undefined;
    this.monitors.endAll();
    await this.#options.threads?.seal();
    await this.#unsealedSnapshots?.[Symbol.asyncDispose]();
    this.#unsealedSnapshots = undefined;
    this.#census?.[Symbol.dispose]();
    this.#census = undefined;
    this.#keyRotation = undefined;
    await this.#cluster?.[Symbol.asyncDispose]();
    this.#cluster = undefined;
    await services?.[Symbol.asyncDispose]();
  }

  /** Nothing is said while it is sealed: that lies behind the seal. */
  get cors(): CorsConfig | undefined {
    return this.#services?.config.cors;
  }

  /** What this node was started with, without secrets. */
  get sanitizedConfig(): JsonObject {
    return this.#options.sanitizedConfig ?? {};
  }

  handle(request: Request): Outcome | Promise<Outcome> {
    return this.#services === undefined ? this.#whileSealed.handle(request) : serve(this.#services, request);
  }

  refusedUnread(request: Request): Outcome | undefined {
    return this.#services === undefined ? undefined : refusedUnread(this.#services, request);
  }
}
