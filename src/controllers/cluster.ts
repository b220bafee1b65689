/** The cluster as the controllers see it: what is kept current, and what is written. */
import { isObject } from '../client/json.ts';
import type { KubernetesApi } from '../kube/api.ts';
import { EventRecorder } from '../kube/events.ts';
import { mayPass, Outbox } from '../kube/outbox.ts';
import { Informer, type Change, type InformerOptions } from '../kube/informer.ts';
import { coreKind, keyOf, Objects, type Kind, type KubernetesObject } from '../kube/objects.ts';
import { SharedTexts } from '../lib/shared-texts.ts';
import { clusterExternalSecret } from './cluster-external-secret/definition.ts';
import type { ClusterExternalSecret } from './cluster-external-secret/kind.ts';
import { clusterPushSecret, type ClusterPushSecret } from './cluster-push-secret/definition.ts';
import { generatorState, type GeneratorState } from './generator-state/definition.ts';
import { externalSecret, type ExternalSecret, type ExternalSecretStatus } from './external-secret/definition.ts';
import { Watches } from './external-secret/manifest/watches.ts';
import { UnseenStatuses } from './external-secret/unseen-statuses.ts';
import type { StatusPatch } from './external-secret/status.ts';
import { MANAGED } from './external-secret/ownership.ts';
import type { Secret } from './external-secret/plan.ts';
import type { ObjectOf } from './kind.ts';
import { pushSecret } from './push-secret/definition.ts';
import type { PushSecret } from './push-secret/plan.ts';
import { clusterSecretStore, secretStore } from './secret-store/definition.ts';

export type Store = ObjectOf<typeof secretStore>;

export interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

function nameAndLabels({ metadata }: KubernetesObject): KubernetesObject {
  const { name, namespace = '', uid = '', resourceVersion = '', labels = {} } = metadata;
  return { metadata: { name, namespace, uid, resourceVersion, labels } };
}

const nameAndVersion = ({ metadata }: KubernetesObject): KubernetesObject => {
  const { name, namespace = '', uid = '', resourceVersion = '' } = metadata;
  return { metadata: { name, namespace, uid, resourceVersion } };
};

/**
 * Definitions of others' making let an object be without a spec. It asks for nothing, and what has to be in a spec is not there: one such object must
 * not stop the watch of all others.
 */
const hasSpec = (object: KubernetesObject): boolean => isObject((object as { readonly spec?: unknown }).spec);

/** Of thousands that differ in little, once what is the same. */
const sharedBy =
  (texts: SharedTexts) =>
  ({ metadata, spec, status }: ExternalSecret): ExternalSecret => {
    const { managedFields: _unread, name, uid = '', resourceVersion = '', ...more } = metadata;
    return {
      metadata: { ...texts.in(more), name, uid, resourceVersion },
      spec: isObject(spec) ? texts.in(spec) : {},
      ...(status === undefined ? {} : { status: texts.in(status) }),
    };
  };

/** What is kept current, whatever its kind. */
type KeptKind = Pick<Informer<KubernetesObject>, 'run' | 'synced' | 'staleMs'>;

export interface ClusterOptions {
  /** Only this namespace is looked at; then there is nothing of the whole cluster. */
  readonly namespace?: string | undefined;
  /** Whether SecretStores may name servers of the Vault API on this machine. Default false. */
  readonly localServers?: boolean | undefined;
  readonly failed: (kind: string, error: unknown) => void;
  /** Whether Secrets wait that nobody has made yet: statuses and events go behind them. */
  readonly urgent: () => boolean;
  /** A status that the API server does not take. */
  readonly untold: (key: string, error: unknown) => void;
}

/** How many statuses are written at once, and milliseconds between two while Secrets wait. */
const STATUS = { lines: 4, rest: 250 };

export class Cluster {
  readonly api: KubernetesApi;
  readonly localServers: boolean;
  /** What many objects say alike. */
  readonly texts = new SharedTexts();
  readonly externalSecrets: Informer<ExternalSecret>;
  readonly clusterExternalSecrets: Informer<ClusterExternalSecret> | undefined;
  readonly pushSecrets: Informer<PushSecret>;
  readonly clusterPushSecrets: Informer<ClusterPushSecret> | undefined;
  readonly generatorStates: Informer<GeneratorState>;
  readonly stores: Informer<Store>;
  readonly clusterStores: Informer<Store> | undefined;
  /** Name and version of those that are managed: their values never lie here. */
  readonly managedSecrets: Informer<KubernetesObject>;
  /**
   * Of all Secrets name, version and labels, once somebody pushes one: `kubectl apply` writes values into an annotation, so
   * those are not kept.
   */
  readonly #sourceSecrets: Informer<KubernetesObject>;
  #watchesSources = false;
  readonly namespaces: Informer<KubernetesObject> | undefined;
  /** Of what `target.manifest` names. */
  readonly watches: Watches;
  readonly secrets: Objects<Secret>;
  readonly configMaps: Objects<ConfigMap>;
  readonly externalSecretObjects: Objects<ExternalSecret>;
  readonly pushSecretObjects: Objects<PushSecret>;
  readonly clusterExternalSecretObjects: Objects<ClusterExternalSecret>;
  readonly clusterPushSecretObjects: Objects<ClusterPushSecret>;
  readonly generatorStateObjects: Objects<GeneratorState>;
  readonly events: EventRecorder;
  /** Of ExternalSecrets, by their key. */
  readonly statuses: Outbox;
  readonly #unseen = new UnseenStatuses();
  readonly #urgent: () => boolean;

  constructor(api: KubernetesApi, { namespace, localServers = false, failed, urgent, untold }: ClusterOptions) {
    this.api = api;
    this.localServers = localServers;
    const informer = <T extends KubernetesObject>(kind: Kind, options: InformerOptions<T> = {}): Informer<T> =>
      new Informer<T>(api, kind, {
        ...options,
        failed: (error) => {
          failed(kind.kind, error);
        },
      });
    const specified = <T extends KubernetesObject>(kind: Kind, options: InformerOptions<T> = {}): Informer<T> =>
      informer<T>(kind, { ...options, isWhole: hasSpec });
    const within = { namespace };
    this.externalSecrets = informer(externalSecret, { ...within, kept: sharedBy(this.texts) });
    this.pushSecrets = specified(pushSecret, within);
    this.generatorStates = specified(generatorState, within);
    this.stores = specified(secretStore, within);
    const all = namespace === undefined;
    this.clusterStores = all ? specified(clusterSecretStore) : undefined;
    this.clusterExternalSecrets = all ? specified(clusterExternalSecret) : undefined;
    this.clusterPushSecrets = all ? specified(clusterPushSecret) : undefined;
    this.namespaces = all ? informer(coreKind('Namespace', 'namespaces', false), { metadataOnly: true }) : undefined;
    const managed = { ...within, metadataOnly: true, labelSelector: `${MANAGED}=true`, kept: nameAndVersion };
    this.managedSecrets = informer(coreKind('Secret', 'secrets'), managed);
    this.watches = new Watches({ informer: (kind) => informer(kind, managed) });
    this.#sourceSecrets = informer(coreKind('Secret', 'secrets'), {
      ...within,
      metadataOnly: true,
      kept: nameAndLabels,
    });
    this.secrets = new Objects<Secret>(api, coreKind('Secret', 'secrets'));
    this.configMaps = new Objects<ConfigMap>(api, coreKind('ConfigMap', 'configmaps'));
    this.externalSecretObjects = new Objects<ExternalSecret>(api, externalSecret);
    this.pushSecretObjects = new Objects<PushSecret>(api, pushSecret);
    this.clusterExternalSecretObjects = new Objects<ClusterExternalSecret>(api, clusterExternalSecret);
    this.clusterPushSecretObjects = new Objects<ClusterPushSecret>(api, clusterPushSecret);
    this.generatorStateObjects = new Objects<GeneratorState>(api, generatorState);
    this.events = new EventRecorder(api, urgent);
    this.statuses = new Outbox({ ...STATUS, urgent, again: mayPass, lost: untold });
    this.#urgent = urgent;
    this.externalSecrets.onChange((key, now, before) => {
      // Another of the same name has said nothing yet.
      if (before !== undefined && now?.metadata.uid !== before.metadata.uid) this.forgetStatus(key);
      else this.#unseen.changed(key, now?.status);
    });
  }

  /** As it was said last, whether or not that has been written yet. */
  statusOf({ metadata, status = {} }: ExternalSecret): ExternalSecretStatus {
    return this.#unseen.get(keyOf(metadata)) ?? status;
  }

  /** Resolves when it was tried; while Secrets wait to be made, or statuses to be written, at once: it holds up no Secret. */
  async writeStatus(es: ExternalSecret, status: StatusPatch): Promise<void> {
    const { namespace = '', name } = es.metadata;
    const key = { namespace, name };
    const holdsUp = this.#urgent() || this.statuses.depth > 0;
    const said = this.#unseen.say(keyOf(key), this.statusOf(es), status);
    const sent = this.statuses.put(keyOf(key), async () => {
      try {
        await this.externalSecretObjects.patchStatus(key, status);
        said.written();
      } catch (error) {
        if (!mayPass(error)) said.lost();
        throw error;
      }
    });
    if (!holdsUp) await sent;
  }

  /** Nothing more is to be said of it. */
  forgetStatus(key: string): void {
    this.statuses.forget(key);
    this.#unseen.forget(key);
  }

  /** Tells what is left; `tell` false: leaves it. */
  async close(tell: boolean): Promise<void> {
    await Promise.all([this.statuses.close(tell), this.events.close(tell)]);
  }

  /** Of the kind that is given; the one of an unknown name has nothing. */
  store(kind: string, key: string): Store | undefined {
    return kind === clusterSecretStore.kind ? this.clusterStores?.get(key) : this.stores.get(key);
  }

  storeObjects(kind: string): Objects<Store> {
    return new Objects<Store>(this.api, kind === clusterSecretStore.kind ? clusterSecretStore : secretStore);
  }

  get informers(): readonly KeptKind[] {
    const all = [
      ...(this.#watchesSources ? [this.#sourceSecrets] : []),
      ...[this.externalSecrets, this.clusterExternalSecrets, this.stores, this.clusterStores],
      ...[this.pushSecrets, this.clusterPushSecrets, this.generatorStates, this.managedSecrets, this.namespaces],
      ...this.watches.all,
    ];
    return all.filter((each) => each !== undefined);
  }

  /** Told of changes of Secrets that may be pushed, from now on until the signal is aborted. Undefined: it was asked for before. */
  watchSources(told: Change<KubernetesObject>, signal: AbortSignal): Promise<void> | undefined {
    if (this.#watchesSources) return undefined;
    this.#watchesSources = true;
    this.#sourceSecrets.onChange(told);
    return this.#sourceSecrets.run(signal);
  }

  /** Milliseconds since the API server last said anything of the kind that it is longest silent about. */
  get staleMs(): number {
    return Math.max(...this.informers.map(({ staleMs }) => staleMs));
  }
}
