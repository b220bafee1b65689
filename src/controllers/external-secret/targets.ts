/**
 * The Secrets that ExternalSecrets make, asked for only where the watch of their metadata does not tell enough: a look at
 * one that nobody touched, and the making of one that is not there, read nothing from the API server.
 */
import { keyOf, readKey, type KubernetesObject } from '../../kube/objects.ts';
import type { Cluster } from '../cluster.ts';
import { targetName, type ExternalSecret } from './definition.ts';
import { fieldManagerOf } from './ownership.ts';
import { isIntact, planSecret, type Material, type Secret } from './plan.ts';
import { secretWords } from './status.ts';
import type { TargetKind } from './target-kind.ts';
import type { Plan } from './target-plan.ts';
import { withoutContent } from './without-content.ts';

type Asked = Pick<Cluster, 'managedSecrets' | 'secrets'>;

export class SecretTargets implements TargetKind<Secret> {
  readonly words = secretWords;
  readonly #cluster: Asked;
  /** The version in which each was found in order, by the key of its ExternalSecret. */
  readonly #left = new Map<string, string>();

  constructor(cluster: Asked) {
    this.#cluster = cluster;
  }

  mustOffer(_es: ExternalSecret): void {
    // Which types a Secret may have stands in its plan.
  }

  isAsLeft(es: ExternalSecret): boolean {
    const left = this.#left.get(keyOf(es.metadata));
    return left !== undefined && left === versionOf(this.#cluster.managedSecrets.get(keyOf(nameOf(es))));
  }

  /** None is watched under its name. One without our label may be there all the same. */
  seemsAbsent(es: ExternalSecret): boolean {
    const { creationPolicy = 'Owner' } = es.spec.target ?? {};
    return creationPolicy === 'Owner' && this.#cluster.managedSecrets.get(keyOf(nameOf(es))) === undefined;
  }

  get(es: ExternalSecret): Promise<Secret | undefined> {
    return this.#cluster.secrets.get(nameOf(es));
  }

  leave(es: ExternalSecret, secret: Secret | undefined): void {
    const version = versionOf(secret);
    if (version === undefined) this.#left.delete(keyOf(es.metadata));
    else this.#left.set(keyOf(es.metadata), version);
  }

  isIntact(es: ExternalSecret, secret: Secret | undefined): boolean {
    return isIntact(secret, es);
  }

  isFrozen(es: ExternalSecret, secret: Secret | undefined): boolean {
    return es.spec.target?.immutable === true && secret?.immutable === true;
  }

  plan(es: ExternalSecret, secret: Secret | undefined, made: Material): Plan<Secret> {
    return planSecret(es, secret, made);
  }

  loses(before: Secret | undefined, { data = {} }: Secret): boolean {
    return Object.keys(before?.data ?? {}).some((key) => !Object.hasOwn(data, key));
  }

  create(es: ExternalSecret, secret: Secret): Promise<Secret> {
    return told(secret, this.#cluster.secrets.create(secret, fieldManagerOf(es.metadata.name)));
  }

  replace(es: ExternalSecret, secret: Secret): Promise<Secret> {
    return told(secret, this.#cluster.secrets.replace(secret, fieldManagerOf(es.metadata.name)));
  }

  remove(_es: ExternalSecret, { metadata }: Secret): Promise<void> {
    const { name, namespace = '', uid = '', resourceVersion = '' } = metadata;
    return this.#cluster.secrets.delete({ namespace, name }, { uid, resourceVersion });
  }

  forget(key: string): void {
    this.#left.delete(key);
  }
}

async function told<T>({ metadata: { name } }: KubernetesObject, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw withoutContent(error, `the Secret "${name}"`);
  }
}

export const nameOf = (es: ExternalSecret) => ({
  namespace: readKey(keyOf(es.metadata)).namespace,
  name: targetName(es),
});

const versionOf = (secret: KubernetesObject | undefined): string | undefined => secret?.metadata.resourceVersion;
