/** `metadata` of a PushSecret: labels and annotations of the Secret that is made, by the rules of External Secrets Operator, and where it lies. */
import { ProviderProblem, type PushedFrom } from '../contract.ts';
import { readMetadata } from '../push-metadata.ts';

const FIELDS = {
  labels: 'texts',
  annotations: 'texts',
  remoteNamespace: 'text',
  sourceMergePolicy: ['Merge', 'Replace'],
  targetMergePolicy: ['Merge', 'Replace', 'Ignore'],
} as const;

export const kubernetesFields = Object.keys(FIELDS);

/** Throws `ProviderProblem`. */
export const kubernetesMetadata = (metadata: unknown) => readMetadata(metadata, FIELDS);

const NONE: PushedFrom = { labels: {}, annotations: {} };
const BOTH = ['labels', 'annotations'] as const;

/** What the Secret should have; `before`: what it has. The metadata go before what the pushed Secret has, that before what is there. */
export function marksOf(metadata: unknown, from: PushedFrom = NONE, before: Partial<PushedFrom> = NONE): PushedFrom {
  const { sourceMergePolicy = 'Merge', targetMergePolicy = 'Merge', ...given } = kubernetesMetadata(metadata);
  const one = (field: (typeof BOTH)[number]): Readonly<Record<string, string>> => {
    const source = sourceMergePolicy === 'Replace' ? {} : from[field];
    const own = { ...source, ...given[field] };
    if (targetMergePolicy === 'Ignore') return before[field] ?? {};
    return targetMergePolicy === 'Replace' ? own : { ...before[field], ...own };
  };
  return { labels: one('labels'), annotations: one('annotations') };
}

/** The namespace that the metadata name in place of the store's: for the stores of a cluster alone. Throws `ProviderProblem`. */
export function namespaceFor(metadata: unknown, own: string, kind: string): string {
  const { remoteNamespace = '' } = kubernetesMetadata(metadata);
  if (remoteNamespace === '') return own;
  if (kind === 'ClusterSecretStore') return remoteNamespace;
  throw new ProviderProblem('invalid', 'metadata.spec.remoteNamespace is for a ClusterSecretStore alone');
}
