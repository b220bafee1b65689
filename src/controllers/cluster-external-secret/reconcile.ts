/** Makes, changes and deletes the ExternalSecrets of a ClusterExternalSecret, and says in which namespaces they are. */
import { keyOf } from '../../kube/objects.ts';
import { isConflict, KubernetesProblem } from '../../kube/problem.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { durationMs } from '../../lib/duration.ts';
import { isLockstepError } from '../../errors.ts';
import type { Cluster } from '../cluster.ts';
import type { ExternalSecret } from '../external-secret/plan.ts';
import type { SecretTypes } from '../secret-types.ts';
import type { ClusterExternalSecretStatus } from './definition.ts';
import { desired, isOf, nameOf, namespacesOf, type ClusterExternalSecret } from './plan.ts';

const HOUR = 3_600_000;
/** Of conflicts and refusals of the API server, which nothing but time mends. */
const AGAIN = 60_000;
const MANAGER = 'clusterexternalsecrets.external-secrets.io';

type Failed = NonNullable<ClusterExternalSecretStatus['failedNamespaces']>[number];

export class ClusterExternalSecretReconciler {
  readonly #cluster: Cluster;
  readonly #types: SecretTypes;

  constructor(cluster: Cluster, types: SecretTypes) {
    this.#cluster = cluster;
    this.#types = types;
  }

  /** Milliseconds until it is due again. */
  async reconcile(name: string): Promise<number | undefined> {
    const from = this.#cluster.clusterExternalSecrets?.get(name);
    // What it made goes with it, by the owner reference.
    if (from === undefined || from.metadata.deletionTimestamp !== undefined) return undefined;
    const wanted = this.#wanted(from);
    if ('problem' in wanted) {
      await this.#say(from, from.status?.provisionedNamespaces ?? [], [], wanted.problem);
      return undefined;
    }
    const failed: Failed[] = [];
    await this.#removeOthers(from, wanted.namespaces, failed);
    const provisioned: string[] = [];
    for (const namespace of wanted.namespaces) {
      const reason = await this.#provide(from, namespace);
      if (reason === undefined) provisioned.push(namespace);
      else failed.push({ namespace, reason });
    }
    await this.#say(from, provisioned, failed, failed.length === 0 ? '' : 'one or more namespaces failed');
    const interval = failed.length > 0 ? AGAIN : wanted.interval;
    return interval === 0 ? undefined : interval;
  }

  /** Where it should be, and milliseconds between two looks; or what is wrong with it. */
  #wanted(from: ClusterExternalSecret) {
    try {
      const { refreshTime, externalSecretSpec } = from.spec;
      const problem = this.#types.refusal(externalSecretSpec.target?.template?.type);
      if (problem !== undefined) return { problem };
      const interval = refreshTime === undefined ? HOUR : durationMs(refreshTime, 'refreshTime');
      return { namespaces: namespacesOf(from, this.#cluster.namespaces?.values() ?? []), interval };
    } catch (error) {
      if (!(error instanceof KubernetesProblem) && !isLockstepError(error)) throw error;
      return { problem: error.message };
    }
  }

  /** Why it is not there as it should be. */
  async #provide(from: ClusterExternalSecret, namespace: string): Promise<string | undefined> {
    const before = this.#cluster.externalSecrets.get(keyOf({ namespace, name: nameOf(from) }));
    if (before !== undefined && !isOf(from, before)) return 'external secret already exists in namespace';
    const next = desired(from, namespace, before);
    if (next === undefined) return undefined;
    const { externalSecretObjects } = this.#cluster;
    return this.#tried(() =>
      before === undefined ? externalSecretObjects.create(next, MANAGER) : externalSecretObjects.replace(next, MANAGER),
    );
  }

  /** Where it is wanted no more, or under another name. */
  async #removeOthers(from: ClusterExternalSecret, wanted: readonly string[], failed: Failed[]): Promise<void> {
    const name = nameOf(from);
    const others = [...this.#cluster.externalSecrets.values()].filter(
      (each) => isOf(from, each) && (each.metadata.name !== name || !wanted.includes(each.metadata.namespace ?? '')),
    );
    for (const each of others) {
      const reason = await this.#tried(() => this.#delete(each));
      if (reason !== undefined) failed.push({ namespace: each.metadata.namespace ?? '', reason });
    }
  }

  async #delete({ metadata }: ExternalSecret): Promise<void> {
    const { namespace = '', name, uid = '' } = metadata;
    await this.#cluster.externalSecretObjects.delete({ namespace, name }, { uid });
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

  async #say(from: ClusterExternalSecret, provisioned: readonly string[], failed: readonly Failed[], message: string) {
    const status: ClusterExternalSecretStatus = {
      externalSecretName: nameOf(from),
      provisionedNamespaces: provisioned,
      failedNamespaces: failed,
      conditions: [
        { type: 'Ready', status: message === '' ? 'True' : 'False', ...(message === '' ? {} : { message }) },
      ],
    };
    if (canonicalJson(status) === canonicalJson(from.status ?? {})) return;
    const { name } = from.metadata;
    await this.#cluster.clusterExternalSecretObjects.patchStatus({ namespace: '', name }, status);
  }
}
