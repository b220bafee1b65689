/** What is kept of what was made for an object, and what is due to a GeneratorState: pure. */
import type { Left } from '../../generators/contract.ts';
import { isObject } from '../../client/json.ts';
import { apiVersionOf, type KubernetesObject } from '../../kube/objects.ts';
import { momentOf } from '../conditions.ts';
import type { GeneratorResource, Made } from '../generator/generate.ts';
import { generatorState, type GeneratorState } from './definition.ts';

/** Of External Secrets Operator: either ends what the other began. */
export const FINALIZER = 'generatorstate.externalsecrets.io/finalizer';

/**
 * It goes with its owner, and by itself once what was left has ended. Undefined: nothing is left, or it never ends, so that
 * nobody could say when to forget it.
 */
export function stateOf(
  { by, left }: Made,
  owner: KubernetesObject,
  { id, now }: { readonly id: string; readonly now: number },
): GeneratorState | undefined {
  if (left === undefined || left.life <= 0) return undefined;
  const { namespace = '', name, uid = '' } = owner.metadata;
  const { apiVersion = '', kind = '' } = owner;
  return {
    ...{ apiVersion: apiVersionOf(generatorState), kind: generatorState.kind },
    metadata: {
      ...{ namespace, name: `${name.slice(0, 200)}-${id}`, finalizers: [FINALIZER] },
      ownerReferences: [{ apiVersion, kind, name, uid }],
    },
    spec: {
      ...{ resource: by, state: left.state },
      garbageCollectionDeadline: momentOf(now + left.life * 1_000),
    },
  };
}

/** Milliseconds since the epoch; undefined: it has none. */
export function deadlineOf({ spec }: GeneratorState): number | undefined {
  const at = Date.parse(spec.garbageCollectionDeadline ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** What was made, and by what; undefined where the object does not say it. */
export function keptIn({ spec }: GeneratorState): { readonly by: GeneratorResource; readonly left: Left } | undefined {
  const { resource, state } = spec;
  if (!isObject(resource) || !isObject(state) || typeof resource['kind'] !== 'string') return undefined;
  const by = { apiVersion: apiVersionOf(generatorState), kind: resource['kind'], spec: resource['spec'] ?? {} };
  return { by, left: { state, life: 0 } };
}
