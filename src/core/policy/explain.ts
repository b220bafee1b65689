/** Why something is allowed or not, and by which line: what a decision looks at, told for people. */
import { has, namesOf, type CapabilitySet } from './capability.ts';
import type { Acl, Deciding, Source } from './acl.ts';
import { judge, type Details, type PolicyOperation } from './constraints.ts';
import type { Constraints } from './rule.ts';

/** What is asked: beside operations, whether `sudo` is granted. */
export type Wanted = PolicyOperation | 'sudo';

export const WANTED: readonly Wanted[] = Object.freeze([
  ...(['create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'subscribe', 'recover', 'sudo'] as const),
]);

export interface Explanation {
  readonly allowed: boolean;
  readonly reason: string;
  /** It is allowed once others have approved it. */
  readonly controlled: boolean;
  /** The rules that decide; empty for the root policy, and where none matches. */
  readonly rules: readonly ExplainedRule[];
}

export interface ExplainedRule {
  readonly policy: string;
  /** The path of its namespace; empty for the root one. */
  readonly namespace: string;
  /** As it is written in the policy, and where. */
  readonly path: string;
  readonly line: number;
  readonly capabilities: readonly string[];
  readonly effect: 'grants' | 'denies' | 'silent';
}

/** `path`: the full canonical one, as for `Acl.allows`. Says what `acl.allows` decides. */
export function explain(acl: Acl, wanted: Wanted, path: string, details: Details = {}): Explanation {
  if (acl.root) return { allowed: true, reason: 'the root policy allows everything', controlled: false, rules: [] };
  const deciding = acl.deciding(path);
  if (deciding === undefined)
    return { allowed: false, reason: 'no rule matches the path', controlled: false, rules: [] };
  const denied = has(deciding.capabilities, 'deny');
  const rules = deciding.sources.map((source) => ruleOf(source, wanted));
  const { allowed, reason } = verdict(deciding, { wanted, details });
  const controlled = allowed && needsApproval(acl, path, { wanted, details });
  const told = controlled ? `${reason}, once its control group has approved it` : reason;
  return { allowed, reason: told, controlled, rules: denied ? onlyDenials(rules) : rules };
}

function needsApproval(
  acl: Acl,
  path: string,
  { wanted, details }: { readonly wanted: Wanted; readonly details: Details },
): boolean {
  if (wanted !== 'sudo') return acl.allows(wanted, path, details).control !== undefined;
  const { controlGroup } = acl.deciding(path)?.constraints ?? {};
  return controlGroup?.factors.some(({ capabilities }) => capabilities === 0 || has(capabilities, 'sudo')) === true;
}

const onlyDenials = (rules: readonly ExplainedRule[]): readonly ExplainedRule[] =>
  rules.map((rule) => (rule.effect === 'grants' ? { ...rule, effect: 'silent' } : rule));

function verdict(
  deciding: Deciding,
  { wanted, details }: { readonly wanted: Wanted; readonly details: Details },
): Pick<Explanation, 'allowed' | 'reason'> {
  const { path, capabilities, constraints } = deciding;
  const refused = (reason: string) => ({ allowed: false, reason });
  if (has(capabilities, 'deny')) return refused(`"deny" is said of ${path}`);
  if (!has(capabilities, wanted)) {
    const granted = capabilities === 0 ? 'nothing' : namesOf(capabilities).join(', ');
    return refused(`the rules that go first are those of ${path}: they grant ${granted}, not ${wanted}`);
  }
  if (wanted === 'sudo' || judge(constraints, wanted, details).ok) {
    return { allowed: true, reason: `${path} grants ${wanted}` };
  }
  return refused(`${path} grants ${wanted}, but ${broken(constraints, wanted, details)}`);
}

function ruleOf({ policy, rule }: Source, wanted: Wanted): ExplainedRule {
  return {
    policy: policy.name,
    namespace: policy.namespace,
    path: rule.path,
    line: rule.line,
    capabilities: namesOf(rule.capabilities),
    effect: effectOf(rule.capabilities, wanted),
  };
}

function effectOf(capabilities: CapabilitySet, wanted: Wanted): ExplainedRule['effect'] {
  if (has(capabilities, 'deny')) return 'denies';
  return has(capabilities, wanted) ? 'grants' : 'silent';
}

/** By the names that policies have for them. */
const PARTS: readonly (readonly [string, readonly (keyof Constraints)[]])[] = [
  ['allowed_parameters', ['allowedParameters']],
  ['denied_parameters', ['deniedParameters']],
  ['required_parameters', ['requiredParameters']],
  ['min_wrapping_ttl and max_wrapping_ttl', ['minWrappingTtl', 'maxWrappingTtl']],
  ['pagination_limit', ['paginationLimit', 'requiredParameters']],
  ['subscribe_event_types', ['subscribeEventTypes']],
];

/** Each is looked at alone: the first that would refuse by itself is named. */
function broken(constraints: Constraints, operation: PolicyOperation, details: Details): string {
  const part = PARTS.find(([, keys]) => {
    const alone = Object.fromEntries(Object.entries(constraints).filter(([key]) => keys.some((each) => each === key)));
    return !judge(alone, operation, details).ok;
  });
  return `the request does not keep to its ${part?.[0] ?? 'parameters'}`;
}
