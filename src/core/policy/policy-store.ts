/** Policies by name, and the compiled rights of a set of them. Both are caches over the change batches. */
import { fail } from '../../errors.ts';
import { decodeFound, encodeRecord } from '../../lib/record.ts';
import type { Store } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import { everyKey } from '../../storage/every-key.ts';
import { compile, defaultPolicy, parsePolicy, type Acl } from './index.ts';
import { has } from './capability.ts';
import type { Rule } from './rule.ts';
import { WRAPPING_POLICY, wrappingPolicy } from './wrapping-policy.ts';

interface PolicyRecord {
  readonly name: string;
  readonly text: string;
}

const NAMESPACE = ROOT_NAMESPACE;
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
  readonly #now: () => number;
  readonly #acls = new Map<string, Acl>();
  readonly #observation: Disposable;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
    const prefix = keys.policies(NAMESPACE);
    this.#observation = store.observe((batch) => {
      if (batch.writes.some((write) => write.key.startsWith(prefix))) this.#acls.clear();
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

  /** The document as it was written; undefined when there is none. `root` has no document: the empty text. */
  get(name: string): string | undefined {
    if (name === 'root') return '';
    if (name === WRAPPING_POLICY) return wrappingPolicy;
    const record = decodeFound<PolicyRecord>(this.#store.get(keys.policy(NAMESPACE, name)));
    return record?.text ?? (name === 'default' ? defaultPolicy : undefined);
  }

  list(): readonly string[] {
    using snapshot = this.#store.snapshot();
    const prefix = keys.policies(NAMESPACE);
    const written = [...everyKey(snapshot, prefix)].map((key) => key.slice(prefix.length));
    return [...new Set([...written, 'default', 'root'])].sort();
  }

  /** Throws `badRequest` when the document does not parse, or has a rule whose absence would widen it. */
  async put(name: string, text: string): Promise<void> {
    if (RESERVED.has(name)) throw fail('badRequest', `cannot update "${name}" policy`);
    refuseTemplates(parsePolicy(text));
    await this.#store.transact((tx) => {
      tx.put(keys.policy(NAMESPACE, name), encodeRecord({ name, text } satisfies PolicyRecord));
    });
  }

  async delete(name: string): Promise<void> {
    if (RESERVED.has(name) || name === 'default') throw fail('badRequest', `cannot delete "${name}" policy`);
    await this.#store.transact((tx) => {
      tx.delete(keys.policy(NAMESPACE, name));
    });
  }

  /** What the policies allow together. A name without a document allows nothing. */
  acl(names: readonly string[]): Acl {
    const now = this.#now();
    // No document has such a name; with it, one list of names could be taken for another.
    if (names.some((name) => name.includes(BORDER))) return this.acl(names.filter((name) => !name.includes(BORDER)));
    const id = names.join(BORDER);
    const known = this.#acls.get(id);
    if (known !== undefined && known.validUntil > now) return known;
    const acl = compile(
      names.flatMap((name) => {
        const text = this.get(name);
        return text === undefined ? [] : [{ name, namespace: '', rules: parsePolicy(text) }];
      }),
      now,
    );
    if (this.#acls.size >= CACHE_LIMIT) this.#acls.clear();
    this.#acls.set(id, acl);
    return acl;
  }
}
