/** The controllers together: what changes in the cluster is queued, and what is queued is brought in order. */
import type { KubernetesApi } from '../kube/api.ts';
import { keyOf, readKey, type KubernetesObject } from '../kube/objects.ts';
import { WorkQueue, type Priority } from '../kube/work-queue.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { Groups } from '../lib/groups.ts';
import type { Logger } from '../lib/log.ts';
import { Metrics } from '../lib/metrics/metrics.ts';
import { changed } from './changed.ts';
import { Cluster, type Store } from './cluster.ts';
import type { Condition } from './conditions.ts';
import { externalSecretsOf } from './cluster-external-secret/kind.ts';
import { pushSecretsOf } from './cluster-push-secret/kind.ts';
import { storesOf } from './external-secret/gather.ts';
import { LossGuard } from './external-secret/loss-guard.ts';
import type { LossRule } from './external-secret/losses.ts';
import { targetName, type ExternalSecret } from './external-secret/definition.ts';
import { Pushes } from './external-secret/push.ts';
import { ExternalSecretReconciler } from './external-secret/reconcile.ts';
import { Generators } from './generator/generate.ts';
import { GeneratorStateReconciler } from './generator-state/reconcile.ts';
import { measure, measureLosses } from './measure.ts';
import { clusterWide, type ClusterWide } from './per-namespace/cluster-wide.ts';
import { PushSecretReconciler } from './push-secret/reconcile.ts';
import { readsSecret } from './push-secret/source.ts';
import { StoreClients, storeKey } from './secret-store/clients.ts';
import { clusterSecretStore, secretStore } from './secret-store/definition.ts';
import { StoreReconciler } from './secret-store/reconcile.ts';
import type { SecretTypes } from './secret-types.ts';

export interface ControllerOptions {
  readonly namespace: string | undefined;
  readonly controllerClass: string;
  /** ExternalSecrets that are looked at at once. */
  readonly concurrent: number;
  readonly floodGate: boolean;
  /** Milliseconds. */
  readonly storeInterval: number;
  /** Whether other objects than Secrets may be made. */
  readonly genericTargets: boolean;
  /** Whether SecretStores may name servers of the Vault API on this machine. */
  readonly localServers: boolean;
  /** Of Secrets that may be made. */
  readonly types: SecretTypes;
  /** When a loss at a store is believed. */
  readonly losses: LossRule;
  readonly log: Logger;
}

const STORE_WORKERS = 4;
const PUSH_WORKERS = 4;

const explain = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export class Controller {
  readonly metrics = new Metrics();
  readonly #cluster: Cluster;
  readonly #clients: StoreClients;
  readonly #log: Logger;
  readonly #queue: WorkQueue;
  readonly #storeQueue: WorkQueue;
  readonly #makers: readonly ClusterWide[];
  readonly #pushQueue: WorkQueue;
  readonly #stateQueue: WorkQueue;
  readonly #reconciler: ExternalSecretReconciler;
  /** ExternalSecrets by the key of the Secret that they make. */
  readonly #byTarget = new Groups();
  readonly #pushes: Pushes;
  /** Stores whose changes are pushed now. */
  readonly #pushing = new Set<string>();
  #synced = false;

  constructor(api: KubernetesApi, options: ControllerOptions) {
    const { namespace, controllerClass, floodGate, log, types, genericTargets } = options;
    this.#log = log;
    const failed = (kind: string, error: unknown): void => {
      log.warn('the watch is interrupted', { kind, error: explain(error) });
    };
    const untold = (key: string, error: unknown): void => {
      log.warn('a status is not written', { key, error: explain(error) });
    };
    const urgent = (): boolean => this.#queue.waiting('new') > 0;
    this.#cluster = new Cluster(api, { namespace, localServers: options.localServers, failed, urgent, untold });
    const cluster = this.#cluster;
    this.#pushes = new Pushes({
      refresh: (key) => this.#refresh(key),
      settled: (key) => this.#reconciler.isSettled(key),
      state: (store, pushed, why) => {
        this.#pushed(store, pushed, why);
      },
    });
    const following = this.#pushes.of.bind(this.#pushes);
    this.#clients = new StoreClients({ cluster, controllerClass, floodGate, following });
    const measured = measure(this.metrics, cluster);
    const generators = new Generators({ cluster, controllerClass });
    const losses = new LossGuard(cluster, options.losses, Date.now);
    measureLosses(this.metrics, losses);
    this.#reconciler = new ExternalSecretReconciler({
      ...{ cluster, clients: this.#clients, generators, types, losses, genericTargets, failed: measured.failed },
    });
    const stores = new StoreReconciler({ cluster, clients: this.#clients, interval: options.storeInterval });
    const pushing = new PushSecretReconciler({ cluster, clients: this.#clients, generators, types });
    this.#queue = this.#queueOf('an ExternalSecret is not in sync', options.concurrent, (key) =>
      measured.timed(key, () => this.#reconciler.reconcile(key)),
    );
    this.#storeQueue = this.#queueOf('a store cannot be used', STORE_WORKERS, (key) => {
      const { kind, name } = readStore(key);
      return stores.reconcile(kind, name);
    });
    const making = { queueOf: this.#queueOf.bind(this), ready: () => this.#synced };
    this.#makers = [
      clusterWide(externalSecretsOf(cluster, types), making),
      clusterWide(pushSecretsOf(cluster, types), making),
    ];
    this.#pushQueue = this.#queueOf('a PushSecret is not in sync', PUSH_WORKERS, (key) => pushing.reconcile(key));
    const states = new GeneratorStateReconciler({ cluster, generators });
    this.#stateQueue = this.#queueOf('what a generator made is not taken away', 1, (key) => states.reconcile(key));
    this.metrics.gauge(
      'lockstep_controller_stores_pushing',
      'Stores that tell of changes as they are made.',
      () => this.#pushing.size,
    );
    this.metrics.gauge(
      'lockstep_controller_queue_depth',
      'ExternalSecrets that wait to be looked at.',
      () => this.#queue.depth,
    );
  }

  #queueOf(failure: string, workers: number, handle: (key: string) => Promise<number | undefined>): WorkQueue {
    const failed = (key: string, error: unknown): void => {
      this.#log.warn(failure, { key, error: explain(error) });
    };
    return new WorkQueue({ workers, handle, failed });
  }

  /** Whether everything was listed once. */
  get ready(): boolean {
    return this.#synced;
  }

  /**
   * Until the signal is aborted; then what is at work is brought to its end, and what is to be said of it is told if `mayTell`: whoever
   * leads no more would overwrite the words of another.
   */
  async run(signal: AbortSignal, mayTell: () => boolean = () => true): Promise<void> {
    const { externalSecrets, stores, clusterStores, managedSecrets, informers } = this.#cluster;
    externalSecrets.onChange((key, now, before) => {
      this.#externalSecretChanged(key, now, before);
    });
    for (const [kind, informer] of [
      [secretStore.kind, stores],
      [clusterSecretStore.kind, clusterStores],
    ] as const) {
      informer?.onChange((key, now, before) => {
        this.#storeChanged(kind, key, now, before);
      });
    }
    managedSecrets.onChange((key) => {
      for (const each of this.#byTarget.get(key)) this.#add(each, 'changed');
    });
    const made = (kind: string, key: string): void => {
      for (const each of this.#byTarget.get(`${kind} ${key}`)) this.#add(each, 'changed');
    };
    const watching: Promise<void>[] = [this.#cluster.watches.run(made, signal)];
    this.#cluster.pushSecrets.onChange((key, now, before) => {
      const begun = now?.spec.selector.secret === undefined ? undefined : this.#watchSources(signal);
      if (begun !== undefined) watching.push(begun);
      if (changed(now, before)) this.#addPush(key);
    });
    this.#cluster.generatorStates.onChange((key, now, before) => {
      if (this.#synced && changed(now, before)) this.#stateQueue.add(key, 'changed');
    });
    for (const each of this.#makers) each.watch();
    this.#cluster.namespaces?.onChange((key, now, before) => {
      this.#namespaceChanged(key, now, before);
    });
    const running = informers.map((each) => each.run(signal));
    await Promise.race([Promise.all(informers.map(({ synced }) => synced)), ...running]);
    if (!signal.aborted) this.#begin();
    await Promise.all([...running, ...watching]);
    const queues = [this.#queue, this.#storeQueue, this.#pushQueue, this.#stateQueue, ...this.#makers];
    await Promise.all(queues.map((each) => each.close()));
    await this.#cluster.close(mayTell());
    this.#clients.close();
  }

  /** Not before everything is known: an ExternalSecret whose store was not listed yet would be told that there is none. */
  #begin(): void {
    const { externalSecrets, stores, clusterStores } = this.#cluster;
    this.#log.info('the cluster is listed', {
      externalsecrets: externalSecrets.size,
      stores: stores.size + (clusterStores?.size ?? 0),
    });
    this.#synced = true;
    for (const store of stores.values())
      this.#storeQueue.add(storeText(secretStore.kind, keyOf(store.metadata)), 'new');
    for (const store of clusterStores?.values() ?? []) {
      this.#storeQueue.add(storeText(clusterSecretStore.kind, keyOf(store.metadata)), 'new');
    }
    for (const [key, es] of externalSecrets.entries()) this.#add(key, priorityOf(es));
    for (const each of this.#makers) each.all();
    for (const { metadata } of this.#cluster.pushSecrets.values()) this.#addPush(keyOf(metadata));
    for (const { metadata } of this.#cluster.generatorStates.values()) this.#stateQueue.add(keyOf(metadata), 'due');
  }

  #addPush(key: string): void {
    if (this.#synced) this.#pushQueue.add(key, 'changed');
  }

  /** What is pushed follows its Secret at once. */
  #watchSources(signal: AbortSignal): Promise<void> | undefined {
    const told = (key: string, now: KubernetesObject | undefined, before: KubernetesObject | undefined): void => {
      const secret = {
        ...readKey(key),
        labels: [now, before].flatMap((each) => (each === undefined ? [] : [each.metadata.labels])),
      };
      for (const push of this.#cluster.pushSecrets.values()) {
        if (readsSecret(push, secret)) this.#addPush(keyOf(push.metadata));
      }
    };
    return this.#cluster.watchSources(told, signal);
  }

  /** It changed at its store. */
  #refresh(key: string): Promise<void> {
    this.#reconciler.expire(key);
    return this.#synced ? this.#queue.handled(key, 'changed') : Promise.resolve();
  }

  #pushed(store: string, pushed: boolean, why: string | undefined): void {
    if (pushed) this.#pushing.add(store);
    else this.#pushing.delete(store);
    const about = { store, ...(why === undefined ? {} : { why }) };
    if (pushed) this.#log.info('changes are pushed', about);
    else this.#log.warn('changes are not pushed, and noticed when they are due', about);
  }

  #add(key: string, priority: Priority): void {
    if (this.#synced) this.#queue.add(key, priority);
  }

  #externalSecretChanged(key: string, now: ExternalSecret | undefined, before: ExternalSecret | undefined): void {
    if (before !== undefined) this.#byTarget.delete(targetKey(before), key);
    if (now !== undefined) this.#byTarget.add(targetKey(now), key);
    // Its own status is of no interest.
    if (changed(now, before)) {
      this.#add(key, now === undefined ? 'changed' : priorityOf(now));
      this.#pushes.changed(key, now);
    }
  }

  #storeChanged(kind: string, key: string, now: Store | undefined, before: Store | undefined): void {
    if (!this.#synced) return;
    const other = changed(now, before);
    if (other) this.#storeQueue.add(storeText(kind, key), 'changed');
    if (other || (isReady(now) && !isReady(before))) this.#storeUsers(kind, key);
  }

  /** Whatever waits for a store need not wait for its own next try. */
  #storeUsers(kind: string, key: string): void {
    for (const { metadata, status } of this.#cluster.pushSecrets.values()) {
      if (!isReady({ status })) this.#addPush(keyOf(metadata));
    }
    for (const es of this.#cluster.externalSecrets.values()) {
      const { namespace = '' } = es.metadata;
      if (!storesOf(es).some((ref) => ref.kind === kind && storeKey(ref, namespace) === key)) continue;
      this.#reconciler.expire(keyOf(es.metadata));
      this.#add(keyOf(es.metadata), priorityOf(es));
    }
  }

  #namespaceChanged(namespace: string, now: KubernetesObject | undefined, before: KubernetesObject | undefined): void {
    const seen = (object: KubernetesObject | undefined) =>
      canonicalJson([object === undefined, object?.metadata.labels]);
    if (seen(now) === seen(before)) return;
    if (now === undefined) this.#clients.forgetNamespace(namespace);
    for (const each of this.#makers) each.all();
    for (const es of this.#cluster.externalSecrets.values()) {
      if (es.metadata.namespace !== namespace) continue;
      if (storesOf(es).some(({ kind }) => kind === clusterSecretStore.kind)) this.#add(keyOf(es.metadata), 'changed');
    }
  }
}

const storeText = (kind: string, key: string): string => `${kind} ${key}`;

function readStore(text: string): { readonly kind: string; readonly name: string } {
  const [kind = '', name = ''] = text.split(' ');
  return { kind, name };
}

/** Of a Secret its key; of all else the kind before it, as `kindText` has it. */
function targetKey(es: ExternalSecret): string {
  const key = keyOf({ namespace: readKey(keyOf(es.metadata)).namespace, name: targetName(es) });
  const { manifest } = es.spec.target ?? {};
  return manifest === undefined ? key : `${manifest.apiVersion} ${manifest.kind} ${key}`;
}

const priorityOf = ({ status }: ExternalSecret): Priority => (status?.refreshTime === undefined ? 'new' : 'changed');

interface WithConditions {
  readonly status?: { readonly conditions?: readonly Condition[] } | undefined;
}

const isReady = (object: WithConditions | undefined): boolean =>
  object?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
