/** Remembers in the cluster what was made for an object, before anybody can use it: a crash in between loses nothing. */
import type { KubernetesObject } from '../../kube/objects.ts';
import { uuid } from '../../lib/crypto/random.ts';
import type { Cluster } from '../cluster.ts';
import type { Made } from '../generator/generate.ts';
import type { GeneratorState } from './definition.ts';
import { stateOf } from './plan.ts';

type States = Pick<Cluster, 'generatorStateObjects'>;

/** Rejects with `KubernetesProblem`. `owner` with its `apiVersion` and `kind`. */
export async function keep(
  { generatorStateObjects }: States,
  owner: KubernetesObject,
  made: readonly Made[],
): Promise<readonly GeneratorState[]> {
  const kept: GeneratorState[] = [];
  for (const each of made) {
    const state = stateOf(each, owner, { id: uuid().slice(0, 8), now: Date.now() });
    if (state !== undefined) kept.push(await generatorStateObjects.create(state));
  }
  return kept;
}

/** What was made is used by nobody: it is taken away. */
export async function discard({ generatorStateObjects }: States, states: readonly GeneratorState[]): Promise<void> {
  for (const { metadata } of states) {
    const { namespace = '', name, uid = '' } = metadata;
    await generatorStateObjects.delete({ namespace, name }, { uid });
  }
}
