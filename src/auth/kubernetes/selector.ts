/** Label selectors, as Kubernetes has them (`metav1.LabelSelector`), in JSON. */
import { fail } from '../../errors.ts';
import { isObject, strictObject } from '../../lib/jwt/strict-json.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

interface Requirement {
  readonly key: string;
  readonly operator: (typeof OPERATORS)[number];
  readonly values: readonly string[];
}

const LONGEST = 16 * 1024;

const invalid = (why: string): Error =>
  fail('badRequest', `invalid "bound_service_account_namespace_selector" configured: ${why}`);

function labelsOf(raw: unknown = {}): readonly Requirement[] {
  if (!isObject(raw)) throw invalid('matchLabels is no object');
  return Object.entries(raw).map(([key, value]) => {
    if (typeof value !== 'string') throw invalid('a label is a string');
    return { key, operator: 'In', values: [value] };
  });
}

function expressionOf(raw: unknown): Requirement {
  if (!isObject(raw)) throw invalid('an expression is an object');
  const { key, operator: name, values = [] } = raw;
  const operator = OPERATORS.find((each) => each === name);
  if (typeof key !== 'string' || key === '') throw invalid('an expression has a key');
  if (operator === undefined) throw invalid(`an operator is one of ${OPERATORS.join(', ')}`);
  const isList = Array.isArray(values) && values.every((each) => typeof each === 'string');
  if (!isList) throw invalid('values are a list of strings');
  const takesValues = operator === 'In' || operator === 'NotIn';
  if (takesValues !== values.length > 0) throw invalid('In and NotIn have values, Exists and DoesNotExist have none');
  return { key, operator, values };
}

/** Throws `badRequest`. One that selects all is refused: `bound_service_account_namespaces=*` says so more plainly. */
export function parseSelector(text: string): readonly Requirement[] {
  const raw = strictObject(text, { length: LONGEST });
  if (raw === undefined) throw invalid('give a label selector in JSON');
  const unknown = Object.keys(raw).some((key) => key !== 'matchLabels' && key !== 'matchExpressions');
  if (unknown) throw invalid('it has matchLabels and matchExpressions alone');
  const { matchLabels, matchExpressions = [] } = raw;
  if (!Array.isArray(matchExpressions)) throw invalid('matchExpressions is no list');
  const all = [...labelsOf(matchLabels), ...matchExpressions.map(expressionOf)];
  if (all.length === 0) throw invalid('it selects every namespace');
  return all;
}

function meets(labels: ReadonlyMap<string, string>, { key, operator, values }: Requirement): boolean {
  const value = labels.get(key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

export function selects(selector: string, labels: ReadonlyMap<string, string>): boolean {
  return parseSelector(selector).every((requirement) => meets(labels, requirement));
}
