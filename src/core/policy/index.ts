/** Policies: `parsePolicy(document)`, `compile(policies, now)`, `acl.allows(operation, path, details)`. Pure. */
export { compile, isAllowedOutright } from './acl.ts';
export type { Acl, Decision, PathRule } from './acl.ts';
export { resultantAcl } from './resultant.ts';
export type { Capability } from './capability.ts';
export type { ControlFactor, ControlGroup } from './control-group.ts';
export type { Details, PolicyOperation } from './constraints.ts';
export { explain } from './explain.ts';
export type { Explanation } from './explain.ts';
export { defaultPolicy } from './default-policy.ts';
export { parsePolicy } from './parse.ts';
export type { Policy, Rule } from './rule.ts';
