/**
 * A node as a thread sees that only reads: what changes nothing it serves from the same copy, with caches of its own that
 * the same batches invalidate; everything else is handed to the thread that writes, whole.
 */
import { isLockstepError } from '../errors.ts';
import type { Verb } from '../framework/path.ts';
import { plugin, type AnyPlugin } from '../framework/plugin.ts';
import type { CorsConfig, Handler, Outcome, Request } from '../framework/request.ts';
import { chain } from '../lib/chain.ts';
import type { KeyObject } from '../lib/crypto/hash.ts';
import type { Logger } from '../lib/log.ts';
import { copyOf, type MetricsCopy } from '../lib/metrics/copy.ts';
import type { SharedWindows } from '../lib/threads/shared-windows.ts';
import { Barrier } from '../seal/barrier.ts';
import type { Store } from '../storage/store.ts';
import { brokerTrail } from './audit/access-trail.ts';
import { openBroker } from './audit/auditing.ts';
import { FollowingDevices } from './audit/following-devices.ts';
import type { SinkOptions } from './audit/sink.ts';
import type { ReadingLink } from './cluster.ts';
import { identityMount } from './identity/identity-mount.ts';
import { MeteredStore } from './metrics/metered-store.ts';
import { SealableStore } from './namespaces/sealable-store.ts';
import { KnownUnsealing } from './known-unsealing.ts';
import { NodeMetrics } from './metrics/node-metrics.ts';
import type { PluginRegistry } from './registry-contract.ts';
import { findPlace, lookUp, operationOf, parametersOf, type Asked, type Placed } from './requests/access.ts';
import { snapshotUse } from './requests/from-snapshot.ts';
import { isInline } from './requests/inline.ts';
import { serve } from './requests/pipeline.ts';
import { refusedUnread } from './requests/unread.ts';
import { nodeKeys } from './seed.ts';
import type { RequestServices } from './services.ts';
import type { CoreSettings } from './settings.ts';
import type { AuditFollowers, NamespaceUnsealing, Unsealing } from './threads.ts';
import { tokenAuth } from './tokens/token-auth.ts';
import { holderOf, type Token } from './tokens/token.ts';
import { openRequestServices } from './unsealed.ts';

/** A store that another thread writes. */
export interface FollowedStore extends Store {
  /** Shows all that was published when it was called; nothing when that is so at once. Throws `compacted`. */
  catchUp(): undefined | Promise<void>;
  /** Nothing is read for now: it need not keep what it shows. */
  rest(): void;
}

export interface ReadingNodeOptions {
  /** Below the barrier, as it stands now. */
  readonly open: () => FollowedStore;
  readonly registry: PluginRegistry;
  readonly settings: CoreSettings;
  readonly audit: Omit<SinkOptions, 'store' | 'warn'>;
  readonly log: Logger;
  readonly now: () => number;
  /** Of all threads of this process. */
  readonly windows: SharedWindows;
  /** At a region: how its copy stands, from the plaintext store. */
  readonly link: (store: Store) => (ReadingLink & Disposable) | undefined;
  /** Asks the thread that writes. Rejects when that is gone; the server then answers 500. */
  readonly handOver: (request: Request) => Promise<Outcome>;
}

interface Reading extends AsyncDisposable {
  readonly raw: FollowedStore;
  readonly barrier: Barrier;
  readonly sealable: SealableStore;
  readonly services: RequestServices;
  readonly devices: FollowingDevices;
}

/** Stands where `sys/` is mounted: its paths work on the node itself. */
const elsewhere: AnyPlugin = plugin<undefined>({
  type: 'system',
  help: '',
  open: () => undefined,
  paths: () => [],
});

export class ReadingNode implements Handler, AsyncDisposable {
  readonly metrics = new NodeMetrics();
  readonly #served = this.metrics.all.counter('lockstep.threads.served', 'Requests served by threads that read.');
  readonly #handedOver = this.metrics.all.counter(
    'lockstep.threads.handed_over',
    'Requests that threads that read have handed to the one that writes.',
  );
  readonly #options: ReadingNodeOptions;
  readonly #registry: PluginRegistry;
  #reading: Reading | undefined;
  readonly #known = new KnownUnsealing();
  #opening: Promise<void> = Promise.resolve();
  /** Whether it had to be caught up with what is published, since it was last told to look. */
  #wasAsked = false;
  /** As it was last read: caches that are made anew are not there for a moment, and browsers ask meanwhile. */
  #cors: CorsConfig | undefined;

  constructor(options: ReadingNodeOptions) {
    this.#options = options;
    const { engines, auth } = options.registry;
    this.#registry = {
      engines: { ...engines, system: elsewhere, identity: identityMount(() => this.#services) },
      auth: { ...auth, token: tokenAuth(() => this.#services) },
    };
  }

  /** Serves reads when it resolves. Rejects when a device cannot be opened here: then it hands over everything. */
  unseal(unsealing: Unsealing): Promise<void> {
    this.#known.unseal(unsealing);
    return this.#reopen();
  }

  /** The keys are gone from this thread when it resolves. */
  async seal(): Promise<void> {
    this.#known.seal();
    await this.#reopen();
  }

  /** The keyring is about to be put under this root key: also what is opened anew must find it. */
  async expectRoot(root: KeyObject): Promise<void> {
    this.#known.expectRoot(root);
    await this.#opening;
    this.#reading?.barrier.expectRoot(root);
  }

  /** Serves from the namespace when it resolves. */
  async unsealNamespace(unsealing: NamespaceUnsealing): Promise<void> {
    this.#known.unsealNamespace(unsealing);
    await this.#opening;
    await this.#caughtUp();
    // Opened anew meanwhile: with it already.
    this.#reading?.sealable.unseal(unsealing.id, [unsealing.root]);
  }

  /** The keyring of the namespace is about to be put under this root key. */
  async expectNamespaceRoot(unsealing: NamespaceUnsealing): Promise<void> {
    this.#known.expectNamespaceRoot(unsealing);
    await this.#opening;
    this.#reading?.sealable.domains.expect(unsealing.id, unsealing.root);
  }

  /** Their keys are gone from this thread when it resolves. */
  async sealNamespaces(ids: readonly string[]): Promise<void> {
    this.#known.sealNamespaces(ids);
    await this.#dropKeys(ids);
    await this.#opening;
    await this.#dropKeys(ids);
  }

  /** Caches are made anew of what can still be read: from the store as it is now, since what it showed may be let go of. */
  async #dropKeys(namespaces: readonly string[]): Promise<void> {
    try {
      await this.#caughtUp();
    } finally {
      for (const id of namespaces) this.#reading?.sealable.seal(id);
    }
  }

  readonly audit: AuditFollowers = {
    enable: (device) =>
      this.#onDevices(async (devices) => {
        this.#known.enable(device);
        try {
          await devices?.enable(device);
        } catch (error) {
          // Until it is disabled all is handed over: what is served here would be missing there.
          await this.#close();
          throw error;
        }
      }),
    disable: (path) =>
      this.#onDevices(async (devices) => {
        this.#known.disable(path);
        if (devices === undefined) await this.#open().catch(this.#cannotOpen);
        else await devices.disable(path);
      }),
    reopen: () => this.#onDevices((devices) => devices?.reopen()),
  };

  measured(): MetricsCopy {
    return copyOf(this.metrics.all, performance.now());
  }

  /**
   * To be called now and then: a thread must not hold old pages. One that nobody asks anything does not follow either; what it
   * still serves may read more.
   */
  look(): void {
    if (this.#wasAsked || this.metrics.inFlight > 0) this.#caughtUp()?.catch(() => undefined);
    else this.#reading?.raw.rest();
    this.#wasAsked = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.seal();
  }

  get cors(): CorsConfig | undefined {
    this.#caughtUp()?.catch(() => undefined);
    try {
      if (this.#reading !== undefined) this.#cors = this.#reading.services.config.cors;
    } catch (error) {
      // It rested, and the newest state is not published yet.
      if (!isLockstepError(error, 'snapshotExpired')) throw error;
    }
    return this.#known.current === undefined ? undefined : this.#cors;
  }

  refusedUnread(request: Request): Outcome | undefined {
    // By the quotas of now; while these are awaited, the body may as well be read.
    const behind = this.#caughtUp();
    behind?.catch(() => undefined);
    const services = behind === undefined ? this.#reading?.services : undefined;
    return services === undefined ? undefined : refusedUnread(services, request);
  }

  handle(request: Request): Outcome | Promise<Outcome> {
    // What writes is handed over whatever has changed: for that no cache has to follow, and no token is looked for.
    const services = this.#reading?.services;
    const writes = services !== undefined && !reading.has(request.verb) && !isRead(findPlace(services, request));
    return writes ? this.#handOver(request) : chain(this.#caughtUp(), () => this.#serve(request));
  }

  #serve(request: Request): Outcome | Promise<Outcome> {
    const services = this.#reading?.services;
    if (services !== undefined) {
      const asked = lookUp(services, request);
      if (onlyReads(services, asked)) {
        this.#served.add();
        return serve(services, request, asked);
      }
    }
    return this.#handOver(request);
  }

  #handOver(request: Request): Promise<Outcome> {
    this.#handedOver.add();
    return this.#options.handOver(request);
  }

  #caughtUp(): undefined | Promise<void> {
    this.#wasAsked = true;
    try {
      return this.#reading?.raw.catchUp();
    } catch (error) {
      if (!isLockstepError(error, 'compacted')) throw error;
      // Too far behind for its caches to follow: they are made anew. Until then all is handed over.
      this.#reopen().catch(this.#cannotOpen);
      return undefined;
    }
  }

  readonly #cannotOpen = (cause: unknown): void => {
    this.#options.log.error('a thread cannot make its caches anew: it hands over every request', {
      error: cause instanceof Error ? cause.message : 'unknown',
    });
  };

  get #services(): RequestServices {
    if (this.#reading === undefined) throw new Error('a mount of this thread was used after it was closed');
    return this.#reading.services;
  }

  /** In turn with what opens and closes them. undefined: none are open here, and everything is handed over. */
  #onDevices(change: (devices: FollowingDevices | undefined) => void | Promise<void>): Promise<void> {
    const before = this.#opening;
    const changed = (async () => {
      await before;
      await this.#caughtUp();
      await change(this.#reading?.devices);
    })();
    this.#opening = changed.catch(() => undefined);
    return changed;
  }

  /** One after the other; what is asked last holds. Nothing is served from the moment of the call until it is opened. */
  #reopen(): Promise<void> {
    const before = this.#reading;
    this.#reading = undefined;
    const turn = this.#opening;
    const opened = (async () => {
      await turn;
      await before?.[Symbol.asyncDispose]();
      await this.#open();
    })();
    this.#opening = opened.catch(() => undefined);
    return opened;
  }

  async #close(): Promise<void> {
    const before = this.#reading;
    this.#reading = undefined;
    await before?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<void> {
    // What was asked before may have opened it only now: with keys that are to be gone.
    await this.#close();
    const unsealing = this.#known.current;
    if (unsealing !== undefined) this.#reading = await this.#opened(unsealing);
  }

  async #opened({ root, expected = [], devices: known, namespaces = new Map() }: Unsealing): Promise<Reading> {
    const { settings, log, now, audit, windows } = this.#options;
    const { metrics } = this;
    await using stack = new AsyncDisposableStack();
    const raw = stack.use(this.#options.open());
    const warn = log.named('audit').warn;
    const broker = stack.use(openBroker({ now, warn, metrics }));
    const barrier = stack.adopt(new Barrier(raw), (unsealed) => {
      unsealed.seal();
    });
    const sealable = stack.use(new SealableStore(barrier.unseal(root, ...expected), { now }));
    for (const [id, roots] of namespaces) sealable.unseal(id, roots);
    const store = new MeteredStore(sealable, metrics.barrier);
    const link = stack.use(this.#options.link(store));
    const devices = new FollowingDevices({ ...audit, store, warn, broker });
    const services: RequestServices & Disposable = stack.use(
      openRequestServices({
        ...{ store, sealable, settings, log, now, metrics, windows, link: () => link },
        registry: this.#registry,
        subkey: nodeKeys(store),
        trail: brokerTrail(
          broker,
          () => services.config.auditedHeaders,
          (id) => services.tokens.find(id),
        ),
      }),
    );
    for (const device of known) await devices.enable(device);
    this.#cors = services.config.cors;
    const all = stack.move();
    return { raw, barrier, sealable, services, devices, [Symbol.asyncDispose]: () => all.disposeAsync() };
  }
}

/** No use of it is taken, and none is made that the request waits under. */
function changesNoToken(services: RequestServices, asked: Asked): boolean {
  const { token } = asked;
  return token === undefined || (token.record.numUses === 0 && !isControlled(services, asked, token));
}

/** Whether the request has to wait for an approval, and so is written down. */
function isControlled({ policies }: RequestServices, { request, path }: Asked, token: Token): boolean {
  const acl = policies.acl(holderOf(token));
  return (
    acl.controlled && acl.allows(request.verb, path, { body: parametersOf(request), sudo: true }).control !== undefined
  );
}

const reading: ReadonlySet<Verb> = new Set(['read', 'list', 'scan']);

/** Whether what it asks for writes nothing: no wrapped reply, no place on the node itself. */
function isRead(placed: Placed): boolean {
  const { request, routed, match } = placed;
  if (isInline(placed) || request.help || request.wrapTtl > 0 || snapshotUse(request) !== undefined) return false;
  if (match === undefined || routed?.mounted.plugin === elsewhere) return false;
  return operationOf(match.path, request)?.writes === 'nothing';
}

/** Whether it can be served without a write: no use of a token either, and no index to wait for. */
function onlyReads(services: RequestServices, asked: Asked): boolean {
  return services.freshness.shows(asked.request.index) && isRead(asked) && changesNoToken(services, asked);
}
