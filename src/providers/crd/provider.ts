/** Objects of any kind of an API server, and values of them: read only. */
import { isObject } from '../../client/json.ts';
import type { Kind } from '../../kube/objects.ts';
import {
  ProviderProblem,
  type AccountRefLike,
  type Credentials,
  type Found,
  type Provider,
  type ProviderClient,
  type Query,
  type Reference,
} from '../contract.ts';
import { inTurns } from '../in-turns.ts';
import { kept, type Kept } from '../kept.ts';
import { accessFor, type AccessConfig } from '../kubernetes/access.ts';
import { ApiSession, collectionOf, pathIn, selectorOf } from '../kubernetes/session.ts';
import { namePattern } from '../name-pattern.ts';
import { selectedOf } from '../property.ts';
import { allowanceOf, type AllowRule, type Wanted } from './allow.ts';

export interface CrdConfig extends AccessConfig {
  readonly resource: { readonly group: string; readonly version: string; readonly kind: string };
  readonly serviceAccountRef?: AccountRefLike;
  /** Of a SecretStore in place of its own; of a ClusterSecretStore the one that is searched. */
  readonly remoteNamespace?: string;
  readonly whitelist?: { readonly rules?: readonly AllowRule[] };
}

type Data = Readonly<Record<string, unknown>>;

interface Place {
  readonly namespace: string;
  readonly name: string;
}

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

/** In simple mode the account itself asks. */
function accessConfig({ server, auth, authRef, serviceAccountRef }: CrdConfig): AccessConfig {
  const explicit = { ...(server === undefined ? {} : { server }), ...(authRef === undefined ? {} : { authRef }) };
  if (serviceAccountRef === undefined) return { ...explicit, ...(auth === undefined ? {} : { auth }) };
  if (auth !== undefined || authRef !== undefined) {
    throw invalid(
      'serviceAccountRef beside auth or authRef (to ask as somebody else) is not offered: name one of them',
    );
  }
  return { ...explicit, auth: { serviceAccount: serviceAccountRef } };
}

/** How often its API server says who it is changes with each write, and says nothing. */
function withoutBookkeeping(object: Data): Data {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const { managedFields: _left, ...kept } = metadata;
  return { ...object, metadata: kept };
}

class CrdClient implements ProviderClient {
  readonly #config: CrdConfig;
  readonly #store: Credentials['store'];
  readonly #session: ApiSession;
  readonly #allows: (wanted: Wanted) => boolean;
  readonly #kind: Kept<Kind>;

  constructor(config: CrdConfig, credentials: Credentials) {
    this.#config = config;
    this.#store = credentials.store;
    this.#allows = allowanceOf(config.whitelist?.rules ?? []);
    this.#session = new ApiSession(accessFor(accessConfig(config), credentials));
    // Asked for again in a while: which name its collection has can change.
    this.#kind = kept(() => this.#discover(), 600_000);
  }

  async check(signal: AbortSignal): Promise<void> {
    const { group, plural } = await this.#kindFor(signal);
    await this.#session.mustBeAllowed({ namespace: this.#namespace(), verb: 'get', resource: plural, group }, signal);
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const { key, property = '' } = reference;
    if (reference.metadata === true) throw invalid('metadataPolicy: Fetch is not offered: name metadata by a property');
    const kind = await this.#kindFor(signal);
    const place = this.#placeOf(key, kind);
    if (!this.#allows({ name: place.name, namespace: this.#ruledBy(place.namespace), property })) {
      throw new ProviderProblem('denied', `"${key}" is allowed by no rule of the whitelist, or this property is not`);
    }
    const object = await this.#get(kind, place, signal);
    return object === undefined ? { found: false } : { found: true, value: selectedOf(object, reference) };
  }

  async find({ path, name, tags }: Query, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    if (path !== undefined && path !== '') throw invalid('find.path: objects lie in no folders');
    const named = namePattern(name);
    const kind = await this.#kindFor(signal);
    const namespace = this.#namespace();
    const labelSelector = name === undefined && tags !== undefined ? selectorOf(tags) : undefined;
    const listing = { path: collectionOf(kind, namespace), labelSelector };
    const listed = (await this.#session.list(`list ${kind.plural}`, listing, signal)) ?? [];
    const places = listed
      .map(({ metadata }) => ({ name: metadata.name, namespace: metadata.namespace ?? '' }))
      .filter((each) => named(each.name))
      .filter((each) => this.#allows({ name: each.name, namespace: this.#ruledBy(each.namespace), property: '' }));
    const found = await inTurns(places, async (each) => {
      const object = await this.#get(kind, each, signal);
      return object === undefined ? undefined : selectedOf(object, { key: each.name });
    });
    return new Map(
      places.flatMap((each, at) =>
        found[at] === undefined ? [] : [[this.#keyOf(each, namespace), found[at]] as const],
      ),
    );
  }

  close(): void {
    this.#session.close();
  }

  /** All of them, where a ClusterSecretStore names none. */
  #namespace(): string {
    const { remoteNamespace = '' } = this.#config;
    if (remoteNamespace !== '') return remoteNamespace;
    return this.#store.kind === 'SecretStore' ? (this.#store.namespace ?? '') : '';
  }

  #ruledBy(namespace: string): string | undefined {
    return this.#store.kind === 'SecretStore' ? undefined : namespace;
  }

  #placeOf(key: string, { namespaced, plural }: Kind): Place {
    if (!namespaced || this.#store.kind === 'SecretStore') {
      if (key.includes('/')) throw invalid(`"${key}" is no name of one of the ${plural}: it has a slash`);
      return { name: key, namespace: namespaced ? this.#namespace() : '' };
    }
    const [namespace = '', name = '', ...more] = key.split('/');
    if (namespace === '' || name === '' || more.length > 0) {
      throw invalid(`"${key}": of a ClusterSecretStore a key is namespace/name, as ${plural} lie in namespaces`);
    }
    return { namespace, name };
  }

  #keyOf({ namespace, name }: Place, searched: string): string {
    return namespace === '' || searched !== '' ? name : `${namespace}/${name}`;
  }

  async #get(kind: Kind, { namespace, name }: Place, signal: AbortSignal): Promise<Data | undefined> {
    const path = pathIn(collectionOf(kind, namespace), name);
    const found = await this.#session.ask(`read "${name}"`, { method: 'GET', path, signal });
    return isObject(found) ? withoutBookkeeping(found) : undefined;
  }

  async #kindFor(signal: AbortSignal): Promise<Kind> {
    signal.throwIfAborted();
    return this.#kind.get();
  }

  /** An API server that lacks the kind has lost nothing: that is no "not found". */
  async #discover(): Promise<Kind> {
    const { group, version, kind } = this.#config.resource;
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const listed = await this.#session.ask(`look up ${kind}`, { method: 'GET', path });
    const resources: unknown = isObject(listed) ? listed['resources'] : undefined;
    const found = (Array.isArray(resources) ? resources : [])
      .filter(isObject)
      .find((each) => each['kind'] === kind && !String(each['name']).includes('/'));
    const plural = found?.['name'];
    if (typeof plural !== 'string') throw invalid(`the API server has no kind "${kind}" in "${group}/${version}"`);
    return { group, version, kind, plural, namespaced: found?.['namespaced'] === true };
  }
}

export const crd: Provider<CrdConfig> = {
  type: 'crd',
  capabilities: 'ReadOnly',
  connect: (config, credentials) => new CrdClient(config, credentials),
};
