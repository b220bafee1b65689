/**
 * Policies compiled into one decision. Compiling costs what the rules cost, once; a decision costs the segments of its
 * path. An `Acl` never changes: make a new one when a policy changes, or when `validUntil` has passed.
 */
import { defined } from '../../lib/defined.ts';
import { capabilityBit, has, namesOf, unite, type CapabilitySet } from './capability.ts';
import { controlOf, mergeControls, type ControlFactor, type ControlGroup } from './control-group.ts';
import { judge, mergeConstraints, type Details, type PolicyOperation, type Verdict } from './constraints.ts';
import type { KeysTemplate } from './keys-template.ts';
import { buildMatcher, type Matcher, type Ranked } from './matcher.ts';
import type { Constraints, Policy, Rule } from './rule.ts';
import { coverOf, fillTemplate, namesTime, STRICT } from './template.ts';

export interface Decision {
  readonly allowed: boolean;
  /**
   * The rule grants `sudo`, whatever the operation. Paths of access `root` need it beside `allowed`. Where `sudo` needs an
   * approval it counts for requests that ask for it as such (`Details.sudo`), which wait for that.
   */
  readonly sudo: boolean;
  /** The root policy decided: no rule was looked at. */
  readonly root: boolean;
  /** Names of the policies that grant the operation; empty when it is refused. */
  readonly by: readonly string[];
  /** For an allowed LIST or SCAN under a `pagination_limit`: the page size to use in place of the request's. */
  readonly limit?: number;
  /** For an allowed LIST or SCAN: only the keys are shown that the caller reaches. */
  readonly keysFilter?: KeysTemplate;
  /** It is allowed once these have approved it, and not before. */
  readonly control?: ControlGroup;
}

/** A rule, and the policy that it stands in. */
export interface Source {
  readonly policy: Policy;
  readonly rule: Rule;
}

/** What decides over a path: the rules of the one path that goes first, together. */
export interface Deciding {
  /** From the root namespace on, its template filled. */
  readonly path: string;
  readonly capabilities: CapabilitySet;
  readonly constraints: Constraints;
  readonly sources: readonly Source[];
}

/** Whether it is allowed as it is, and nobody has to approve it: what cannot wait is refused. */
export const isAllowedOutright = ({ allowed, control }: Decision): boolean => allowed && control === undefined;

export interface Acl {
  /** Milliseconds since the epoch at which the first rule expires; Infinity when none does. */
  readonly validUntil: number;
  readonly root: boolean;
  /** Whether anything needs an approval. */
  readonly controlled: boolean;
  /** `path` is the full canonical one: the namespace's path, then the path below `/v1/`. */
  allows(operation: PolicyOperation, path: string, details?: Details): Decision;
  /** As `sys/capabilities` answers: sorted; `["deny"]` for nothing, `["root"]` for the root policy. */
  capabilities(path: string): readonly string[];
  /** Whether a rule says `deny` of the path; not that nothing is granted. */
  denies(path: string): boolean;
  /** All rules, merged by path, in the order of their paths; none of the root policy. */
  rules(): readonly PathRule[];
  /** For explanations; undefined where no rule matches, and for the root policy. */
  deciding(path: string): Deciding | undefined;
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
  readonly sources: readonly Source[];
  /** What an operation that it grants comes to, made when it is first asked for. */
  readonly granted: Map<PolicyOperation, Decision>;
}

const refused: Verdict = Object.freeze({ ok: false });
const nothing: Decision = Object.freeze({ allowed: false, sudo: false, root: false, by: Object.freeze([]) });
const everything: Decision = Object.freeze({ allowed: true, sudo: true, root: true, by: Object.freeze(['root']) });

const rootAcl: Acl = Object.freeze<Acl>({
  validUntil: Number.POSITIVE_INFINITY,
  root: true,
  controlled: false,
  allows: () => everything,
  capabilities: () => ['root'],
  denies: () => false,
  rules: () => [],
  deciding: () => undefined,
  reaches: () => true,
});

/** `now`: milliseconds since the epoch; rules that have expired by then are left out. */
export function compile(policies: readonly Policy[], now: number): Acl {
  if (policies.some((policy) => policy.name === 'root' && policy.namespace === '')) return rootAcl;
  const merged = new Map<string, Merged>();
  const closed = new Map<string, readonly Source[]>();
  let validUntil = Number.POSITIVE_INFINITY;
  for (const policy of policies) {
    // Also of one without rules: what takes its place may have some.
    validUntil = Math.min(validUntil, policy.expiration ?? Number.POSITIVE_INFINITY);
    for (const rule of policy.rules) {
      const expiration = endOf(rule, now);
      if (expiration <= now) continue;
      validUntil = Math.min(validUntil, expiration);
      const path = pathOf(policy, rule, now);
      if (path !== undefined) merged.set(path, merge(merged.get(path), { policy, rule }));
      else if (narrows(rule)) {
        const cover = policy.namespace + coverOf(rule.path, policy.templates ?? STRICT);
        closed.set(cover, [...(closed.get(cover) ?? []), { policy, rule }]);
      }
    }
  }
  return new CompiledAcl(merged, validUntil, closed);
}

/** Without it there would be more that is allowed: what it covers is refused when it cannot be told. */
const narrows = ({ capabilities, constraints }: Rule): boolean =>
  has(capabilities, 'deny') || constraints.controlGroup !== undefined;

/** A path that names the time is another one in the next second. */
function endOf({ expiration = Number.POSITIVE_INFINITY, templated, path }: Rule, now: number): number {
  return templated && namesTime(path) ? Math.min(expiration, (Math.floor(now / 1000) + 1) * 1000) : expiration;
}

/** From the root namespace on; undefined when its template cannot be filled: it grants nothing then. */
function pathOf({ namespace, templates = STRICT, subject }: Policy, rule: Rule, now: number): string | undefined {
  const path = rule.templated ? fillTemplate(rule.path, { subject, options: templates, now }) : rule.path;
  return path === undefined ? undefined : namespace + path;
}

/** Groups are those of the policy's namespace. */
function constraintsOf({ policy: { namespace }, rule: { constraints } }: Source): Constraints {
  const { controlGroup: control } = constraints;
  if (control === undefined) return constraints;
  const factors = control.factors.map((factor) => ({ ...factor, namespace }));
  return { ...constraints, controlGroup: { ...control, factors } };
}

function merge(known: Merged | undefined, source: Source): Merged {
  const { rule } = source;
  const own = constraintsOf(source);
  const constraints = has(rule.capabilities, 'subscribe') ? own : { ...own, subscribeEventTypes: [] };
  const granted = new Map<PolicyOperation, Decision>();
  if (known === undefined) return { capabilities: rule.capabilities, constraints, sources: [source], granted };
  return {
    capabilities: unite(known.capabilities, rule.capabilities),
    constraints: mergeConstraints(known.constraints, constraints),
    sources: [...known.sources, source],
    granted,
  };
}

class CompiledAcl implements Acl {
  readonly validUntil: number;
  readonly root = false;
  readonly #merged: ReadonlyMap<string, Merged>;
  readonly controlled: boolean;
  /** Paths of rules that grant something. */
  readonly #granting: readonly string[];
  readonly #matcher: Matcher<Merged>;
  /** Of rules that deny and whose templates cannot be filled: they deny all that they could be filled with. */
  readonly #closed: Matcher<readonly Source[]> | undefined;

  constructor(merged: ReadonlyMap<string, Merged>, validUntil: number, closed: ReadonlyMap<string, readonly Source[]>) {
    this.validUntil = validUntil;
    this.#merged = merged;
    this.#closed = closed.size === 0 ? undefined : buildMatcher([...closed].map(([path, value]) => ({ path, value })));
    this.#granting = [...merged].filter(([, { capabilities }]) => grantsAnything(capabilities)).map(([path]) => path);
    this.controlled = [...merged.values()].some(({ constraints }) => constraints.controlGroup !== undefined);
    this.#matcher = buildMatcher([...merged].map(([path, value]) => ({ path, value })));
  }

  allows(operation: PolicyOperation, path: string, details: Details = {}): Decision {
    const rule = this.#ruleForEither(path);
    if (rule === undefined) return nothing;
    const verdict = has(rule.capabilities, operation) ? judge(rule.constraints, operation, details) : refused;
    if (!verdict.ok) return this.#refusal(rule, path);
    const decision = grantedBy(rule, operation);
    const { limit, keysFilter } = verdict;
    const narrowed =
      limit === undefined && keysFilter === undefined ? decision : { ...decision, ...defined({ limit, keysFilter }) };
    return this.controlled ? this.#withControl(narrowed, path, { operation, sudo: details.sudo === true }) : narrowed;
  }

  #refusal(rule: Merged, path: string): Decision {
    if (!has(rule.capabilities, 'sudo') || this.#controlOf(path)?.factors.some(controlsSudo) === true) return nothing;
    return { ...nothing, sudo: true };
  }

  /** A rule for a path holds for it with a closing slash too, also beside a rule for that: it leads to the same place. */
  #controlOf(path: string): ControlGroup | undefined {
    if (!this.controlled) return undefined;
    const own = this.#ruleForEither(path);
    const bare = path.endsWith('/') ? this.#matcher.exact(path.slice(0, -1))?.value : undefined;
    const also = bare === own ? undefined : bare?.constraints.controlGroup;
    return mergeControls(own?.constraints.controlGroup, also);
  }

  #withControl(
    decision: Decision,
    path: string,
    { operation, sudo }: { readonly operation: PolicyOperation; readonly sudo: boolean },
  ): Decision {
    const all = this.#controlOf(path);
    if (all === undefined) return decision;
    const control = controlOf(all, capabilityBit(operation), sudo ? capabilityBit('sudo') : 0);
    const free = sudo || !all.factors.some(controlsSudo);
    return { ...decision, sudo: decision.sudo && free, ...(control === undefined ? {} : { control }) };
  }

  capabilities(path: string): readonly string[] {
    return namesOf(this.#ruleForEither(path)?.capabilities ?? 0);
  }

  deciding(path: string): Deciding | undefined {
    const closed = this.#closedBy(path);
    if (closed !== undefined) {
      return { path: closed.path, capabilities: capabilityBit('deny'), constraints: {}, sources: closed.value };
    }
    const found = this.#rankedForEither(path);
    return found === undefined ? undefined : { ...found.value, path: found.path };
  }

  denies(path: string): boolean {
    return this.#closedBy(path) !== undefined || has(this.#ruleForEither(path)?.capabilities ?? 0, 'deny');
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
  #closedBy(path: string): Ranked<readonly Source[]> | undefined {
    const closed = this.#closed;
    if (closed === undefined) return undefined;
    const bare = path.endsWith('/') ? path.slice(0, -1) : path;
    return closed.exact(path) ?? closed.wildcard(path) ?? closed.exact(bare) ?? closed.wildcard(bare);
  }

  /**
   * A LIST names a folder with a closing slash, and rules for folders are written with and without it. An exact rule
   * goes first, with the slash before without it; else, of the wildcard rules that match either form, the one that goes
   * first: so a deny on `a/b/*` holds for a LIST of `a/b/` although `a/*` matches `a/b` (GHSA-xp3c-3jw3-4vcr).
   *
   * So it is for every operation, since `sys/seal/` reaches what `sys/seal` does: a deny holds for both spellings.
   */
  #rankedForEither(path: string): Ranked<Merged> | undefined {
    if (!path.endsWith('/')) return this.#matcher.exact(path) ?? this.#matcher.wildcard(path);
    const bare = path.slice(0, -1);
    const exact = this.#matcher.exact(path) ?? this.#matcher.exact(bare);
    return exact ?? higher(this.#matcher.wildcard(path), this.#matcher.wildcard(bare));
  }

  #ruleForEither(path: string): Merged | undefined {
    if (this.#closed !== undefined && this.#closedBy(path) !== undefined) return undefined;
    return this.#rankedForEither(path)?.value;
  }
}

const controlsSudo = ({ capabilities }: ControlFactor): boolean => has(capabilities, 'sudo');

function higher<T>(one: Ranked<T> | undefined, other: Ranked<T> | undefined): Ranked<T> | undefined {
  return (other?.rank ?? -1) > (one?.rank ?? -1) ? other : one;
}

function grantedBy(rule: Merged, operation: PolicyOperation): Decision {
  const known = rule.granted.get(operation);
  if (known !== undefined) return known;
  const bit = capabilityBit(operation);
  const granting = rule.sources.filter((source) => (source.rule.capabilities & bit) !== 0);
  const by = new Set(granting.map(({ policy }) => policy.name));
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
