/** What a token may do, rule by rule, as OpenBao's `sys/internal/ui/resultant-acl` tells its web pages. */
import type { JsonObject } from '../../framework/field.ts';
import type { Acl, PathRule } from './acl.ts';
import { has, type Capability } from './capability.ts';
import type { ParameterRules } from './rule.ts';

/** In the order in which OpenBao shows them; it knows all but the last two. */
const SHOWN: readonly Capability[] = [
  ...(['create', 'delete', 'list', 'read', 'sudo', 'update', 'patch', 'scan'] as const),
  ...(['recover', 'subscribe'] as const),
];

/** Rules with `+` are in neither list, as in OpenBao: whoever reads it takes each path for a text or the beginning of one. */
export function resultantAcl(acl: Acl): JsonObject {
  if (acl.root) return { root: true };
  const told = acl.rules().filter(({ path }) => !path.split('/').includes('+'));
  const [globs, exact] = [told.filter(isGlob), told.filter((rule) => !isGlob(rule))];
  return {
    root: false,
    // From entries, so that a path such as `__proto__` is a key like any other.
    exact_paths: Object.fromEntries(exact.map((rule) => [rule.path, shown(rule)])),
    glob_paths: Object.fromEntries(globs.map((rule) => [rule.path.slice(0, -1), shown(rule)])),
  };
}

const isGlob = ({ path }: PathRule): boolean => path.endsWith('*');

function shown({ capabilities: set, constraints }: PathRule): JsonObject {
  const names = SHOWN.filter((name) => has(set, name));
  // What is refused whatever is asked has no terms.
  if (names.length === 0) return { capabilities: ['deny'] };
  const { allowedParameters, deniedParameters, requiredParameters = [], minWrappingTtl, maxWrappingTtl } = constraints;
  return {
    capabilities: names,
    ...parameters('allowed_parameters', allowedParameters),
    ...parameters('denied_parameters', deniedParameters),
    ...(requiredParameters.length === 0 ? {} : { required_parameters: requiredParameters }),
    ...(minWrappingTtl ? { min_wrapping_ttl: minWrappingTtl } : {}),
    ...(maxWrappingTtl ? { max_wrapping_ttl: maxWrappingTtl } : {}),
  };
}

const parameters = (name: string, rules: ParameterRules | undefined): JsonObject =>
  rules === undefined || rules.size === 0 ? {} : { [name]: Object.fromEntries(rules) };
