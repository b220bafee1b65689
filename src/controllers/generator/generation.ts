/** What generators make for one look at an object: kept where that may take it away, discarded where it came to nothing. */
import type { KubernetesObject } from '../../kube/objects.ts';
import type { Cluster } from '../cluster.ts';
import type { GeneratorRef } from '../external-secret/definition.ts';
import type { Values } from '../external-secret/values.ts';
import type { GeneratorState } from '../generator-state/definition.ts';
import { discard, keep } from '../generator-state/keep.ts';
import type { Generators } from './generate.ts';

export interface GenerationOptions {
  readonly cluster: Cluster;
  readonly generators: Generators;
  /** With its `apiVersion` and `kind`. */
  readonly owner: KubernetesObject;
  /** Nothing that holds what is made outlives the owner: it is taken away with it. */
  readonly keeps: boolean;
}

export class Generation {
  readonly #options: GenerationOptions;
  readonly #kept: GeneratorState[] = [];

  constructor(options: GenerationOptions) {
    this.#options = options;
  }

  readonly generate = async (ref: GeneratorRef, signal: AbortSignal): Promise<Values> => {
    const { cluster, generators, owner, keeps } = this.#options;
    const made = await generators.generate(ref, owner.metadata.namespace ?? '', signal);
    if (keeps) this.#kept.push(...(await keep(cluster, owner, [made])));
    return made.values;
  };

  /** It came to nothing. */
  async discard(): Promise<void> {
    await discard(this.#options.cluster, this.#kept.splice(0));
  }
}
