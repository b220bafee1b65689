/** Policies by name, and the compiled rights of a set of them. Both are caches over the change batches. */
import { fail } from '../../errors.ts';
import { checkVersion } from '../../framework/check-version.ts';
import { BoundedMap } from '../../lib/bounded-map.ts';
import { defined } from '../../lib/defined.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Store } from '../../storage/store.ts';
import type { Identity, IdentityStore } from '../identity/identity-store.ts';
import { keys, namespaceOfKey, ROOT_NAMESPACE } from '../keys.ts';
import type { NamespaceRecord } from '../namespaces/namespace.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { everyKey } from '../../storage/every-key.ts';
import { compile, defaultPolicy, parsePolicy, type Acl } from './index.ts';
import type { Policy, Rule } from './rule.ts';
import { NAMESPACE_ROOT } from './namespace-root.ts';
import { workloadOf } from './known-workload.ts';
import { STRICT, templateParts, type Subject, type TemplateOptions } from './template.ts';
import { checkWorkloadPath } from './workload.ts';
import { ownDocument } from './wrapping-policy.ts';

interface PolicyRecord {
  readonly name: string;
  readonly text: string;
  /** Absent in what was written before there were versions. */
  readonly version?: number;
  /** Milliseconds since the epoch, as the next one. */
  readonly modified?: number;
  /** From then on it is as if it were not there. */
  readonly expiration?: number;
  readonly casRequired?: boolean;
  /** Somebody has named a version when writing it. */
  readonly checked?: boolean;
  /** What values of its templates may hold. */
  readonly templates?: TemplateOptions;
}

export interface PolicyFacts extends Required<
  Pick<PolicyRecord, 'text' | 'version' | 'casRequired' | 'checked' | 'templates'>
> {
  readonly modified: number | undefined;
  readonly expiration: number | undefined;
}

/** What a write says; what is undefined stays as it was on a patch, and is the default otherwise. */
export interface PolicyChange {
  readonly text?: string | undefined;
  /** The version that it is to replace; 0, or less, where there is to be none. */
  readonly cas?: number | undefined;
  readonly casRequired?: boolean | undefined;
  /** Milliseconds since the epoch. */
  readonly expiration?: number | undefined;
  readonly templates?: Partial<TemplateOptions> | undefined;
}

/** Whose rights are asked for: names of policies mean something in one namespace only. */
export interface Holder {
  /** The id of the namespace that the names belong to. */
  readonly namespace: string;
  readonly policies: readonly string[];
  /** The entity that asks, and its namespace: its policies and its groups' count too. Absent or empty: none. */
  readonly entity?: string;
  readonly entityNamespace?: string;
  /** Of the entity's policies those that count; absent: all. */
  readonly entityPolicies?: readonly string[];
}

export interface PolicyStoreOptions {
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  readonly identities: IdentityStore;
  readonly now: () => number;
}

interface Compiled {
  readonly acl: Acl;
  /** Whom it was compiled for: when anything of it changes there is another one. */
  readonly identity: Identity | undefined;
}

interface Parsed extends Pick<PolicyFacts, 'expiration'> {
  readonly rules: readonly Rule[];
}

const CACHE_LIMIT = 2_000;
const CAS_IS_MISSING = 'check-and-set parameter required for this call';
const BORDER = '\u0000';
/** Names that nobody writes. */
const isReserved = (name: string): boolean => name === 'root' || ownDocument(name) !== undefined;

/** Braces that do not pair up would never be filled, nor names that there are not. */
function checkTemplates(rules: readonly Rule[]): void {
  for (const { path } of rules) checkWorkloadPath(path);
  const found = rules.find(({ templated, path }) => templated && templateParts(path) === undefined);
  if (found === undefined) return;
  throw fail(
    'badRequest',
    `failed to parse policy: path "${found.path}": failed to validate policy templating: unbalanced templating characters`,
  );
}

function factsOf({
  text,
  version = 0,
  modified,
  expiration,
  casRequired = false,
  checked = false,
  templates = STRICT,
}: PolicyRecord): PolicyFacts {
  return { text, version, modified, expiration, casRequired, checked, templates };
}

/** What a change leaves out stays as `base` has it. */
function changed(base: PolicyRecord, { text, casRequired, expiration, templates }: PolicyChange): PolicyRecord {
  const wanted = { ...(base.templates ?? STRICT), ...defined(templates ?? {}) };
  const { templates: _before, ...bare } = base;
  return {
    ...bare,
    ...(wanted.wildcards || wanted.slashes ? { templates: wanted } : {}),
    ...(text === undefined ? {} : { text }),
    ...(casRequired === undefined ? {} : { casRequired }),
    ...(expiration === undefined ? {} : { expiration }),
  };
}

/** No rule outlives its document. */
function rulesOf({ text, expiration: end }: PolicyFacts): readonly Rule[] {
  const rules = parsePolicy(text);
  if (end === undefined) return rules;
  return rules.map((rule) => ({ ...rule, expiration: Math.min(rule.expiration ?? end, end) }));
}

const isMount = (key: string): boolean =>
  namespaceOfKey(key, 's', 'mounts') !== undefined || namespaceOfKey(key, 'l', 'mounts') !== undefined;

/** Nobody may do anything. */
const NOTHING = compile([], 0);

export class PolicyStore implements Disposable {
  readonly #store: Store;
  readonly #namespaces: NamespaceTable;
  readonly #identities: IdentityStore;
  readonly #now: () => number;
  readonly #acls = new BoundedMap<string, Compiled>(CACHE_LIMIT);
  /** Of documents that were asked for, by their key: parsing one costs more than all else of compiling. */
  readonly #rules = new BoundedMap<string, Parsed>(CACHE_LIMIT);
  readonly #observation: Disposable;

  constructor({ store, namespaces, identities, now }: PolicyStoreOptions) {
    this.#store = store;
    this.#namespaces = namespaces;
    this.#identities = identities;
    this.#now = now;
    this.#observation = store.observe((batch) => {
      if (
        batch.reread !== undefined ||
        batch.writes.some(({ key }) => namespaceOfKey(key, 's', 'policies') !== undefined)
      )
        this.#forget();
      // The name of a cluster is that of its mount.
      else if (batch.writes.some(({ key }) => isMount(key))) this.#acls.clear();
    });
  }

  #forget(): void {
    this.#acls.clear();
    this.#rules.clear();
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#forget();
  }

  /** Compiled sets of policies in memory. */
  get cached(): number {
    return this.#acls.size;
  }

  /**
   * The document as it was written; undefined when there is none. `root` is there where shares give a token of it; in the
   * root namespace its document is the empty text.
   */
  get(namespace: string, name: string): string | undefined {
    return this.describe(namespace, name)?.text;
  }

  /** As `get`, with what is known of it. */
  describe(namespace: string, name: string): PolicyFacts | undefined {
    if (name === 'root') return this.#root(namespace);
    const own = ownDocument(name);
    if (own !== undefined) return factsOf({ name, text: own });
    const record = this.#living(recordAt<PolicyRecord>(this.#store, keys.policy(namespace, name)));
    if (record !== undefined) return factsOf(record);
    return name === 'default' ? factsOf({ name, text: defaultPolicy }) : undefined;
  }

  /** Where shares give a token of it: in the root namespace, and in those with a seal of their own. */
  #root(namespace: string): PolicyFacts | undefined {
    if (namespace === ROOT_NAMESPACE) return factsOf({ name: 'root', text: '' });
    const own = recordAt<NamespaceRecord>(this.#store, keys.namespace(namespace))?.domain === namespace;
    return own ? factsOf({ name: 'root', text: NAMESPACE_ROOT }) : undefined;
  }

  #living(record: PolicyRecord | undefined): PolicyRecord | undefined {
    return (record?.expiration ?? Number.POSITIVE_INFINITY) > this.#now() ? record : undefined;
  }

  /** With its rules, for nobody; undefined when there is none. */
  parsed(namespace: string, name: string): Policy | undefined {
    return this.#named(namespace, [name], undefined)[0];
  }

  list(namespace: string): readonly string[] {
    using snapshot = this.#store.snapshot();
    const prefix = keys.policies(namespace);
    const written = [...everyKey(snapshot, prefix)].map((key) => key.slice(prefix.length));
    const living = written.filter((name) => this.describe(namespace, name) !== undefined);
    const always = this.#root(namespace) === undefined ? ['default'] : ['default', 'root'];
    return [...new Set([...living, ...always])].sort();
  }

  /**
   * Throws `badRequest` when the document does not parse, has a rule whose absence would widen it, or is to replace another
   * version than the one that is there. The first write that asks for versions from then on names one too.
   */
  async put(namespace: string, name: string, change: PolicyChange & { readonly text: string }): Promise<void> {
    if (change.casRequired === true && change.cas === undefined) throw fail('badRequest', CAS_IS_MISSING);
    await this.#change({ namespace, name }, change, () => undefined);
  }

  /** Throws `badRequest` when there is none. */
  patch(namespace: string, name: string, change: PolicyChange): Promise<void> {
    return this.#change({ namespace, name }, change, (before) => {
      if (before === undefined) throw fail('badRequest', 'policy not found');
      return before;
    });
  }

  /** `kept`: what of the version before stays, where the change does not say. */
  async #change(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    change: PolicyChange,
    kept: (before: PolicyRecord | undefined) => PolicyRecord | undefined,
  ): Promise<void> {
    if (isReserved(name)) throw fail('badRequest', `cannot update "${name}" policy`);
    if (change.text !== undefined) checkTemplates(parsePolicy(change.text));
    const key = keys.policy(namespace, name);
    await this.#store.transact((tx) => {
      if (namespace !== ROOT_NAMESPACE && !tx.has(keys.namespace(namespace))) throw fail('noNamespace');
      const before = this.#living(recordAt<PolicyRecord>(tx, key));
      const version = before?.version ?? 0;
      // As OpenBao takes them: anything below 0 is nothing too.
      const cas = change.cas === undefined ? undefined : Math.max(change.cas, 0);
      checkVersion({ cas, version, required: before?.casRequired === true });
      const after = changed(kept(before) ?? { name, text: '' }, change);
      const about = {
        version: version + 1,
        modified: this.#now(),
        checked: change.cas !== undefined || before?.checked === true,
      };
      tx.put(key, encodeRecord({ ...after, ...about } satisfies PolicyRecord));
    });
  }

  async delete(namespace: string, name: string): Promise<void> {
    if (isReserved(name) || name === 'default') throw fail('badRequest', `cannot delete "${name}" policy`);
    await this.#store.transact((tx) => {
      tx.delete(keys.policy(namespace, name));
    });
  }

  /**
   * What the policies allow together, in their namespace and below it, with those of the entity in its own. A name without
   * a document allows nothing, nor does any name of a namespace that is gone. An entity that is gone or disabled may do
   * nothing at all.
   */
  acl(holder: Holder): Acl {
    const { namespace, policies: names, entity = '', entityNamespace = namespace } = holder;
    const identity = entity === '' ? undefined : this.#identities.identity(entityNamespace, entity);
    if (entity !== '' && (identity === undefined || identity.record.disabled)) return NOTHING;
    // No document has such a name; with it, one list of names could be taken for another.
    if (names.some((name) => name.includes(BORDER))) {
      return this.acl({ ...holder, policies: names.filter((name) => !name.includes(BORDER)) });
    }
    const now = this.#now();
    const id = setOf(holder);
    const known = this.#acls.get(id);
    if (known !== undefined && known.identity === identity && known.acl.validUntil > now) return known.acl;
    const acl = compile(this.#policiesOf(holder, identity), now);
    this.#acls.set(id, { acl, identity });
    return acl;
  }

  /** As `acl`, for who is an identity only once they have logged in: nothing of it is kept. */
  aclForeseen(namespace: string, policies: readonly string[], identity: Identity | undefined): Acl {
    if (identity?.record.disabled === true) return NOTHING;
    const names = policies.filter((name) => !name.includes(BORDER));
    return compile(this.#policiesOf({ namespace, policies: names }, identity), this.#now());
  }

  #policiesOf(holder: Holder, identity: Identity | undefined): readonly Policy[] {
    const own = this.#named(holder.namespace, holder.policies, identity);
    if (identity === undefined) return own;
    return [...own, ...this.#named(identity.namespace, holder.entityPolicies ?? identity.policies, identity)];
  }

  #named(namespace: string, names: readonly string[], identity: Identity | undefined): readonly Policy[] {
    const path = this.#namespaces.byId(namespace)?.path;
    if (path === undefined) return [];
    const subject = identity === undefined ? undefined : this.#subjectOf(identity, namespace);
    return names.flatMap((name) => {
      const found = this.describe(namespace, name);
      if (found === undefined) return [];
      const { templates, expiration } = found;
      const rules = this.#rulesOf(namespace, name, found);
      return [{ name, namespace: path, rules, templates, expiration, subject }];
    });
  }

  /** A name of a group, and of a cluster, means something in its own namespace only. */
  #subjectOf(identity: Identity, policies: string): Subject {
    const { namespace, record: entity, groups } = identity;
    if (namespace !== policies) return { entity, groups: [] };
    return { entity, groups, workload: workloadOf(this.#store, identity) };
  }

  #rulesOf(namespace: string, name: string, facts: PolicyFacts): readonly Rule[] {
    const key = keys.policy(namespace, name);
    const known = this.#rules.get(key);
    const { expiration } = facts;
    // Where a default policy has ended, the built-in one has its key without a write.
    if (known !== undefined && known.expiration === expiration) return known.rules;
    const rules = rulesOf(facts);
    this.#rules.set(key, { rules, expiration });
    return rules;
  }
}

/** No namespace has such an id, and no policy such a name: each holder has a text of its own, the root's the shortest. */
function setOf({
  namespace,
  policies: names,
  entity = '',
  entityNamespace = namespace,
  entityPolicies,
}: Holder): string {
  const own = namespace === ROOT_NAMESPACE ? names.join(BORDER) : [...names, '', namespace].join(BORDER);
  if (entity === '') return own;
  const ofEntity = `${own}${BORDER}${BORDER}${BORDER}${entityNamespace}${BORDER}${entity}`;
  return entityPolicies === undefined ? ofEntity : [ofEntity, '', '', ...entityPolicies].join(BORDER);
}
