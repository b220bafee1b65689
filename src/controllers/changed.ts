/** Whether an object is another than before in what a look at it depends on: its status is of no interest. */
import type { KubernetesObject } from '../kube/objects.ts';
import { canonicalJson } from '../lib/canonical-json.ts';

function seen({ metadata }: KubernetesObject): string {
  const { uid, generation, labels, annotations, finalizers, deletionTimestamp } = metadata;
  return canonicalJson({ uid, generation, labels, annotations, finalizers, deletionTimestamp });
}

/** As a watch tells it: undefined for what is not there. */
export const changed = (now: KubernetesObject | undefined, before: KubernetesObject | undefined): boolean =>
  now === undefined || before === undefined || seen(now) !== seen(before);
