/** Requests of a store to an API server: opened at the first, with a new credential where one is refused. */
import { isObject } from '../../client/json.ts';
import { KubernetesApi, type Asking } from '../../kube/api.ts';
import { queryOf } from '../../kube/objects.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { ProviderProblem } from '../contract.ts';
import { kept, type Kept } from '../kept.ts';
import type { Access } from './access.ts';
import { isGone, problemOf } from './problem.ts';

const CONNECTIONS = 8;
/** Bytes: a page of a list. */
const LARGEST = 64 * 1024 * 1024;

interface Item {
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
  readonly accept?: string | undefined;
}

interface ListAnswer<T> {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly T[] | null;
}

export class ApiSession {
  readonly #access: Access;
  readonly #api: Kept<KubernetesApi>;
  readonly #opened = new Set<KubernetesApi>();

  constructor(access: Access) {
    this.#access = access;
    this.#api = kept(async () => {
      const api = new KubernetesApi(await access.open(), { connections: CONNECTIONS, largest: LARGEST });
      this.#opened.add(api);
      return api;
    }, Number.POSITIVE_INFINITY);
  }

  /** Rejects with `KubernetesProblem`, `ProviderProblem`, or the reason of the signal of `asking`. */
  async send(asking: Asking): Promise<unknown> {
    const api = await this.#api.get();
    try {
      return await api.send(asking);
    } catch (error) {
      asking.signal?.throwIfAborted();
      if (!(error instanceof KubernetesProblem) || error.status !== 401) throw error;
      // What it was opened with may have changed in its Secret as well.
      this.#access.renew();
      this.#api.drop();
      return (await this.#api.get()).send(asking);
    }
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

  /** All pages. Undefined where there is nothing of that kind. */
  async list<T extends Item>(doing: string, listing: Listing, signal: AbortSignal): Promise<readonly T[] | undefined> {
    const { path, labelSelector, accept } = listing;
    const items: T[] = [];
    let next: string | undefined;
    do {
      const query = queryOf({ limit: '500', labelSelector, continue: next });
      const more = accept === undefined ? {} : { accept };
      const page = await this.ask(doing, { method: 'GET', path: path + query, signal, ...more });
      if (page === undefined) return undefined;
      const { items: found, metadata } = page as ListAnswer<T>;
      items.push(...(found ?? []));
      next = metadata?.continue;
    } while (next !== undefined && next !== '');
    return items;
  }

  close(): void {
    for (const each of this.#opened) each.close();
    this.#opened.clear();
  }
}

/** `a=b,c=d` of labels that must all be there. */
export const selectorOf = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
