/** What is to be done about an object that `target.manifest` names: pure. */
import type { KubernetesObject } from '../../../kube/objects.ts';
import type { ExternalSecret } from '../definition.ts';
import { fieldManagerOf, metadataOf } from '../ownership.ts';
import type { Material } from '../plan.ts';
import { resourceWords } from '../status.ts';
import { planTarget, same, type Plan } from '../target-plan.ts';
import { contentOf, othersOf } from './fields.ts';
import type { Manifest } from './kinds.ts';
import { merged, type Json } from './paths.ts';
import { renderResource, type RenderedResource } from './template.ts';

export type Resource = KubernetesObject & Json;

function desired(es: ExternalSecret, manifest: Manifest, rendered: RenderedResource, before: Resource | undefined) {
  const { apiVersion, kind } = manifest;
  const manager = fieldManagerOf(es.metadata.name);
  const others = before === undefined ? {} : othersOf(before, manager, before.metadata.managedFields);
  const status = before?.['status'];
  return {
    ...merged(others, rendered.content),
    ...{ apiVersion, kind, metadata: metadataOf(es, before, rendered) },
    ...(status === undefined ? {} : { status }),
  };
}

export interface ResourcePlan {
  readonly plan: Plan<Resource>;
  /** What of the object was rendered; undefined: nothing had to be. */
  readonly rendered: RenderedResource | undefined;
}

/** Throws `ProviderProblem` where the template cannot be rendered, or has what such an object has not. */
export function planResource(
  es: ExternalSecret,
  manifest: Manifest,
  resource: Resource | undefined,
  { values, sources }: Material,
): ResourcePlan {
  let rendered: RenderedResource | undefined;
  const plan = planTarget<Resource>(es, resource, {
    words: resourceWords,
    empty: values.size === 0,
    refusal: () => undefined,
    desired: (before) => {
      rendered = renderResource(es, manifest.kind, values, sources);
      return desired(es, manifest, rendered, before);
    },
    differs: (before, after) => !same(contentOf(before), contentOf(after)),
    isImmutable: (before) => before['immutable'] === true,
  });
  return { plan, rendered };
}
