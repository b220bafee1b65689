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
    if (name === 'root') return namespace === ROOT_NAMESPACE ? '' : undefined;
    if (name === WRAPPING_POLICY) return wrappingPolicy;
    const record = decodeFound<PolicyRecord>(this.#store.get(keys.policy(namespace, name)));
    return record?.text ?? (name === 'default' ? defaultPolicy : undefined);
  }

  list(namespace: string): readonly string[] {
    using snapshot = this.#store.snapshot();
    const prefix = keys.policies(namespace);
    const written = [...everyKey(snapshot, prefix)].map((key) => key.slice(prefix.length));
    const always = namespace === ROOT_NAMESPACE ? ['default', 'root'] : ['default'];
    return [...new Set([...written, ...always])].sort();
  }

  /** Throws `badRequest` when the document does not parse, or has a rule whose absence would widen it. */
  async put(namespace: string, name: string, text: string): Promise<void> {
    if (RESERVED.has(name)) throw fail('badRequest', `cannot update "${name}" policy`);
    refuseTemplates(parsePolicy(text));
    await this.#store.transact((tx) => {
      if (namespace !== ROOT_NAMESPACE && !tx.has(keys.namespace(namespace))) throw fail('noNamespace');
      tx.put(keys.policy(namespace, name), encodeRecord({ name, text } satisfies PolicyRecord));
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
        const text = path === undefined ? undefined : this.get(namespace, name);
        return text === undefined ? [] : [{ name, namespace: path ?? '', rules: parsePolicy(text) }];
      }),
      now,
    );
    if (this.#acls.size >= CACHE_LIMIT) this.#acls.clear();
    this.#acls.set(id, acl);
    return acl;
  }
}
