/** `whitelist`: which objects, and which of their properties, a store of the provider `crd` hands out. */
import { compilePattern } from '../../lib/re2.ts';
import { ProviderProblem } from '../contract.ts';

export interface AllowRule {
  readonly name?: string;
  /** Looked at for a ClusterSecretStore alone. */
  readonly namespace?: string;
  readonly properties?: readonly string[];
}

export interface Wanted {
  readonly name: string;
  /** Undefined: a SecretStore asks. */
  readonly namespace: string | undefined;
  /** Empty: all of the object. */
  readonly property: string;
}

type Test = (text: string) => boolean;

function patternOf(rule: string, pattern: string): Test {
  try {
    return compilePattern(pattern).finds;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'not valid';
    throw new ProviderProblem('invalid', `${rule}: ${why}`);
  }
}

function ruleOf({ name = '', namespace = '', properties = [] }: AllowRule, at: number): (wanted: Wanted) => boolean {
  const where = `whitelist.rules[${String(at)}]`;
  if (name === '' && namespace === '' && properties.length === 0) {
    throw new ProviderProblem('invalid', `${where} has neither name, namespace nor properties`);
  }
  const named = patternOf(`${where}.name`, name);
  const placed = patternOf(`${where}.namespace`, namespace);
  const held = properties.map((each) => patternOf(`${where}.properties`, each));
  return (wanted) =>
    named(wanted.name) &&
    (wanted.namespace === undefined || placed(wanted.namespace)) &&
    (held.length === 0 || (wanted.property !== '' && held.some((each) => each(wanted.property))));
}

/** One rule suffices; without any, all is allowed. Throws `ProviderProblem` for a rule that is none. */
export function allowanceOf(rules: readonly AllowRule[]): (wanted: Wanted) => boolean {
  const compiled = rules.map(ruleOf);
  return (wanted) => compiled.length === 0 || compiled.some((each) => each(wanted));
}
