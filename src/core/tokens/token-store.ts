/** Tokens: made, found, renewed. Storage knows them only by keyed HMACs. */
import { fail } from '../../errors.ts';
import { BoundedMap } from '../../lib/bounded-map.ts';
import { sha256Base64, type KeyObject } from '../../lib/crypto/hash.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { encodeRecord, recordAt, textAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import { JoinedWrites } from '../../storage/joined-writes.ts';
import type { Batch, Page, Snapshot, Store, Transaction } from '../../storage/store.ts';
import { keys, namespaceOfKey, ROOT_NAMESPACE } from '../keys.ts';
import type { TokenMeter } from '../metrics/node-metrics.ts';
import { KeptRecords } from '../mounts/kept-records.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { GrowingGroups, takeFromGroup } from '../quotas/lease-groups.ts';
import { BatchTokens, batchTokenKey, isBatchToken } from './batch-tokens.ts';
import {
  accessorKey,
  childrenOf,
  expiryAt,
  insertToken,
  insertTokens,
  recordOf,
  tokenAt,
  tokenKey,
  type NewToken,
  type TokenSpec,
} from './new-tokens.ts';
import { namespaceOfToken, tokenKeyIn, type Token, type TokenRecord } from './token.ts';

export interface TokenStoreOptions {
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  /** Whether there is a mount with the uuid. */
  readonly hasMount: (uuid: string) => boolean;
  readonly key: KeyObject;
  /** From which those of batch tokens are derived. */
  readonly batchKey: KeyObject;
  readonly now: () => number;
  /** Where times are recorded. */
  readonly meter: TokenMeter;
}

const CACHE_LIMIT = 20_000;

export class TokenStore implements Disposable {
  readonly #store: Store;
  readonly #namespaces: NamespaceTable;
  readonly #hasMount: (uuid: string) => boolean;
  readonly #key: KeyObject;
  readonly #now: () => number;
  readonly #batch: BatchTokens;
  readonly meter: TokenMeter;
  /** Records by storage key, dropped by the change batches. */
  readonly #cache = new BoundedMap<string, TokenRecord>(CACHE_LIMIT);
  /** Storage keys by the SHA-256 of their tokens: no HMAC for each request, and no token is kept. */
  readonly #keys = new BoundedMap<string, string>(CACHE_LIMIT);
  readonly #observation: Disposable;
  readonly #inserts: JoinedWrites<TokenSpec, NewToken>;
  /** The counts of the groups that tokens are made in: each new one changes one of them. */
  readonly #counts: KeptRecords;

  constructor({ store, namespaces, hasMount, key, batchKey, now, meter }: TokenStoreOptions) {
    this.#store = store;
    this.#namespaces = namespaces;
    this.#hasMount = hasMount;
    this.#key = key;
    this.#now = now;
    this.meter = meter;
    this.#counts = new KeptRecords(store);
    this.#inserts = new JoinedWrites(store, (tx, specs) => {
      const terms = { hmac: this.#key, now: this.#now(), counts: new GrowingGroups(tx, this.#counts) };
      return insertTokens(tx, specs, terms);
    });
    using snapshot = store.snapshot();
    this.#batch = new BatchTokens(batchTokenKey(snapshot, batchKey));
    this.#observation = store.observe((batch) => {
      this.#follow(batch);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#counts[Symbol.dispose]();
    this.#cache.clear();
    this.#keys.clear();
    this.#batch[Symbol.dispose]();
  }

  #follow(batch: Batch): void {
    if (batch.reread !== undefined) {
      this.#cache.clear();
      this.#keys.clear();
    }
    for (const { key } of batch.writes) {
      const namespace = namespaceOfKey(key, 'l', 'tokens');
      if (namespace !== undefined) this.#cache.delete(key.slice(keys.tokens(namespace).length));
    }
  }

  /** Whether what is kept of a token, or a lease, of that key can be read. */
  isReadable(key: string): boolean {
    return this.#namespaces.isReadable(namespaceOfToken(key));
  }

  keyOf(id: string): string {
    return tokenKey(this.#key, id, this.#namespaces.ofId(id).id);
  }

  #accessorKey(accessor: string): string {
    return accessorKey(this.#key, accessor);
  }

  /** undefined: unknown, revoked or expired. */
  find(id: string): Token | undefined {
    const start = performance.now();
    const found = isBatchToken(id) ? this.#batchToken(id) : this.#serviceToken(id);
    this.meter.lookup.record(start, performance.now());
    return found;
  }

  /** Made for many short logins: nothing of it is stored, so what it hangs on decides. */
  #batchToken(id: string): Token | undefined {
    const token = this.#batch.open(id, this.#namespaces.ofId(id).id);
    return token !== undefined && this.#isLive(token.namespace, token.record) ? token : undefined;
  }

  #serviceToken(id: string): Token | undefined {
    const digest = sha256Base64(id);
    const known = this.#keys.get(digest);
    const found = this.byKey(known ?? this.keyOf(id));
    // Only of those that exist: what is made up by the thousand must not push them out.
    if (known === undefined && found !== undefined) this.#keys.set(digest, found.key);
    return found;
  }

  byKey(key: string): Token | undefined {
    const namespace = namespaceOfToken(key);
    const record = this.#record(key);
    return record !== undefined && this.#isLive(namespace, record) ? { key, namespace, record } : undefined;
  }

  #isLive(namespace: string, record: TokenRecord): boolean {
    const now = this.#now();
    // With its namespace all that belongs to it is over; what is left of it is being removed.
    if (namespace !== ROOT_NAMESPACE && this.#namespaces.byId(namespace) === undefined) return false;
    if (this.#namespaces.isSealed(namespace)) return false;
    // A child ends with its parent at once, not when it is swept up: the sweep may be long, or the node sealed.
    for (let each: TokenRecord | undefined = record; ; each = this.#record(each.parent)) {
      if (each === undefined || this.#isOver(each, now)) return false;
      // As with its mount all that a login granted, also one that was under way when the mount went.
      if (each.login !== undefined && !this.#hasMount(each.login.mount)) return false;
      if (each.parent === undefined) return true;
    }
  }

  /** By its time, or with the grant that it names. */
  #isOver({ expiresAt, access }: TokenRecord, now: number): boolean {
    if (expiresAt !== 0 && expiresAt <= now) return true;
    return access?.grant !== undefined && this.#store.get(keys.revokedGrants + access.grant) !== undefined;
  }

  #record(key: string): TokenRecord | undefined {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    // Nobody is known in it; who asks is told that it is sealed.
    if (this.#namespaces.isSealed(namespaceOfToken(key))) return undefined;
    const record = recordAt<TokenRecord>(this.#store, tokenAt(key));
    if (record === undefined) return undefined;
    this.#cache.set(key, record);
    return record;
  }

  /** Of that namespace alone. */
  byAccessor(namespace: string, accessor: string): Token | undefined {
    const found = textAt(this.#store, keys.accessor(namespace, this.#accessorKey(accessor)));
    return found === undefined ? undefined : this.byKey(found);
  }

  /** Records in memory. */
  get cached(): number {
    return this.#cache.size;
  }

  /**
   * Accessors of live tokens of a namespace: a page in the order of their keys, `after` an accessor. Past the cache, which keeps the
   * tokens in use.
   */
  accessors(namespace: string, { after, limit }: Page): readonly string[] {
    using snapshot = this.#store.snapshot();
    const prefix = keys.accessors(namespace);
    const behind = after === undefined ? undefined : prefix + this.#accessorKey(after);
    const found: string[] = [];
    for (const at of everyKey(snapshot, prefix, { after: behind, page: limit })) {
      if (found.length >= limit) break;
      const accessor = this.#liveAccessor(snapshot, at);
      if (accessor !== undefined) found.push(accessor);
    }
    return found;
  }

  #liveAccessor(snapshot: Snapshot, at: string): string | undefined {
    const key = textAt(snapshot, at);
    const record = key === undefined ? undefined : recordAt<TokenRecord>(snapshot, tokenAt(key));
    return key !== undefined && record !== undefined && this.#isLive(namespaceOfToken(key), record)
      ? record.accessor
      : undefined;
  }

  /** With what `also` writes; nothing for a batch token. Throws `badRequest` when `id` is taken or cannot be made, `invalidToken` when the parent is gone meanwhile. */
  async create(spec: TokenSpec, also?: (tx: Transaction, key: string) => void): Promise<NewToken> {
    if (spec.type === 'batch') return this.#batch.make(recordOf(spec, this.#now()), spec.namespace ?? ROOT_NAMESPACE);
    const start = performance.now();
    const made = also === undefined ? await this.#inserts.add(spec) : await this.#insertWith(spec, also);
    this.meter.create.record(start, performance.now());
    return made;
  }

  /** In a transaction of its own: what `also` throws may come after it has put something. */
  async #insertWith(spec: TokenSpec, also: (tx: Transaction, key: string) => void): Promise<NewToken> {
    const { value } = await this.#store.transact((tx) => {
      const made = insertToken(tx, this.#key, spec, this.#now());
      also(tx, made.token.key);
      return made;
    });
    return value;
  }

  /** One that is for a single request and stored nowhere. It has no id, so that nobody can ask with it. */
  unstored(spec: TokenSpec): NewToken {
    const { namespace = ROOT_NAMESPACE } = spec;
    const record = recordOf({ ...spec, type: 'batch', renewable: false }, this.#now());
    return { id: '', token: { key: tokenKeyIn(namespace, `inline/${uuid()}`), namespace, record } };
  }

  /** Extends to `ttl` seconds from now. */
  async renew(token: Token, ttl: number): Promise<Token> {
    const now = this.#now();
    return this.#change(token, (record) => {
      // An auth method may have taken its time over it.
      if (record.expiresAt !== 0 && record.expiresAt <= now) throw fail('invalidToken');
      return { ...record, expiresAt: now + ttl * 1000, lastRenewal: now };
    });
  }

  /** Takes one use away before the request runs. The last one leaves -1: the caller revokes it afterwards. */
  async use(token: Token): Promise<Token> {
    return this.#change(token, (record) => {
      if (record.numUses < 0) throw fail('invalidToken');
      return { ...record, numUses: record.numUses === 1 ? -1 : record.numUses - 1 };
    });
  }

  async #change(token: Token, change: (record: TokenRecord) => TokenRecord): Promise<Token> {
    const { value } = await this.#store.transact((tx) => {
      const found = recordAt<TokenRecord>(tx, tokenAt(token.key));
      if (found === undefined) throw fail('invalidToken');
      const record = change(found);
      tx.put(tokenAt(token.key), encodeRecord(record));
      if (record.expiresAt !== found.expiresAt) {
        // One entry a token, however often it is renewed.
        if (found.expiresAt > 0) tx.delete(expiryAt(found.expiresAt, token.key));
        tx.put(expiryAt(record.expiresAt, token.key), new Uint8Array());
      }
      return record;
    });
    return { ...token, record: value };
  }

  /** Takes one token out; its children stay. For `Revocation` alone. */
  remove(tx: Transaction, key: string): void {
    const record = recordAt<TokenRecord>(tx, tokenAt(key));
    if (record === undefined) return;
    if (record.counted !== undefined) {
      takeFromGroup(tx, keys.tokenGroups(namespaceOfToken(key)) + record.counted);
    }
    tx.delete(tokenAt(key));
    tx.delete(keys.accessor(namespaceOfToken(key), this.#accessorKey(record.accessor)));
    if (record.parent !== undefined) tx.delete(childrenOf(record.parent) + key);
    if (record.expiresAt > 0) tx.delete(expiryAt(record.expiresAt, key));
  }
}
