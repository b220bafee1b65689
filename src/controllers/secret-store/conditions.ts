/** Whose ExternalSecrets may use a ClusterSecretStore: `spec.conditions`. */
import { compilePattern } from '../../lib/re2.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { LabelSelector, StoreCondition } from './definition.ts';

export interface NamespaceNames {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

function requirementHolds(
  { key, operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  labels: NamespaceNames['labels'],
): boolean {
  const has = Object.hasOwn(labels, key);
  const value = has ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return has;
    case 'DoesNotExist':
      return !has;
    default:
      throw new ProviderProblem('invalid', `conditions: "${operator}" is no operator of a label selector`);
  }
}

/** `metav1.LabelSelector`: all of it holds; an empty one selects everything. */
const selects = (
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: NamespaceNames['labels'],
): boolean =>
  Object.entries(matchLabels).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
  matchExpressions.every((each) => requirementHolds(each, labels));

function matchesPattern(pattern: string, name: string): boolean {
  try {
    return compilePattern(pattern).finds(name);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'not valid';
    throw new ProviderProblem('invalid', `conditions: namespaceRegexes: ${why}`);
  }
}

/** One of them suffices; without any, every namespace may. Throws `ProviderProblem` for a condition that is not valid. */
export function mayUse(conditions: readonly StoreCondition[] | undefined, namespace: NamespaceNames): boolean {
  if (conditions === undefined || conditions.length === 0) return true;
  return conditions.some(
    ({ namespaces = [], namespaceSelector, namespaceRegexes = [] }) =>
      namespaces.includes(namespace.name) ||
      (namespaceSelector !== undefined && selects(namespaceSelector, namespace.labels)) ||
      namespaceRegexes.some((each) => matchesPattern(each, namespace.name)),
  );
}
