/** Secrets of a namespace of an API server: of this cluster, or of another. */
import { coreKind, type ManagedFields } from '../../kube/objects.ts';
import { goJson } from '../../lib/go-text.ts';
import { inTurns } from '../in-turns.ts';
import {
  ProviderProblem,
  type Credentials,
  type Found,
  type Provider,
  type ProviderClient,
  type Pushed,
  type Query,
  type Reference,
  type RemoteName,
} from '../contract.ts';
import { membersOf } from '../members.ts';
import { namePattern } from '../name-pattern.ts';
import { lacks, objectIn, propertyOf, selectedOf } from '../property.ts';
import { accessFor, type AccessConfig } from './access.ts';
import { kubernetesFields, namespaceFor } from './metadata.ts';
import { pushTo, removeFrom } from './push.ts';
import { ApiSession, collectionOf, pathIn, selectorOf } from './session.ts';

export interface KubernetesConfig extends AccessConfig {
  readonly remoteNamespace?: string;
}

export interface Secret {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly ManagedFields[];
  };
  readonly type?: string;
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
}

const secretKind = coreKind('Secret', 'secrets');

const bytesAt = (secret: Secret): ReadonlyMap<string, Uint8Array> =>
  new Map(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));

const asJson = (secret: Secret): Uint8Array =>
  Buffer.from(
    goJson(Object.fromEntries([...bytesAt(secret)].map(([key, value]) => [key, Buffer.from(value).toString('utf8')]))),
    'utf8',
  );

/** One of its values; a part of one that is JSON, where its key is the first segment of the path. */
function valueOf(secret: Secret, reference: Reference): Uint8Array {
  const { property = '' } = reference;
  const values = bytesAt(secret);
  const whole = values.get(property);
  if (whole !== undefined) return whole;
  const dot = property.indexOf('.');
  const data = dot > 0 ? objectIn(values.get(property.slice(0, dot)) ?? new Uint8Array()) : undefined;
  const found = data === undefined ? { found: false as const } : propertyOf(data, property.slice(dot + 1));
  if (!found.found) throw lacks(reference);
  return found.value;
}

/** Labels and annotations. Their keys have dots, so `labels.<key>` is tried as it stands first. */
function aboutOf({ metadata: { labels = {}, annotations = {} } }: Secret, reference: Reference): Uint8Array {
  const about = { annotations, labels };
  const { property = '' } = reference;
  const [, group = '', key = ''] = /^(labels|annotations)\.(.*)$/s.exec(property) ?? [];
  const texts = group === 'labels' ? labels : group === 'annotations' ? annotations : {};
  return Object.hasOwn(texts, key) ? Buffer.from(texts[key] ?? '', 'utf8') : selectedOf(about, reference);
}

class KubernetesClient implements ProviderClient {
  readonly #session: ApiSession;
  readonly #collection: string;
  readonly #namespace: string;
  readonly #store: Credentials['store'];

  constructor({ remoteNamespace = '', ...config }: KubernetesConfig, credentials: Credentials) {
    this.#session = new ApiSession(accessFor(config, credentials));
    this.#store = credentials.store;
    this.#namespace = remoteNamespace === '' ? 'default' : remoteNamespace;
    this.#collection = collectionOf(secretKind, this.#namespace);
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#session.mustBeAllowed({ namespace: this.#namespace, verb: 'get', resource: 'secrets' }, signal);
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const secret = await this.#get(reference.key, signal);
    if (secret === undefined) return { found: false };
    if (reference.metadata === true) return { found: true, value: aboutOf(secret, reference) };
    const { property = '' } = reference;
    return { found: true, value: property === '' ? asJson(secret) : valueOf(secret, reference) };
  }

  async members(reference: Reference, signal: AbortSignal): Promise<Found<ReadonlyMap<string, Uint8Array>>> {
    const { metadata = false, property = '' } = reference;
    if (metadata || property !== '') {
      const found = await this.read(reference, signal);
      return found.found ? { found: true, value: membersOf(found.value, reference.key) } : found;
    }
    const secret = await this.#get(reference.key, signal);
    return secret === undefined ? { found: false } : { found: true, value: bytesAt(secret) };
  }

  async find({ path, name, tags }: Query, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    if (path !== undefined && path !== '') throw new ProviderProblem('invalid', 'find.path: Secrets lie in no folders');
    const named = namePattern(name);
    const labelSelector = name === undefined && tags !== undefined ? selectorOf(tags) : undefined;
    const listing = { path: this.#collection, labelSelector };
    const listed = (await this.#session.list('list secrets', listing, signal)) ?? [];
    const names = listed.map(({ metadata }) => metadata.name).filter(named);
    const found = await inTurns(names, async (each) => {
      const secret = await this.#get(each, signal);
      return secret === undefined ? undefined : asJson(secret);
    });
    return new Map(names.flatMap((each, at) => (found[at] === undefined ? [] : [[each, found[at]]])));
  }

  async push(pushed: Pushed, signal: AbortSignal): Promise<void> {
    await pushTo(this.#place(pushed, signal), pushed);
  }

  checkMetadata(metadata: unknown): void {
    namespaceFor(metadata, this.#namespace, this.#store.kind);
  }

  async has(name: RemoteName, signal: AbortSignal): Promise<boolean> {
    const { property = '' } = name;
    const secret = await this.#place(name, signal).get(name.key);
    return secret !== undefined && (property === '' || Object.hasOwn(secret.data ?? {}, property));
  }

  async remove(name: RemoteName, signal: AbortSignal): Promise<void> {
    await removeFrom(this.#place(name, signal), name);
  }

  close(): void {
    this.#session.close();
  }

  #place({ metadata }: RemoteName, signal: AbortSignal) {
    const collection = collectionOf(secretKind, namespaceFor(metadata, this.#namespace, this.#store.kind));
    return {
      session: this.#session,
      ...{ collection, signal },
      get: (key: string) => this.#get(key, signal, collection),
    };
  }

  async #get(name: string, signal: AbortSignal, collection = this.#collection): Promise<Secret | undefined> {
    const path = pathIn(collection, name);
    return (await this.#session.ask(`read "${name}"`, { method: 'GET', path, signal })) as Secret | undefined;
  }
}

export const kubernetes: Provider<KubernetesConfig> = {
  type: 'kubernetes',
  capabilities: 'ReadWrite',
  pushMetadata: kubernetesFields,
  makesSecrets: true,
  connect: (config, credentials) => new KubernetesClient(config, credentials),
};
