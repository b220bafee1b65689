/** Objects of one kind in a cluster: read, written and listed by pages. */
import type { Asking, KubernetesApi } from './api.ts';
import { isNotFound, isTooLarge, KubernetesProblem } from './problem.ts';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

/** `metav1.ObjectMeta`, as far as it is read here. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent for what belongs to the cluster. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFields[];
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface Kind {
  /** Empty for the core. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** A kind of the core group: `Secret`, `Namespace` … */
export const coreKind = (kind: string, plural: string, namespaced = true): Kind => ({
  ...{ group: '', version: 'v1', kind, plural, namespaced },
});

export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** `namespace/name`, or the name alone. */
export const keyOf = ({ namespace = '', name }: { readonly namespace?: string; readonly name: string }): string =>
  namespace === '' ? name : `${namespace}/${name}`;

export function readKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1) };
}

export const apiVersionOf = ({ group, version }: Kind): string => (group === '' ? version : `${group}/${version}`);

/**
 * A name as a segment of a path. What no API server takes for one is not sent (`IsValidPathSegmentName` of apimachinery): without a name the
 * path is that of a whole collection, and what stands before an API server may take out dots and encoded slashes. Throws `KubernetesProblem`.
 */
export function segmentOf(name: string): string {
  if (name !== '' && name !== '.' && name !== '..' && !/[/%]/.test(name)) return encodeURIComponent(name);
  const why = 'it is neither empty, nor dots alone, nor has it a slash or a percent sign';
  throw new KubernetesProblem(`"${name}" is no name of an object: ${why}`, { status: 400 });
}

/** The collection of a kind: of one namespace, or of all. Throws as `segmentOf`. */
export function collectionPath(kind: Kind, namespace = ''): string {
  const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const within = kind.namespaced && namespace !== '' ? `/namespaces/${segmentOf(namespace)}` : '';
  return `${base}${within}/${kind.plural}`;
}

export const queryOf = (query: Readonly<Record<string, string | undefined>>): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
};

const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

export interface Listing {
  /** Default: all. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** `metadata` alone is sent, which for Secrets and large objects is a fraction. */
  readonly metadataOnly?: boolean;
}

/** What the API server sends for a listing or a watch of it. */
export const acceptOf = ({ metadataOnly = false }: Listing, form: 'one' | 'list'): Pick<Asking, 'accept'> =>
  metadataOnly ? { accept: form === 'one' ? METADATA : METADATA_LIST } : {};

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Empty on the last page. */
  readonly next: string;
}

interface ListAnswer<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

/** Objects of a page. */
const PAGE = 500;

/** Calls reject with `KubernetesProblem`. */
export class Objects<T extends KubernetesObject> {
  readonly kind: Kind;
  readonly #api: KubernetesApi;
  /** Objects of the last page. */
  #limit = PAGE;

  constructor(api: KubernetesApi, kind: Kind) {
    this.#api = api;
    this.kind = kind;
  }

  /** Undefined when it is not there. */
  async get(key: ObjectKey): Promise<T | undefined> {
    try {
      return (await this.#api.json(this.#path(key))) as T;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Of one that is there, without the rest of it. Rejects with status 404 when it is not. */
  async metadata(key: ObjectKey): Promise<Pick<T, 'metadata'>> {
    const asking = { method: 'GET', path: this.#path(key), ...acceptOf({ metadataOnly: true }, 'one') } as const;
    return (await this.#api.send(asking)) as Pick<T, 'metadata'>;
  }

  /** Of fewer objects where these are too large together: one tenant's must not keep those of all others away. */
  async page(listing: Listing, next: string, signal: AbortSignal): Promise<ListPage<T>> {
    for (let limit = Math.min(PAGE, this.#limit * 2); ; limit = Math.ceil(limit / 2)) {
      try {
        const page = await this.#page(listing, { next, limit }, signal);
        this.#limit = limit;
        return page;
      } catch (error) {
        if (limit === 1 || !isTooLarge(error)) throw error;
      }
    }
  }

  async #page(
    listing: Listing,
    { next, limit }: { readonly next: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<ListPage<T>> {
    const { namespace, labelSelector } = listing;
    const query = queryOf({ limit: String(limit), labelSelector, continue: next === '' ? undefined : next });
    const path = collectionPath(this.kind, namespace) + query;
    const answer = (await this.#api.send({
      method: 'GET',
      path,
      signal,
      ...acceptOf(listing, 'list'),
    })) as ListAnswer<T>;
    return {
      items: answer.items ?? [],
      resourceVersion: answer.metadata?.resourceVersion ?? '',
      next: answer.metadata?.continue ?? '',
    };
  }

  /** All pages of it. */
  async list(listing: Listing, signal = AbortSignal.timeout(60_000)): Promise<readonly T[]> {
    const items: T[] = [];
    let next = '';
    do {
      const page = await this.page(listing, next, signal);
      items.push(...page.items);
      ({ next } = page);
    } while (next !== '');
    return items;
  }

  /**
   * Fails with status 409 when it is there already. `fieldManager` owns the fields. `strict`: a field that the kind has not is refused with
   * status 400, and not dropped.
   */
  async create(object: T, fieldManager?: string, strict = false): Promise<T> {
    const query = queryOf({ fieldManager, fieldValidation: strict ? 'Strict' : undefined });
    const path = collectionPath(this.kind, object.metadata.namespace) + query;
    return (await this.#api.create(path, object)) as T;
  }

  /** The whole object, under its `resourceVersion`: fails with status 409 when it was changed meanwhile. */
  async replace(object: T, fieldManager?: string): Promise<T> {
    const { namespace = '', name } = object.metadata;
    const path = this.#path({ namespace, name }) + queryOf({ fieldManager });
    return (await this.#api.send({ method: 'PUT', path, body: object })) as T;
  }

  /**
   * A JSON Merge Patch (RFC 7396). With `metadata.resourceVersion` in it, it fails with status 409 when the object was changed
   * meanwhile. A field that the kind has not is refused with status 400.
   */
  async patch(key: ObjectKey, patch: object, fieldManager?: string): Promise<T> {
    const path = this.#path(key) + queryOf({ fieldManager, fieldValidation: 'Strict' });
    const contentType = 'application/merge-patch+json';
    return (await this.#api.send({ method: 'PATCH', path, body: patch, contentType })) as T;
  }

  /** `status` as a JSON Merge Patch (RFC 7396). */
  async patchStatus(key: ObjectKey, status: object): Promise<void> {
    const path = `${this.#path(key)}/status`;
    const contentType = 'application/merge-patch+json';
    await this.#api.tell({ method: 'PATCH', path, body: { status }, contentType });
  }

  /** Only while it is the very object of that `uid`, unchanged since `resourceVersion`. Gone already is no error. */
  async delete(key: ObjectKey, is: { readonly uid: string; readonly resourceVersion?: string }): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: is };
    try {
      await this.#api.send({ method: 'DELETE', path: this.#path(key), body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #path({ namespace, name }: ObjectKey): string {
    return `${collectionPath(this.kind, namespace)}/${segmentOf(name)}`;
  }
}
