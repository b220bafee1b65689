/** The namespaces of this node: a cache of their records over the change batches, and how a request finds its own. */
import { fail, type LockstepError } from '../../errors.ts';
import { decodeRecord } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Batch, Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { ALL_OPEN, type SealStandings } from './seal-domains.ts';
import { isWithin, ROOT, type Namespace, type NamespaceRecord } from './namespace.ts';

/** Where a request goes: its namespace, and the path below that. */
export interface Placed {
  readonly namespace: Namespace;
  readonly path: string;
}

/** What tells only of the node, and so answers everywhere. */
const OF_NODE = /^sys\/(?:health|seal-status|leader)$/;
/** What works in a namespace that is locked, or nobody could unlock it from inside. */
const UNLOCK = /^sys\/namespaces\/api-lock\/unlock(?:\/|$)/;

export class NamespaceTable implements Disposable {
  readonly #byId = new Map<string, NamespaceRecord>();
  readonly #byPath = new Map<string, NamespaceRecord>();
  /** Paths of those that are locked. */
  readonly #locked = new Set<string>();
  readonly #observation: Disposable;
  readonly #seals: SealStandings;

  constructor(store: Store, seals: SealStandings = ALL_OPEN) {
    this.#seals = seals;
    using snapshot = store.snapshot();
    for (const key of everyKey(snapshot, keys.namespaces)) this.#apply(key, snapshot.get(key));
    this.#observation = store.observe((batch) => {
      this.#follow(batch);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
  }

  /** How many there are beside the root one. */
  get size(): number {
    return this.#byId.size;
  }

  record(id: string): NamespaceRecord | undefined {
    return this.#byId.get(id);
  }

  byId(id: string): Namespace | undefined {
    return id === ROOT.id ? ROOT : this.#byId.get(id);
  }

  /** `path` with its closing slash. */
  byPath(path: string): Namespace | undefined {
    return path === '' ? ROOT : this.#byPath.get(path);
  }

  all(): readonly NamespaceRecord[] {
    return [...this.#byId.values()];
  }

  /** Right below one, or with `deep` anywhere below it, in the order of their paths. */
  below({ id, path }: Namespace, deep = false): readonly NamespaceRecord[] {
    return this.all()
      .filter((each) => (deep ? each.path !== path && each.path.startsWith(path) : each.parent === id))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** The namespace that a token or accessor says that it belongs to, by its ending. */
  ofId(id: string): Namespace {
    if (this.#byId.size === 0) return ROOT;
    return this.#byId.get(id.slice(id.lastIndexOf('.') + 1)) ?? ROOT;
  }

  /**
   * By the header, then by the path: each leading segment that names a namespace leads into it. Where there are no
   * namespaces the header does not count, as in Vault's free edition, unless it `counts` always. Throws `noNamespace`.
   */
  place(header: string, path: string, counts = false): Placed {
    if (this.#byId.size === 0 && !counts) return { namespace: ROOT, path };
    let namespace = header === '' || header === ROOT.id ? ROOT : this.#byPath.get(`${header}/`);
    if (namespace === undefined) throw fail('noNamespace');
    let from = 0;
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', from)) {
      const below = this.#byPath.get(namespace.path + path.slice(from, slash + 1));
      if (below === undefined) break;
      namespace = below;
      from = slash + 1;
    }
    return from === 0 ? { namespace, path } : { namespace, path: path.slice(from) };
  }

  /** Whether it, or one above it, has a seal of its own and is sealed: nothing of it can be read. */
  isSealed(id: string): boolean {
    return this.#seals.isSealed(id);
  }

  /** Whether what is kept in it can be read, by work that no request waits for. */
  isReadable(id: string): boolean {
    return this.#seals.isReadable(id);
  }

  /** Whether what is left of it can be read, too. */
  holdsKeys(id: string): boolean {
    return this.#seals.holdsKeys(id);
  }

  /** Why nothing is served there: it, or one above it, is sealed or locked. `path` is below the namespace. */
  refusal(namespace: Namespace, path: string): LockstepError | undefined {
    if (this.#seals.isSealed(namespace.id)) return OF_NODE.test(path) ? undefined : fail('namespaceSealed');
    if (this.#locked.size === 0 || UNLOCK.test(path)) return this.#refusalAbove(namespace);
    return this.#lockOf(namespace);
  }

  /** A namespace is unlocked from inside, but not through a lock further up. */
  #refusalAbove(namespace: Namespace): LockstepError | undefined {
    if (this.#locked.size === 0) return undefined;
    const parent = this.#byId.get(namespace.id)?.parent;
    const above = parent === undefined ? undefined : this.byId(parent);
    return above === undefined ? undefined : this.#lockOf(above);
  }

  #lockOf(namespace: Namespace): LockstepError | undefined {
    for (const path of this.#locked) {
      if (isWithin(namespace, { id: '', path })) {
        return fail(
          'namespaceLocked',
          `API access to this namespace has been locked by an administrator - "${path}" must be unlocked to gain access.`,
        );
      }
    }
    return undefined;
  }

  #follow({ writes }: Batch): void {
    // A value is decrypted when it is asked for.
    for (const write of writes) if (write.key.startsWith(keys.namespaces)) this.#apply(write.key, write.value);
  }

  #apply(key: string, value: Uint8Array | undefined): void {
    const id = key.slice(keys.namespaces.length);
    const known = this.#byId.get(id);
    if (known !== undefined) {
      this.#byId.delete(id);
      this.#byPath.delete(known.path);
      this.#locked.delete(known.path);
    }
    if (value === undefined) return;
    const record = decodeRecord<NamespaceRecord>(value, key);
    this.#byId.set(id, record);
    this.#byPath.set(record.path, record);
    if (record.lock !== undefined) this.#locked.add(record.path);
  }
}
