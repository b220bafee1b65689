/** Requests of a store to an API server: opened at the first, with a new credential where one is refused. */
import { isObject } from '../../client/json.ts';
import { KubernetesApi, type Asking } from '../../kube/api.ts';
import { acceptOf, collectionPath, queryOf, segmentOf, type Kind } from '../../kube/objects.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { ProviderProblem } from '../contract.ts';
import { MOST_FOUND, tooMany } from '../in-turns.ts';
import { kept, type Kept } from '../kept.ts';
import type { Access } from './access.ts';
import { isGone, problemOf } from './problem.ts';

const CONNECTIONS = 8;
/** Milliseconds: the authorities, or the whole kubeconfig, can be others by then in their Secret. */
const OPENED_MS = 300_000;
/** Of a page of a list. Each can have 256 KiB of annotations. */
const PAGE = 50;
/** Bytes: a page of a list, and any other answer, of which an object of etcd is the largest. Whose server it is, is the tenant's to say. */
const LARGEST_PAGE = 16 * 1024 * 1024;
const LARGEST = 4 * 1024 * 1024;

export interface Item {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Of an access review. */
interface Attributes {
  readonly namespace: string;
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
}

export interface Listing {
  readonly path: string;
  readonly labelSelector?: string | undefined;
}

interface ListAnswer {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly Item[] | null;
}

const NAMES = acceptOf({ metadataOnly: true }, 'list');

/** As it was opened; closed once it is neither the current one nor in use. */
interface Opened {
  readonly api: KubernetesApi;
  using: number;
  over: boolean;
}

/** Names are looked at alone: the rest of a page is not kept. */
const nameOf = ({ metadata: { name, namespace } }: Item): Item => ({
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
});

/** Throws `ProviderProblem`. */
export function collectionOf(kind: Kind, namespace: string): string {
  try {
    return collectionPath(kind, namespace);
  } catch (error) {
    throw problemOf(error, `look into "${namespace}"`);
  }
}

/** Of one of that collection. Throws `ProviderProblem`. */
export function pathIn(collection: string, name: string): string {
  try {
    return `${collection}/${segmentOf(name)}`;
  } catch (error) {
    throw problemOf(error, `look for "${name}"`);
  }
}

export class ApiSession {
  readonly #access: Access;
  readonly #current: Kept<Opened>;
  readonly #opened = new Set<Opened>();

  /** `now`: monotonic milliseconds. */
  constructor(access: Access, now?: () => number) {
    this.#access = access;
    this.#current = kept(() => this.#open(), OPENED_MS, now);
  }

  /** Rejects with `KubernetesProblem`, `ProviderProblem`, or the reason of the signal of `asking`. */
  async send(asking: Asking): Promise<unknown> {
    const opened = await this.#current.get();
    try {
      return await this.#send(opened, asking);
    } catch (error) {
      asking.signal?.throwIfAborted();
      if (!(error instanceof KubernetesProblem) || error.status !== 401) throw error;
      this.#refuse(opened);
      return this.#send(await this.#current.get(), asking);
    }
  }

  async #send(opened: Opened, asking: Asking): Promise<unknown> {
    opened.using += 1;
    try {
      return await opened.api.send(asking);
    } finally {
      opened.using -= 1;
      this.#closeUnused(opened);
    }
  }

  async #open(): Promise<Opened> {
    const api = new KubernetesApi(await this.#access.open(), { connections: CONNECTIONS, largest: LARGEST });
    for (const each of this.#opened) this.#end(each);
    const opened: Opened = { api, using: 0, over: false };
    this.#opened.add(opened);
    return opened;
  }

  /** What it was opened with may have changed in its Secret as well. Of several that are refused at once the first sees to it. */
  #refuse(opened: Opened): void {
    if (opened.over) return;
    this.#access.renew();
    this.#current.drop();
    this.#end(opened);
  }

  #end(opened: Opened): void {
    opened.over = true;
    this.#closeUnused(opened);
  }

  #closeUnused(opened: Opened): void {
    if (!opened.over || opened.using > 0) return;
    this.#opened.delete(opened);
    opened.api.close();
  }

  /** As `send`, all else than the signal's reason as `ProviderProblem`; undefined where the API server says that it is not there. */
  async ask(doing: string, asking: Asking): Promise<unknown> {
    asking.signal?.throwIfAborted();
    try {
      return await this.send(asking);
    } catch (error) {
      asking.signal?.throwIfAborted();
      if (isGone(error)) return undefined;
      throw problemOf(error, doing);
    }
  }

  /** Rejects with `ProviderProblem` of the kind `denied` where whoever asks may not. */
  async mustBeAllowed(what: Attributes, signal: AbortSignal): Promise<void> {
    const answer = await this.ask('ask for its rights', {
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: {
        ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' },
        spec: { resourceAttributes: what },
      },
      signal,
    });
    const status = isObject(answer) ? answer['status'] : undefined;
    if (isObject(status) && status['allowed'] === true) return;
    const where = what.namespace === '' ? 'of all namespaces' : `in namespace "${what.namespace}"`;
    throw new ProviderProblem(
      'denied',
      `it may not ${what.verb} ${what.resource} ${where}: grant it a role that lets it`,
    );
  }

  /** The names on all pages. Undefined where there is nothing of that kind. Rejects where they are more than one look may find. */
  async list(doing: string, listing: Listing, signal: AbortSignal): Promise<readonly Item[] | undefined> {
    const { path, labelSelector } = listing;
    const items: Item[] = [];
    let next: string | undefined;
    // Who answers with pages that hold nothing, and no end, is a server of somebody's own.
    for (let pages = 0; pages <= MOST_FOUND; pages++) {
      const query = queryOf({ limit: String(PAGE), labelSelector, continue: next });
      const asking = { method: 'GET', path: path + query, signal, largest: LARGEST_PAGE, ...NAMES } as const;
      const page = await this.ask(doing, asking);
      if (page === undefined) return undefined;
      const { items: found, metadata } = page as ListAnswer;
      for (const each of found ?? []) items.push(nameOf(each));
      if (items.length > MOST_FOUND) throw tooMany();
      next = metadata?.continue;
      if (next === undefined || next === '') return items;
    }
    throw tooMany();
  }

  close(): void {
    for (const { api } of this.#opened) api.close();
    this.#opened.clear();
  }
}

/** `a=b,c=d` of labels that must all be there. */
export const selectorOf = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
