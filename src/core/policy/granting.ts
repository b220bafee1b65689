/** Which policies could let somebody do something: told from the documents alone, before anybody is asked about. */
import { has, type CapabilitySet } from './capability.ts';
import type { Wanted } from './explain.ts';
import { buildMatcher } from './matcher.ts';
import type { Policy, Rule } from './rule.ts';
import { coverOf, STRICT } from './template.ts';

/** What is recovered is granted by `create` with `sudo` too, as a request for it is. */
export const grants = (capabilities: CapabilitySet, wanted: Wanted): boolean =>
  has(capabilities, wanted) || (wanted === 'recover' && has(capabilities, 'create') && has(capabilities, 'sudo'));

/** Whether rules of several policies on one path could grant it together, this one among them. */
export const couldHelp = (policy: Policy, wanted: Wanted, path: string): boolean =>
  wanted === 'recover' && (['create', 'sudo'] as const).some((part) => grantingRules(policy, part, path).length > 0);

/**
 * Its rules that grant what is asked on the full path, whoever fills their templates; another rule may go first. A holder of
 * policies none of which has such a rule, or could help, is refused for sure.
 */
export function grantingRules(policy: Policy, wanted: Wanted, path: string): readonly Rule[] {
  const spellings = path.endsWith('/') ? [path, path.slice(0, -1)] : [path];
  return policy.rules.filter((rule) => {
    if (!grants(rule.capabilities, wanted)) return false;
    const written = rule.templated ? coverOf(rule.path, policy.templates ?? STRICT) : rule.path;
    const matcher = buildMatcher([{ path: policy.namespace + written, value: true }]);
    return spellings.some((each) => (matcher.exact(each) ?? matcher.wildcard(each)) !== undefined);
  });
}
