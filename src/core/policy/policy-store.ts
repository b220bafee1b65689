/** Policies by name, and the compiled rights of a set of them. Both are caches over the change batches. */
import { fail } from '../../errors.ts';
import { decodeFound, encodeRecord } from '../../lib/record.ts';
import type { Store } from '../../storage/store.ts';
import { keys, namespaceOfKey, ROOT_NAMESPACE } from '../keys.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { everyKey } from '../../storage/every-key.ts';
import { compile, defaultPolicy, parsePolicy, type Acl } from './index.ts';
import { has } from './capability.ts';
import type { Rule } from './rule.ts';
import { WRAPPING_POLICY, wrappingPolicy } from './wrapping-policy.ts';

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
}

export interface PolicyFacts extends Required<Pick<PolicyRecord, 'text' | 'version' | 'casRequired' | 'checked'>> {
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
}

/** Whose rights are asked for: names of policies mean something in one namespace only. */
export interface Holder {
  /** The id of the namespace that the names belong to. */
  readonly namespace: string;
  readonly policies: readonly string[];
}

const CACHE_LIMIT = 2_000;
const BORDER = '\u0000';
/** Names that nobody writes. */
const RESERVED = new Set(['root', WRAPPING_POLICY]);

/**
 * A templated rule matches nothing: one that denies, or grants less than a broader rule, would silently not narrow. Below
 * `identity/`, where nothing is mounted, a grant does no harm, and Vault's own `default` has some.
 */
function refuseTemplates(rules: readonly Rule[]): void {
  const found = rules.find(
    ({ templated, path, capabilities }) => templated && (has(capabilities, 'deny') || !/^identity\/[^{]*\//.test(path)),
  );
  if (found === undefined) return;
  throw fail('badRequest', `templated policy paths are not offered, and without it more is allowed: "${found.path}"`);
}

function factsOf({
  text,
  version = 0,
  modified,
  expiration,
  casRequired = false,
  checked = false,
}: PolicyRecord): PolicyFacts {
  return { text, version, modified, expiration, casRequired, checked };
}

function checkVersion(before: PolicyRecord | undefined, cas: number | undefined): void {
  if (cas === undefined) {
    if (before?.casRequired === true) throw fail('badRequest', 'check-and-set parameter required for this call');
    return;
  }
  const version = before?.version ?? 0;
  if (Math.max(cas, 0) === version) return;
  throw fail(
    'badRequest',
    `check-and-set parameter ${String(cas)} did not match the current version ${String(version)}`,
  );
}

/** What a change leaves out stays as `base` has it. */
function changed(base: PolicyRecord, { text, casRequired, expiration }: PolicyChange): PolicyRecord {
  return {
    ...base,
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

export class PolicyStore implements Disposable {
  readonly #store: Store;
  readonly #namespaces: NamespaceTable;
  readonly #now: () => number;
  readonly #acls = new Map<string, Acl>();
  readonly #observation: Disposable;

  constructor(store: Store, namespaces: NamespaceTable, now: () => number) {
    this.#store = store;
    this.#namespaces = namespaces;
    this.#now = now;
    this.#observation = store.observe((batch) => {
      if (batch.writes.some(({ key }) => namespaceOfKey(key, 's', 'policies') !== undefined)) this.#acls.clear();
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#acls.clear();
  }

  /** Compiled sets of policies in memory. */
  get cached(): number {
    return this.#acls.size;
  }

  /**
   * The document as it was written; undefined when there is none. `root`, which is in the root namespace alone, has no
   * document: the empty text.
   */
  get(namespace: string, name: string): string | undefined {
    return this.describe(namespace, name)?.text;
  }

  /** As `get`, with what is known of it. */
  describe(namespace: string, name: string): PolicyFacts | undefined {
    if (name === 'root') return namespace === ROOT_NAMESPACE ? factsOf({ name, text: '' }) : undefined;
    if (name === WRAPPING_POLICY) return factsOf({ name, text: wrappingPolicy });
    const record = this.#living(decodeFound<PolicyRecord>(this.#store.get(keys.policy(namespace, name))));
    if (record !== undefined) return factsOf(record);
    return name === 'default' ? factsOf({ name, text: defaultPolicy }) : undefined;
  }

  #living(record: PolicyRecord | undefined): PolicyRecord | undefined {
    return (record?.expiration ?? Number.POSITIVE_INFINITY) > this.#now() ? record : undefined;
  }

  list(namespace: string): readonly string[] {
    using snapshot = this.#store.snapshot();
    const prefix = keys.policies(namespace);
    const written = [...everyKey(snapshot, prefix)].map((key) => key.slice(prefix.length));
    const living = written.filter((name) => this.describe(namespace, name) !== undefined);
    const always = namespace === ROOT_NAMESPACE ? ['default', 'root'] : ['default'];
    return [...new Set([...living, ...always])].sort();
  }

  /**
   * Throws `badRequest` when the document does not parse, has a rule whose absence would widen it, or is to replace another
   * version than the one that is there.
   */
  put(namespace: string, name: string, change: PolicyChange & { readonly text: string }): Promise<void> {
    return this.#change({ namespace, name }, change, () => undefined);
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
    if (RESERVED.has(name)) throw fail('badRequest', `cannot update "${name}" policy`);
    if (change.text !== undefined) refuseTemplates(parsePolicy(change.text));
    const key = keys.policy(namespace, name);
    await this.#store.transact((tx) => {
      if (namespace !== ROOT_NAMESPACE && !tx.has(keys.namespace(namespace))) throw fail('noNamespace');
      const before = this.#living(decodeFound<PolicyRecord>(tx.get(key)));
      checkVersion(before, change.cas);
      const after = changed(kept(before) ?? { name, text: '' }, change);
      const about = {
        version: (before?.version ?? 0) + 1,
        modified: this.#now(),
        checked: change.cas !== undefined || before?.checked === true,
      };
      tx.put(key, encodeRecord({ ...after, ...about } satisfies PolicyRecord));
    });
  }

  async delete(namespace: string, name: string): Promise<void> {
    if (RESERVED.has(name) || name === 'default') throw fail('badRequest', `cannot delete "${name}" policy`);
    await this.#store.transact((tx) => {
      tx.delete(keys.policy(namespace, name));
    });
  }

  /**
   * What the policies allow together, in their namespace and below it. A name without a document allows nothing, nor does
   * any name of a namespace that is gone.
   */
  acl({ namespace, policies: names }: Holder): Acl {
    const now = this.#now();
    // No document has such a name; with it, one list of names could be taken for another.
    if (names.some((name) => name.includes(BORDER))) {
      return this.acl({ namespace, policies: names.filter((name) => !name.includes(BORDER)) });
    }
    // No namespace has such an id: the root one is meant by none.
    const id = namespace === ROOT_NAMESPACE ? names.join(BORDER) : [...names, '', namespace].join(BORDER);
    const known = this.#acls.get(id);
    if (known !== undefined && known.validUntil > now) return known;
    const path = this.#namespaces.byId(namespace)?.path;
    const acl = compile(
      names.flatMap((name) => {
        const found = path === undefined ? undefined : this.describe(namespace, name);
        return found === undefined ? [] : [{ name, namespace: path ?? '', rules: rulesOf(found) }];
      }),
      now,
    );
    if (this.#acls.size >= CACHE_LIMIT) this.#acls.clear();
    this.#acls.set(id, acl);
    return acl;
  }
}
