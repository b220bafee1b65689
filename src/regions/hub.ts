/** The hub's side of the cluster: its listener, a session for each region, what has arrived where. */
import type { ServerHttp2Stream } from 'node:http2';
import { keys } from '../core/keys.ts';
import { isBuiltIn } from '../core/mounts/mount.ts';
import { ROOT } from '../core/namespaces/namespace.ts';
import type { Placed } from '../core/namespaces/namespace-table.ts';
import type { Cluster, ConsumerReports, RegionHub, RegionRules, WaitRequest } from '../core/cluster.ts';
import type { PluginRegistry } from '../core/registry-contract.ts';
import { serveForwarded } from '../core/requests/forwarded.ts';
import type { Services } from '../core/services.ts';
import type { Address } from '../config/address.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Request } from '../framework/request.ts';
import { randomBytes } from '../lib/crypto/random.ts';
import { everyKey } from '../storage/every-key.ts';
import type { Batch, Snapshot } from '../storage/store.ts';
import { Alarms } from './alarms.ts';
import { ClusterAuthority } from './authority.ts';
import { ClusterServer, type Peer } from './cluster-server.ts';
import { Convergence } from './convergence-service.ts';
import { decodeForward, type ForwardReply } from './forward-wire.ts';
import { HubSession } from './hub-session.ts';
import { encodeJoinToken } from './join-token.ts';
import { createLayout } from './layout.ts';
import { LogTail } from './log-tail.ts';
import type { Write } from './protocol.ts';
import { holdsEntity, holdsPolicy, mayWrite, RegionRegistry } from './registry.ts';
import { ViewHistory } from './view-history.ts';
import type { Layout } from './view.ts';

export interface HubOptions {
  readonly services: () => Services;
  readonly registry: PluginRegistry;
  readonly listen: Address;
  /** Where regions reach the listener, for join tokens; the listener's own address if undefined. */
  readonly advertised: string | undefined;
}

/** Milliseconds between marks. */
const INTERVAL_MS = 1_000;
/**
 * Regions are told of a commit at once, and of those within this time after it together: a frame costs both sides a
 * packet, an encryption and an acknowledgement, so a busy hub would spend itself on them. Telling takes at most half of
 * the hub's time.
 */
const TELL_EVERY_MS = 20;
/** What is still on its way when a node has gone does not count as a word of it. */
const TWIN_GRACE_MS = 1_000;
const TWIN_LOOK_MS = 200;
const LIMITS = { batches: 256, records: 512, bytes: 1_048_576 } as const;

interface Connected {
  readonly session: HubSession;
  instance: string | undefined;
  /** Another node came in its place: what this one acknowledges says nothing of that one. */
  replaced: boolean;
  readonly address: string;
}

function* recordsBelow(snapshot: Snapshot, prefix: string): Generator<Write> {
  for (const key of everyKey(snapshot, prefix)) yield { key, value: snapshot.get(key) };
}

/** What the views of all regions are made of: namespaces, mounts and the regions' own records. */
function viewRecords(snapshot: Snapshot, isApart: (namespace: string) => boolean): readonly Write[] {
  const namespaces = [...recordsBelow(snapshot, keys.namespaces)];
  const ids = [ROOT.id, ...namespaces.map(({ key }) => key.slice(keys.namespaces.length))];
  const mounts = ids.flatMap((id) => (isApart(id) ? [] : [...recordsBelow(snapshot, keys.mounts('s', id))]));
  return [...namespaces, ...mounts, ...recordsBelow(snapshot, keys.regions)];
}

export class Hub implements RegionHub {
  readonly #options: HubOptions;
  readonly #regions: RegionRegistry;
  readonly #layout: Layout;
  readonly #history: ViewHistory;
  readonly #tail: LogTail;
  readonly #convergence: Convergence;
  readonly #connected = new Map<string, Set<Connected>>();
  readonly #observation: Disposable;
  readonly #alarms: Alarms;
  #authority!: ClusterAuthority;
  #server!: ClusterServer;
  /** Something was committed, or a rule changed, since the regions were told last. */
  #untold = false;
  #ruled = false;
  #tellFrom = Number.NEGATIVE_INFINITY;
  #telling: NodeJS.Timeout | undefined;

  private constructor(options: HubOptions) {
    this.#options = options;
    const { store, now } = this.#services;
    this.#alarms = new Alarms(({ region, address, what, detail }) => {
      const { log, audit } = this.#services;
      log.named('regions').warn('a region did what a true one does not', { region, address, what, detail });
      audit.event?.({ region, address, what, detail });
    });
    const { namespaces } = this.#services;
    const isApart = (id: string): boolean => namespaces.record(id)?.domain !== undefined;
    this.#layout = createLayout(options.registry, {
      id: isApart,
      path: (path) => isApart(namespaces.byPath(path)?.id ?? ''),
    });
    this.#regions = new RegionRegistry(store, now);
    {
      using snapshot = store.snapshot();
      const records = viewRecords(snapshot, isApart);
      this.#history = new ViewHistory(snapshot.position, records, this.#layout);
    }
    this.#convergence = new Convergence({ regions: () => this.#regions.all().map(({ name }) => name), now });
    this.#tail = new LogTail({ ...LIMITS, blind: (hash) => this.#authority.blind(hash) });
    this.#observation = store.observe((batch) => {
      this.#observe(batch);
    });
  }

  static async open(options: HubOptions): Promise<Cluster> {
    const hub = new Hub(options);
    const { store, now, log } = options.services();
    hub.#authority = await ClusterAuthority.open(store, now);
    hub.#server = await ClusterServer.open({
      listen: options.listen,
      authority: hub.#authority,
      registry: hub.#regions,
      log: log.named('regions'),
      stream: (peer, stream) => {
        hub.#greet(peer, stream);
      },
      forward: (peer, body) => hub.#forward(peer, body),
      alarm: hub.#alarms.raise,
    });
    return {
      hub,
      [Symbol.asyncDispose]: () => hub.#close(),
    };
  }

  get #services(): Services {
    return this.#options.services();
  }

  async #close(): Promise<void> {
    this.#observation[Symbol.dispose]();
    clearTimeout(this.#telling);
    for (const { session } of this.#sessions()) session.stop('shuttingDown');
    await this.#server[Symbol.asyncDispose]();
    this.#alarms[Symbol.dispose]();
  }

  *#sessions(): Generator<Connected> {
    for (const each of this.#connected.values()) yield* each;
  }

  /** Within the publication. */
  #observe(batch: Batch): void {
    if (batch.reread !== undefined) return;
    this.#untold = true;
    // Without a region to send it to it is not kept: until regions are told the next time it would grow old.
    if (this.#sessions().next().done === true) this.#tail.clear();
    else this.#tail.append(batch);
    if (this.#history.observe(batch.position, batch.writes)) this.#ruled = true;
    // What narrows a region's view does not wait.
    const pause = this.#ruled ? 0 : this.#tellFrom - performance.now();
    if (pause > 0) this.#telling ??= setTimeout(() => this.#tell(), pause);
    else queueMicrotask(() => this.#tell());
  }

  /** A rule that changed goes before the position that it came with. */
  #tell(): void {
    if (!this.#untold) return;
    const ruled = this.#ruled;
    this.#untold = false;
    this.#ruled = false;
    clearTimeout(this.#telling);
    this.#telling = undefined;
    const started = performance.now();
    const sessions = [...this.#sessions()];
    if (sessions.length === 0) this.#tail.clear();
    else this.#tail.settle();
    const tip = this.#services.store.position;
    for (const { session } of sessions) {
      if (ruled) session.feed({ type: 'today', rule: this.#history.today(session.region) });
      session.feed({ type: 'tip', tip });
    }
    const ended = performance.now();
    this.#tellFrom = ended + Math.max(TELL_EVERY_MS, ended - started);
  }

  #greet(peer: Peer, stream: ServerHttp2Stream): void {
    const { store } = this.#services;
    const { name } = peer.region;
    const who = { region: name, address: peer.address };
    const own = this.#connected.get(name) ?? new Set<Connected>();
    this.#connected.set(name, own);
    const session = new HubSession({
      ...{ store, stream, history: this.#history, tail: this.#tail, blind: (hash) => this.#authority.blind(hash) },
      config: {
        ...{ region: name, log: store.log, epoch: store.position.epoch, layout: this.#layout, ...LIMITS },
        nonce: randomBytes(16).toString('hex'),
        interval: INTERVAL_MS,
      },
      events: {
        greeted: (instance) => {
          connected.instance = instance;
          this.#checkClone(name, connected);
          this.#convergence.regionOpened(name);
        },
        acknowledged: (position) => {
          if (!connected.replaced) this.#convergence.regionAcknowledged(name, position);
        },
        consumer: (consumer, position) => {
          if (!connected.replaced) this.#convergence.consumerAcknowledged(name, consumer, position);
        },
        roster: (part, entries) => {
          if (connected.replaced || this.#convergence.roster(name, part, entries)) return;
          this.#alarms.raise({ ...who, what: 'rosterFlooded', detail: 'too many consumers, or unprintable names' });
          session.stop('badFrame');
        },
        audit: (what, detail) => {
          this.#alarms.raise({ ...who, what, detail });
        },
        failed: (error) => {
          const reason = error instanceof Error ? error.message : 'unknown';
          this.#services.log.named('regions').error('the stream to a region ended', { region: name, reason });
        },
        closed: () => {
          own.delete(connected);
          if (own.size === 0) this.#convergence.regionOffline(name);
        },
      },
    });
    const connected: Connected = { session, instance: undefined, replaced: false, address: peer.address };
    own.add(connected);
  }

  /**
   * Two nodes at once under one certificate: nobody can tell which is true, so both stop (design rule 20). A connection
   * whose node is gone may look alive for a while, so the older one is a clone only if it is heard after the newer came;
   * then also when the newer is gone by now.
   */
  #checkClone(name: string, newcomer: Connected): void {
    for (const other of [...(this.#connected.get(name) ?? [])]) {
      if (other === newcomer || other.instance === undefined) continue;
      if (other.instance === newcomer.instance) other.session.stop('shuttingDown');
      else this.#watchTwins(name, other, newcomer);
    }
  }

  #watchTwins(name: string, older: Connected, newer: Connected): void {
    older.replaced = true;
    const since = performance.now() + TWIN_GRACE_MS;
    const watching = setInterval(() => {
      const there = this.#connected.get(name)?.has(older) === true;
      if (there && older.session.heardAt <= since) return;
      clearInterval(watching);
      if (there) this.#blockTwins(name, [older, newer]);
    }, TWIN_LOOK_MS).unref();
  }

  #blockTwins(name: string, twins: readonly Connected[]): void {
    const detail = 'two nodes showed its certificate at once: both are blocked until the region is added anew';
    const address = twins.map((each) => each.address).join(', ');
    for (const { session } of [...(this.#connected.get(name) ?? [])]) session.stop('clone');
    this.#server.disconnect(name);
    this.#alarms.raise({ region: name, address, what: 'clone', detail });
    this.#regions.block(name, detail).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'unknown';
      this.#services.log.named('regions').error('a cloned region is not blocked', { region: name, reason });
    });
  }

  async #forward(peer: Peer, body: Uint8Array): Promise<ForwardReply> {
    const services = this.#services;
    const decoded = decodeForward(body, peer.address, AbortSignal.timeout(60_000));
    const home = services.namespaces.byPath(decoded.client.namespace);
    const { outcome, position } = await serveForwarded(services, {
      ...decoded,
      // One that is not here has no policies: they allow nothing.
      client: {
        ...decoded.client,
        namespace: home?.id ?? '',
        entityNamespace: decoded.client.entityNamespace || (home?.id ?? ''),
      },
      region: peer.region.name,
      mayWrite: (request) => {
        const logical = this.#logicalRequest(request);
        return logical !== undefined && mayWrite(peer.region, logical);
      },
      holdsPolicy: (namespace, name) => {
        const at = services.namespaces.byId(namespace)?.path;
        return at !== undefined && holdsPolicy(peer.region, at, name);
      },
      holdsEntity: (namespace, id) => {
        const at = services.namespaces.byId(namespace)?.path;
        return at !== undefined && holdsEntity(peer.region, at, id);
      },
    });
    return { outcome, log: services.store.log, position };
  }

  /** What a request is about, in the terms of filters; undefined: nothing that a region may write. */
  #logicalRequest(request: Request): string | undefined {
    const placed = this.#placed(request);
    const routed = placed === undefined ? undefined : this.#services.mounts.route(placed.namespace.id, placed.path);
    if (routed === undefined) return undefined;
    const { plugin, record, fullPath: mountPath } = routed.mounted;
    // Whatever a plug-in says: identities, logins and the system are the hub's (design rule 19).
    if (record.table === 'auth' || record.local || isBuiltIn(record)) return undefined;
    const below = plugin.requestPath?.(routed.rest, record.options ?? {});
    return below === undefined ? undefined : mountPath + below;
  }

  /** A namespace that is not here answers as one that the region may not write to. */
  #placed({ namespace, path }: Request): Placed | undefined {
    try {
      return this.#services.namespaces.place(namespace, path);
    } catch (error) {
      if (isLockstepError(error, 'noNamespace')) return undefined;
      throw error;
    }
  }

  async add(name: string, rules: RegionRules): Promise<string> {
    const secret = await this.#regions.add(name, rules);
    const hub = this.#options.advertised ?? this.#server.address;
    return encodeJoinToken({ region: name, hub, pin: this.#authority.pin, secret });
  }

  setRules(name: string, rules: RegionRules): Promise<void> {
    return this.#regions.setRules(name, rules);
  }

  async remove(name: string): Promise<void> {
    await this.#regions.remove(name);
    for (const { session } of [...(this.#connected.get(name) ?? [])]) session.stop('removed');
    this.#server.disconnect(name);
    this.#convergence.regionRemoved(name);
  }

  get consumers(): ConsumerReports {
    return this.#convergence.own;
  }

  list(): readonly string[] {
    return this.#regions.all().map(({ name }) => name);
  }

  describe(name: string): JsonObject | undefined {
    const record = this.#regions.get(name);
    if (record === undefined) return undefined;
    const { position } = this.#services.store;
    const standing = this.#convergence.standingOf(name);
    const at = standing?.acknowledged?.sequence;
    return {
      name,
      paths: record.filter,
      writes: record.writes,
      enrolled: record.certificate !== undefined,
      certificate_expires:
        record.certificate === undefined ? null : new Date(record.certificate.notAfter).toISOString(),
      blocked: record.blocked ?? null,
      connected: (this.#connected.get(name)?.size ?? 0) > 0,
      index: at ?? null,
      hub_index: position.sequence,
      lag: at === undefined ? null : position.sequence - at,
      consumers: this.#convergence.consumersOf(name),
    };
  }

  wait({ position, ...asked }: WaitRequest): Promise<JsonObject> {
    const newest = this.#services.store.position;
    if (position !== undefined && (position.epoch !== newest.epoch || position.sequence > newest.sequence)) {
      throw fail('badRequest', 'this hub has not reached that index');
    }
    return this.#convergence.wait(position ?? newest, asked);
  }
}
