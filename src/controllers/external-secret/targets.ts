/**
 * The Secrets that ExternalSecrets make, asked for only where the watch of their metadata does not tell enough: a look at
 * one that nobody touched, and the making of one that is not there, read nothing from the API server.
 */
import { keyOf, readKey } from '../../kube/objects.ts';
import type { Cluster } from '../cluster.ts';
import { targetName, type ExternalSecret, type Secret } from './plan.ts';

type Asked = Pick<Cluster, 'managedSecrets' | 'secrets'>;

export class Targets {
  readonly #cluster: Asked;
  /** The version in which each was found in order, by the key of its ExternalSecret. */
  readonly #left = new Map<string, string>();

  constructor(cluster: Asked) {
    this.#cluster = cluster;
  }

  /** Whether nobody changed it since it was found in order, by what the watch has told. */
  isAsLeft(es: ExternalSecret): boolean {
    const left = this.#left.get(keyOf(es.metadata));
    return left !== undefined && left === versionOf(this.#cluster.managedSecrets.get(keyOf(nameOf(es))));
  }

  /**
   * Whether it may be made without a look: none is watched under its name. One without our label may be there all the
   * same; then its creation fails with status 409.
   */
  seemsAbsent(es: ExternalSecret): boolean {
    const { creationPolicy = 'Owner' } = es.spec.target ?? {};
    return creationPolicy === 'Owner' && this.#cluster.managedSecrets.get(keyOf(nameOf(es))) === undefined;
  }

  get(es: ExternalSecret): Promise<Secret | undefined> {
    return this.#cluster.secrets.get(nameOf(es));
  }

  /** It is in order as it is; undefined: there is none. */
  leave(es: ExternalSecret, secret: Secret | undefined): void {
    const version = versionOf(secret);
    if (version === undefined) this.#left.delete(keyOf(es.metadata));
    else this.#left.set(keyOf(es.metadata), version);
  }

  forget(key: string): void {
    this.#left.delete(key);
  }
}

const nameOf = (es: ExternalSecret) => ({
  namespace: readKey(keyOf(es.metadata)).namespace,
  name: targetName(es),
});

const versionOf = (secret: Pick<Secret, 'metadata'> | undefined): string | undefined =>
  secret?.metadata.resourceVersion;
