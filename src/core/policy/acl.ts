/**
 * Policies compiled into one decision. Compiling costs what the rules cost, once; a decision costs the segments of its
 * path. An `Acl` never changes: make a new one when a policy changes, or when `validUntil` has passed.
 */
import { capabilityBit, has, namesOf, unite, type CapabilitySet } from './capability.ts';
import { judge, mergeConstraints, type Details, type PolicyOperation, type Verdict } from './constraints.ts';
import { buildMatcher, type Matcher, type Ranked } from './matcher.ts';
import type { Constraints, Policy, Rule } from './rule.ts';
import { coverOf, fillTemplate, namesTime, STRICT } from './template.ts';

export interface Decision {
  readonly allowed: boolean;
  /** The rule grants `sudo`, whatever the operation. Paths of access `root` need it beside `allowed`. */
  readonly sudo: boolean;
  /** The root policy decided: no rule was looked at. */
  readonly root: boolean;
  /** Names of the policies that grant the operation; empty when it is refused. */
  readonly by: readonly string[];
  /** For an allowed LIST or SCAN under a `pagination_limit`: the page size to use in place of the request's. */
  readonly limit?: number;
}

export interface Acl {
  /** Milliseconds since the epoch at which the first rule expires; Infinity when none does. */
  readonly validUntil: number;
  readonly root: boolean;
  /** `path` is the full canonical one: the namespace's path, then the path below `/v1/`. */
  allows(operation: PolicyOperation, path: string, details?: Details): Decision;
  /** As `sys/capabilities` answers: sorted; `["deny"]` for nothing, `["root"]` for the root policy. */
  capabilities(path: string): readonly string[];
  /** Whether a rule says `deny` of the path; not that nothing is granted. */
  denies(path: string): boolean;
  /** All rules, merged by path, in the order of their paths; none of the root policy. */
  rules(): readonly PathRule[];
  /** Whether anything is granted on `prefix` or below it: what `sys/internal/ui/mounts` shows. May err towards true. */
  reaches(prefix: string): boolean;
}

/** What all rules of one path come to. */
export interface PathRule {
  /** From the root namespace on, as it is written, its templates filled. */
  readonly path: string;
  readonly capabilities: CapabilitySet;
  readonly constraints: Constraints;
}

/** All rules of one path, merged. */
interface Merged {
  readonly capabilities: CapabilitySet;
  readonly constraints: Constraints;
  readonly grants: readonly { readonly policy: string; readonly capabilities: CapabilitySet }[];
  /** What an operation that it grants comes to, made when it is first asked for. */
  readonly granted: Map<PolicyOperation, Decision>;
}

const refused: Verdict = Object.freeze({ ok: false });
const nothing: Decision = Object.freeze({ allowed: false, sudo: false, root: false, by: Object.freeze([]) });
const everything: Decision = Object.freeze({ allowed: true, sudo: true, root: true, by: Object.freeze(['root']) });

const rootAcl: Acl = Object.freeze<Acl>({
  validUntil: Number.POSITIVE_INFINITY,
  root: true,
  allows: () => everything,
  capabilities: () => ['root'],
  denies: () => false,
  rules: () => [],
  reaches: () => true,
});

/** `now`: milliseconds since the epoch; rules that have expired by then are left out. */
export function compile(policies: readonly Policy[], now: number): Acl {
  if (policies.some((policy) => policy.name === 'root' && policy.namespace === '')) return rootAcl;
  const merged = new Map<string, Merged>();
  const closed = new Set<string>();
  let validUntil = Number.POSITIVE_INFINITY;
  for (const policy of policies) {
    for (const rule of policy.rules) {
      const expiration = endOf(rule, now);
      if (expiration <= now) continue;
      validUntil = Math.min(validUntil, expiration);
      const path = pathOf(policy, rule, now);
      if (path !== undefined) merged.set(path, merge(merged.get(path), rule, policy.name));
      else if (has(rule.capabilities, 'deny')) {
        closed.add(policy.namespace + coverOf(rule.path, policy.templates ?? STRICT));
      }
    }
  }
  return new CompiledAcl(merged, validUntil, [...closed]);
}

/** A path that names the time is another one in the next second. */
function endOf({ expiration = Number.POSITIVE_INFINITY, templated, path }: Rule, now: number): number {
  return templated && namesTime(path) ? Math.min(expiration, (Math.floor(now / 1000) + 1) * 1000) : expiration;
}

/** From the root namespace on; undefined when its template cannot be filled: it grants nothing then. */
function pathOf({ namespace, templates = STRICT, subject }: Policy, rule: Rule, now: number): string | undefined {
  const path = rule.templated ? fillTemplate(rule.path, { subject, options: templates, now }) : rule.path;
  return path === undefined ? undefined : namespace + path;
}

function merge(known: Merged | undefined, rule: Rule, policy: string): Merged {
  const constraints = has(rule.capabilities, 'subscribe')
    ? rule.constraints
    : { ...rule.constraints, subscribeEventTypes: [] };
  const grant = { policy, capabilities: rule.capabilities };
  const granted = new Map<PolicyOperation, Decision>();
  if (known === undefined) return { capabilities: rule.capabilities, constraints, grants: [grant], granted };
  return {
    capabilities: unite(known.capabilities, rule.capabilities),
    constraints: mergeConstraints(known.constraints, constraints),
    grants: [...known.grants, grant],
    granted,
  };
}

class CompiledAcl implements Acl {
  readonly validUntil: number;
  readonly root = false;
  readonly #merged: ReadonlyMap<string, Merged>;
  /** Paths of rules that grant something. */
  readonly #granting: readonly string[];
  readonly #matcher: Matcher<Merged>;
  /** Of rules that deny and whose templates cannot be filled: they deny all that they could be filled with. */
  readonly #closed: Matcher<true> | undefined;

  constructor(merged: ReadonlyMap<string, Merged>, validUntil: number, closed: readonly string[]) {
    this.validUntil = validUntil;
    this.#merged = merged;
    this.#closed = closed.length === 0 ? undefined : buildMatcher(closed.map((path) => ({ path, value: true })));
    this.#granting = [...merged].filter(([, { capabilities }]) => grantsAnything(capabilities)).map(([path]) => path);
    this.#matcher = buildMatcher([...merged].map(([path, value]) => ({ path, value })));
  }

  allows(operation: PolicyOperation, path: string, details: Details = {}): Decision {
    const rule = this.#ruleForEither(path);
    if (rule === undefined) return nothing;
    const verdict = has(rule.capabilities, operation) ? judge(rule.constraints, operation, details) : refused;
    if (!verdict.ok) return has(rule.capabilities, 'sudo') ? { ...nothing, sudo: true } : nothing;
    const decision = grantedBy(rule, operation);
    return verdict.limit === undefined ? decision : { ...decision, limit: verdict.limit };
  }

  capabilities(path: string): readonly string[] {
    return namesOf(this.#ruleForEither(path)?.capabilities ?? 0);
  }

  denies(path: string): boolean {
    return this.#isClosed(path) || has(this.#ruleForEither(path)?.capabilities ?? 0, 'deny');
  }

  rules(): readonly PathRule[] {
    return [...this.#merged]
      .map(([path, { capabilities, constraints }]) => ({ path, capabilities, constraints }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  reaches(prefix: string): boolean {
    const here = this.#ruleForEither(prefix)?.capabilities ?? 0;
    return grantsAnything(here) || this.#granting.some((path) => liesBelow(path, prefix));
  }

  /** In either spelling: nothing goes first before these. */
  #isClosed(path: string): boolean {
    const closed = this.#closed;
    if (closed === undefined) return false;
    const bare = path.endsWith('/') ? path.slice(0, -1) : path;
    return [path, bare].some((each) => (closed.exact(each) ?? closed.wildcard(each)) !== undefined);
  }

  #ruleFor(path: string): Merged | undefined {
    return (this.#matcher.exact(path) ?? this.#matcher.wildcard(path))?.value;
  }

  /**
   * A LIST names a folder with a closing slash, and rules for folders are written with and without it. An exact rule
   * goes first, with the slash before without it; else, of the wildcard rules that match either form, the one that goes
   * first: so a deny on `a/b/*` holds for a LIST of `a/b/` although `a/*` matches `a/b` (GHSA-xp3c-3jw3-4vcr).
   *
   * So it is for every operation, since `sys/seal/` reaches what `sys/seal` does: a deny holds for both spellings.
   */
  #ruleForEither(path: string): Merged | undefined {
    if (this.#closed !== undefined && this.#isClosed(path)) return undefined;
    if (!path.endsWith('/')) return this.#ruleFor(path);
    const bare = path.slice(0, -1);
    const exact = this.#matcher.exact(path) ?? this.#matcher.exact(bare);
    if (exact !== undefined) return exact.value;
    return higher(this.#matcher.wildcard(path), this.#matcher.wildcard(bare))?.value;
  }
}

function higher<T>(one: Ranked<T> | undefined, other: Ranked<T> | undefined): Ranked<T> | undefined {
  return (other?.rank ?? -1) > (one?.rank ?? -1) ? other : one;
}

function grantedBy(rule: Merged, operation: PolicyOperation): Decision {
  const known = rule.granted.get(operation);
  if (known !== undefined) return known;
  const bit = capabilityBit(operation);
  const by = new Set(rule.grants.filter((grant) => (grant.capabilities & bit) !== 0).map((grant) => grant.policy));
  const made: Decision = { allowed: true, sudo: has(rule.capabilities, 'sudo'), root: false, by: [...by] };
  rule.granted.set(operation, made);
  return made;
}

function grantsAnything(set: CapabilitySet): boolean {
  return set !== 0 && !has(set, 'deny');
}

/** The rule's segments begin with those of `prefix`, `+` standing for any of them. */
function liesBelow(path: string, prefix: string): boolean {
  const rule = (path.endsWith('*') ? path.slice(0, -1) : path).split('/');
  const wanted = prefix.split('/');
  if (wanted.length > rule.length) return false;
  return wanted.every((segment, at) => {
    const own = rule[at] ?? '';
    return own === '+' || (at === wanted.length - 1 ? own.startsWith(segment) : own === segment);
  });
}
