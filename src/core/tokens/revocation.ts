/**
 * The end of tokens: by revocation, with all their children, and by expiry. A tree is revoked root first under a marker, in
 * short transactions, so a crash in the middle leaves nothing that works and the marker finishes the rest.
 */
import { failpoint } from '../../lib/failpoint.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { Page, Store, Transaction } from '../../storage/store.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import { endLeasesOf } from '../leases/lease-records.ts';
import { namespaceOfToken, type TokenRecord } from './token.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { TokenStore } from './token-store.ts';

const PAGE = 200;
/** Tokens that are ended in one transaction: more of them make others wait, fewer take longer. */
const TOGETHER = 50;

const tokenAt = (key: string): string => keys.token(namespaceOfToken(key), key);
const childrenOf = (parent: string): string => keys.children(namespaceOfToken(parent), parent);

export class Revocation {
  readonly #store: Store;
  readonly #tokens: TokenStore;

  readonly #now: () => number;

  constructor(store: Store, tokens: TokenStore, now: () => number) {
    this.#store = store;
    this.#tokens = tokens;
    this.#now = now;
  }

  /** The token and every token made with it, at any depth. Gone when this resolves. */
  async revoke(key: string): Promise<void> {
    const start = performance.now();
    await this.#store.transact((tx) => {
      this.#end(tx, key);
    });
    failpoint('token.ended');
    await this.#finish(key);
    this.#tokens.meter.revoke.record(start, performance.now());
  }

  /** The token alone: its children become orphans, in short transactions, and with the last of them it ends. */
  async revokeOrphan(key: string): Promise<void> {
    for (let ended = false; !ended;) {
      const { value } = await this.#store.transact((tx) => {
        const children = tx.list(childrenOf(key), { limit: PAGE });
        for (const child of children) this.#letGo(tx, key, child);
        if (children.length === PAGE) return false;
        this.#end(tx, key);
        return true;
      });
      ended = value;
    }
    await this.#finish(key);
  }

  #letGo(tx: Transaction, parent: string, child: string): void {
    const at = tokenAt(child.slice(childrenOf(parent).length));
    const record = recordAt<TokenRecord>(tx, at);
    tx.delete(child);
    if (record === undefined) return;
    const { parent: _parent, ...rest } = record;
    tx.put(at, encodeRecord({ ...rest, orphan: true } satisfies TokenRecord));
  }

  /** The tokens that logins on a mount of the namespace made, and all their children. */
  async revokeLogins(namespace: string, mount: string): Promise<void> {
    const prefix = keys.tokens(namespace);
    for (let after: string | undefined; ;) {
      const { page, made } = this.#loginsOf(prefix, mount, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      for (const key of made) await this.revoke(key.slice(prefix.length));
      if (page.length < PAGE) return;
      after = page.at(-1);
      await nextTurn();
    }
  }

  /** A page of all tokens, and those of it that logins on the mount made. */
  #loginsOf(
    prefix: string,
    mount: string,
    page: Page,
  ): { readonly page: readonly string[]; readonly made: readonly string[] } {
    using snapshot = this.#store.snapshot();
    const found = snapshot.list(prefix, page);
    const isMade = (key: string): boolean => recordAt<TokenRecord>(snapshot, key)?.login?.mount === mount;
    return { page: found, made: found.filter(isMade) };
  }

  /** Finishes what a crash cut off, and what a namespace that was sealed held up. */
  async resume(): Promise<void> {
    const prefix = keys.revocations(ROOT_NAMESPACE);
    for (const marker of this.#markers(prefix)) await this.#finish(marker.slice(prefix.length));
  }

  /** What came due while the namespace was sealed is due again. */
  async wake(namespace: string): Promise<void> {
    const prefix = keys.waitingExpiries(namespace);
    for (let more = true; more;) {
      const { value: moved } = await this.#store.transact((tx) => {
        const page = tx.list(prefix, { limit: PAGE });
        for (const entry of page) {
          tx.delete(entry);
          tx.put(keys.expiries(ROOT_NAMESPACE) + entry.slice(prefix.length), new Uint8Array());
        }
        return page.length;
      });
      more = moved === PAGE;
    }
  }

  #markers(prefix: string): readonly string[] {
    using snapshot = this.#store.snapshot();
    return [...everyKey(snapshot, prefix)];
  }

  /** Revokes tokens whose time has come, oldest first, up to `limit`; true when more are due. */
  async expire(now: number, limit = PAGE): Promise<boolean> {
    const prefix = keys.expiries(ROOT_NAMESPACE);
    const due = this.#due(now, limit);
    for (const entry of due) {
      const key = entry.slice(prefix.length + 16);
      const { value: ended } = await this.#store.transact((tx) => {
        // Renewed or revoked meanwhile, which took the entry away.
        if (!tx.has(entry)) return false;
        tx.delete(entry);
        if (!this.#tokens.isReadable(key)) {
          // Out of the way of what is due elsewhere.
          tx.put(keys.waitingExpiries(namespaceOfToken(key)) + entry.slice(prefix.length), new Uint8Array());
          return false;
        }
        const record = recordAt<TokenRecord>(tx, tokenAt(key));
        const over = record !== undefined && record.expiresAt > 0 && record.expiresAt <= now;
        if (over) this.#end(tx, key);
        return over;
      });
      if (ended) await this.#finish(key);
    }
    return due.length === limit;
  }

  /** Entries whose time has come. Most of the time there are none, which one key tells. */
  #due(now: number, limit: number): readonly string[] {
    const prefix = keys.expiries(ROOT_NAMESPACE);
    using snapshot = this.#store.snapshot();
    const isDue = (key: string): boolean => Number(key.slice(prefix.length, prefix.length + 15)) <= now;
    const [first] = snapshot.list(prefix, { limit: 1 });
    return first === undefined || !isDue(first) ? [] : snapshot.list(prefix, { limit }).filter(isDue);
  }

  /** One in a namespace that is sealed goes when that is unsealed, before anything is served there: the marker says so. */
  #end(tx: Transaction, key: string): void {
    if (this.#tokens.isReadable(key)) this.#tokens.remove(tx, key);
    tx.put(keys.revocations(ROOT_NAMESPACE) + key, new Uint8Array());
  }

  /** Works off one marker: what the token owned, then its children, each under a marker of its own. */
  async #finish(root: string): Promise<void> {
    const waiting = [root];
    while (waiting.length > 0) {
      // Several at once: most have no children, and a transaction costs more than what ends in it.
      const next = waiting.slice(-TOGETHER).reverse();
      const { value } = await this.#store.transact((tx) => this.#finishSome(tx, next));
      waiting.length -= value.taken;
      for (const key of value.left) waiting.push(key);
    }
  }

  /** Of `waiting` as many as a short transaction holds. Tells how many, and what is left of them to do. */
  #finishSome(
    tx: Transaction,
    waiting: readonly string[],
  ): { readonly taken: number; readonly left: readonly string[] } {
    const left: string[] = [];
    let taken = 0;
    for (let work = 0; work < TOGETHER && taken < waiting.length; taken++) {
      const key = waiting[taken] ?? '';
      if (!this.#tokens.isReadable(key)) continue;
      const { children, done } = this.#finishOne(tx, key);
      if (!done) left.push(key);
      left.push(...children);
      work += 1 + children.length + (done ? 0 : TOGETHER);
    }
    return { taken, left };
  }

  /** A page of what it owned and of its children. */
  #finishOne(tx: Transaction, key: string): { readonly children: readonly string[]; readonly done: boolean } {
    // Of one whose end was held up.
    this.#tokens.remove(tx, key);
    const children = tx.list(childrenOf(key), { limit: PAGE }).map((child) => child.slice(childrenOf(key).length));
    for (const child of children) {
      tx.delete(childrenOf(key) + child);
      this.#end(tx, child);
    }
    const owned = this.#removeOwned(tx, key);
    const done = children.length < PAGE && !owned;
    if (done) tx.delete(keys.revocations(ROOT_NAMESPACE) + key);
    return { children, done };
  }

  /** The cubbyhole goes with its token, and its leases end: engines take back what they gave. True when more is left. */
  #removeOwned(tx: Transaction, key: string): boolean {
    const isReadable = (lease: string): boolean => this.#tokens.isReadable(lease);
    if (endLeasesOf(tx, key, { now: this.#now(), limit: PAGE, isReadable })) return true;
    const page = tx.list(`${keys.data('l', namespaceOfToken(key), 'cubbyhole')}${key}/`, { limit: PAGE });
    for (const owned of page) tx.delete(owned);
    return page.length === PAGE;
  }
}
