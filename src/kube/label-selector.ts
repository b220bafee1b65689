/** `metav1.LabelSelector`. */
import { KubernetesProblem } from './problem.ts';

export type Labels = Readonly<Record<string, string>>;

export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly Requirement[];
}

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

function holds({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
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
      throw new KubernetesProblem(`"${operator}" is no operator of a label selector`);
  }
}

/** Whether all of it holds; an empty one selects everything. Throws `KubernetesProblem` for one that is not valid. */
export const selects = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean =>
  Object.entries(matchLabels).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
  matchExpressions.every((each) => holds(each, labels));

/** Kubernetes' own forms (`IsQualifiedName`, `IsValidLabelValue`), by their characters: what has others would be read as more than a label. */
const KEY = /^(?:[a-z0-9.-]+\/)?[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)?$/;

function checked(text: string, form: RegExp): string {
  if (form.test(text)) return text;
  throw new KubernetesProblem(`a label selector names "${text}", which no label can be`);
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['In', 'in'],
  ['NotIn', 'notin'],
]);

function requirementText({ key: given, operator, values = [] }: Requirement): string {
  const key = checked(given, KEY);
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  const word = WORDS.get(operator);
  if (word === undefined) throw new KubernetesProblem(`"${operator}" is no operator of a label selector`);
  if (values.length === 0) throw new KubernetesProblem(`"${operator}" of a label selector needs values`);
  // An API server takes `()` for no value, and `(,)` for the empty one.
  return `${key} ${word} (${values.map((each) => checked(each, VALUE)).join(',') || ','})`;
}

/** As API servers take it in a query; empty for one that selects everything. Throws `KubernetesProblem` for one that is not valid. */
export const selectorText = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string =>
  [
    ...Object.entries(matchLabels).map(([key, value]) => `${checked(key, KEY)}=${checked(value, VALUE)}`),
    ...matchExpressions.map(requirementText),
  ].join(',');
