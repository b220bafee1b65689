/** Whose ExternalSecrets may use a ClusterSecretStore: `spec.conditions`. */
import { selects } from '../../kube/label-selector.ts';
import { compilePattern } from '../../lib/re2.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { StoreCondition } from './definition.ts';

export interface NamespaceNames {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

function matchesPattern(pattern: string, name: string): boolean {
  try {
    return compilePattern(pattern).finds(name);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'not valid';
    throw new ProviderProblem('invalid', `conditions: namespaceRegexes: ${why}`);
  }
}

/** One of them suffices; without any, every namespace may. Throws `ProviderProblem` or `KubernetesProblem` for a condition that is not valid. */
export function mayUse(conditions: readonly StoreCondition[] | undefined, namespace: NamespaceNames): boolean {
  if (conditions === undefined || conditions.length === 0) return true;
  return conditions.some(
    ({ namespaces = [], namespaceSelector, namespaceRegexes = [] }) =>
      namespaces.includes(namespace.name) ||
      (namespaceSelector !== undefined && selects(namespaceSelector, namespace.labels)) ||
      namespaceRegexes.some((each) => matchesPattern(each, namespace.name)),
  );
}
