/** Which policies could let somebody do something: told from the documents alone, before anybody is asked about. */
import { has } from './capability.ts';
import type { Wanted } from './explain.ts';
import { buildMatcher } from './matcher.ts';
import type { Policy, Rule } from './rule.ts';
import { coverOf, STRICT } from './template.ts';

/**
 * Its rules that grant what is asked on the full path, whoever fills their templates; another rule may go first. A holder of
 * policies none of which has such a rule is refused for sure.
 */
export function grantingRules(policy: Policy, wanted: Wanted, path: string): readonly Rule[] {
  const spellings = path.endsWith('/') ? [path, path.slice(0, -1)] : [path];
  return policy.rules.filter((rule) => {
    if (!has(rule.capabilities, wanted)) return false;
    const written = rule.templated ? coverOf(rule.path, policy.templates ?? STRICT) : rule.path;
    const matcher = buildMatcher([{ path: policy.namespace + written, value: true }]);
    return spellings.some((each) => (matcher.exact(each) ?? matcher.wildcard(each)) !== undefined);
  });
}
