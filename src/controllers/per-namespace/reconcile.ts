/** Makes, changes and deletes the objects of one of the cluster, and says in which namespaces they are. */
import { isLockstepError } from '../../errors.ts';
import type { Informer } from '../../kube/informer.ts';
import { keyOf, type Kind, type KubernetesObject, type Objects } from '../../kube/objects.ts';
import { isConflict, KubernetesProblem } from '../../kube/problem.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { durationMs } from '../../lib/duration.ts';
import type { Condition } from '../conditions.ts';
import { desired, isOf, namespacesOf, type MadeObject, type Selection, type Wanted } from './plan.ts';

const HOUR = 3_600_000;
/** Of conflicts and refusals of the API server, which nothing but time mends. */
const AGAIN = 60_000;

interface Failed {
  readonly namespace: string;
  readonly reason?: string;
}

interface Status {
  readonly provisionedNamespaces?: readonly string[];
  readonly failedNamespaces?: readonly Failed[];
  readonly conditions?: readonly Condition[];
}

export interface FromObject extends KubernetesObject {
  readonly status?: Status;
}

/** A kind of the cluster, and what it makes. */
export interface PerNamespace<From extends FromObject, Made extends MadeObject> {
  readonly kind: Kind;
  readonly made: Kind;
  /** Which member of the status names what is made. */
  readonly statusName: string;
  /** Where one of somebody else is in the way. */
  readonly taken: string;
  readonly selection: (from: From) => Selection;
  readonly wanted: (from: From) => Wanted;
  /** Between two looks; a duration of Go. */
  readonly refreshTime: (from: From) => string | undefined;
  /** What makes it useless everywhere. */
  readonly problem?: (from: From) => string | undefined;
  readonly cache: {
    readonly from: Informer<From> | undefined;
    readonly made: Informer<Made>;
    readonly namespaces: Informer<KubernetesObject> | undefined;
  };
  readonly objects: { readonly from: Objects<From>; readonly made: Objects<Made> };
}

export class PerNamespaceReconciler<From extends FromObject, Made extends MadeObject> {
  readonly #of: PerNamespace<From, Made>;

  constructor(of: PerNamespace<From, Made>) {
    this.#of = of;
  }

  get names(): readonly string[] {
    return [...(this.#of.cache.from?.values() ?? [])].map(({ metadata }) => metadata.name);
  }

  /** Those that make, or would make, an object of that name. */
  makersOf(name: string): readonly string[] {
    const all = [...(this.#of.cache.from?.values() ?? [])];
    return all.filter((each) => this.#of.wanted(each).name === name).map(({ metadata }) => metadata.name);
  }

  /** Milliseconds until it is due again. */
  async reconcile(name: string): Promise<number | undefined> {
    const from = this.#of.cache.from?.get(name);
    // What it made goes with it, by the owner reference.
    if (from === undefined || from.metadata.deletionTimestamp !== undefined) return undefined;
    const where = this.#where(from);
    if ('problem' in where) {
      await this.#say(from, from.status?.provisionedNamespaces ?? [], [], where.problem);
      return undefined;
    }
    const failed: Failed[] = [];
    await this.#removeOthers(from, where.namespaces, failed);
    const provisioned: string[] = [];
    for (const namespace of where.namespaces) {
      const reason = await this.#provide(from, namespace);
      if (reason === undefined) provisioned.push(namespace);
      else failed.push({ namespace, reason });
    }
    await this.#say(from, provisioned, failed, failed.length === 0 ? '' : 'one or more namespaces failed');
    const interval = failed.length > 0 ? AGAIN : where.interval;
    return interval === 0 ? undefined : interval;
  }

  /** Where it should be, and milliseconds between two looks; or what is wrong with it. */
  #where(from: From) {
    const { problem, refreshTime, selection, cache } = this.#of;
    const wrong = problem?.(from);
    if (wrong !== undefined) return { problem: wrong };
    try {
      const time = refreshTime(from);
      const interval = time === undefined ? HOUR : durationMs(time, 'refreshTime');
      return { namespaces: namespacesOf(selection(from), cache.namespaces?.values() ?? []), interval };
    } catch (error) {
      if (!(error instanceof KubernetesProblem) && !isLockstepError(error)) throw error;
      return { problem: error.message };
    }
  }

  /** Why it is not there as it should be. */
  async #provide(from: From, namespace: string): Promise<string | undefined> {
    const { kind, made, cache, objects, taken, wanted } = this.#of;
    const want = wanted(from);
    const before = cache.made.get(keyOf({ namespace, name: want.name }));
    if (before !== undefined && !isOf(kind, from, before)) return taken;
    const next = desired({ kind, from, namespace, made }, want, before) as Made | undefined;
    if (next === undefined) return undefined;
    const manager = `${kind.plural}.${kind.group}`;
    return this.#tried(() =>
      before === undefined ? objects.made.create(next, manager) : objects.made.replace(next, manager),
    );
  }

  /** Where it is wanted no more, or under another name. */
  async #removeOthers(from: From, namespaces: readonly string[], failed: Failed[]): Promise<void> {
    const { kind, cache, objects, wanted } = this.#of;
    const { name } = wanted(from);
    const others = [...cache.made.values()].filter(
      (each) =>
        isOf(kind, from, each) && (each.metadata.name !== name || !namespaces.includes(each.metadata.namespace ?? '')),
    );
    for (const { metadata } of others) {
      const { namespace = '', uid = '' } = metadata;
      const reason = await this.#tried(() => objects.made.delete({ namespace, name: metadata.name }, { uid }));
      if (reason !== undefined) failed.push({ namespace, reason });
    }
  }

  async #tried(work: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await work();
      return undefined;
    } catch (error) {
      if (!(error instanceof KubernetesProblem) || error.status === undefined) throw error;
      // Somebody else was faster, which the watch tells in a moment.
      return isConflict(error) ? 'it was changed meanwhile' : error.message;
    }
  }

  async #say(from: From, provisioned: readonly string[], failed: readonly Failed[], message: string): Promise<void> {
    const status = {
      [this.#of.statusName]: this.#of.wanted(from).name,
      provisionedNamespaces: provisioned,
      failedNamespaces: failed,
      conditions: [
        { type: 'Ready', status: message === '' ? 'True' : 'False', ...(message === '' ? {} : { message }) },
      ],
    };
    if (canonicalJson(status) === canonicalJson(from.status ?? {})) return;
    await this.#of.objects.from.patchStatus({ namespace: '', name: from.metadata.name }, status);
  }
}
