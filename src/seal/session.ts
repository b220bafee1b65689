/** One unsealed period of a barrier: its keys, how often they were used, and who follows its changes. */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { deriveKey } from '../lib/crypto/hash.ts';
import { LazyWrite } from '../storage/lazy-write.ts';
import type { Batch, Store, Transaction, Write } from '../storage/store.ts';
import { Keyring, KEYRING_KEY, MAX_ENCRYPTIONS } from './keyring.ts';
import { decryptRecord, encryptRecord, type RecordCipher } from './record.ts';

/** Everything below it is stored as it is, by the seal alone; the plaintext store neither shows nor touches it. */
export const SEAL_AREA = 'seal/';

/** Encryptions set aside at once, so that counting costs one more record in 16,384 and a crash never loses a count. */
const GRANT = 2 ** 14;

/** What `sys/key-status` shows. */
export interface KeyStatus {
  readonly term: number;
  /** Wall-clock milliseconds. */
  readonly installTime: number;
  /** An upper bound: a restart, and each further node, adds up to 16,384. */
  readonly encryptions: number;
}

export interface SessionOptions {
  readonly now: () => number;
  /** Encryptions under one term after which the next write adds a term. */
  rotateAfter: number;
  /** The key of the keyring; `seal/keyring` if not given. */
  readonly keyring?: string;
}

/** The root key in use, and those that are to follow it. */
export type Roots = readonly [KeyObject, ...KeyObject[]];

export class Session {
  readonly raw: Store;
  readonly #options: SessionOptions;
  readonly #at: string;
  readonly #ended = new AbortController();
  readonly #observers = new Set<(batch: Batch) => void>();
  readonly #subscription: Disposable;
  #root: KeyObject | undefined;
  /** In order: each replaces `#root` once the stored keyring is under it. */
  #expected: readonly KeyObject[];
  #keyring: Keyring | undefined;
  /** Why the stored keyring, changed by another node or by a stranger, cannot be read. */
  #fault: unknown;
  #used = 0;
  #granted = 0;

  /** Throws `corrupt` or `formatVersion` when the stored keyring opens with none of `roots`, which follow one another. */
  constructor(raw: Store, [root, ...expected]: Roots, options: SessionOptions) {
    using snapshot = raw.snapshot();
    this.raw = raw;
    this.#options = options;
    this.#root = root;
    this.#expected = expected;
    this.#at = options.keyring ?? KEYRING_KEY;
    this.#take(snapshot.get(this.#at));
    this.#subscription = raw.observe((batch) => {
      this.#apply(batch);
    });
  }

  /** Throws `sealed` once the session has ended. */
  get keyring(): Keyring {
    if (this.#keyring === undefined) throw fail('sealed');
    return this.#keyring;
  }

  get live(): boolean {
    return this.#keyring !== undefined;
  }

  /** Aborts when the session ends. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get status(): KeyStatus {
    const { number, installTime, encryptions } = this.keyring.active;
    return { term: number, installTime, encryptions: Math.max(encryptions - this.#granted, 0) + this.#used };
  }

  /** Drops the keys: whoever holds something of this session gets `sealed` from now on. */
  end(): void {
    this.#keyring = undefined;
    this.#root = undefined;
    this.#expected = [];
    this.#observers.clear();
    this.#subscription[Symbol.dispose]();
    this.#ended.abort();
  }

  derive(info: string): KeyObject {
    return deriveKey(this.rootKey, info);
  }

  decrypt(key: string, record: Uint8Array): Uint8Array {
    return decryptRecord(this.keyring, key, record);
  }

  checkLive(): void {
    if (this.#keyring === undefined) throw fail('sealed');
  }

  /** Throws what keeps this session from writing: sealed, or a stored keyring that cannot be read. */
  checkWritable(): void {
    this.checkLive();
    if (this.#fault !== undefined) throw this.#fault;
  }

  async rotate(): Promise<KeyStatus> {
    this.checkLive();
    // The observer below takes the new keyring up before this resolves.
    await this.raw.transact((tx) => {
      const { keyring, root } = this.#open(tx.get(this.#at));
      tx.put(this.#at, keyring.rotated(this.#options.now()).encrypt(root));
    });
    return this.status;
  }

  /** The keyring may be found under this root key from now on; the one in use serves until then. */
  expect(root: KeyObject): void {
    this.checkLive();
    this.#expected = [...this.#expected, root];
  }

  /** Puts the keyring under another root key, in one transaction with what `write` stores of that key. */
  async changeRoot(next: KeyObject, write: (tx: Transaction) => void): Promise<void> {
    // It stays expected when this fails: a commit of which nothing was heard may still come to pass.
    this.expect(next);
    await this.raw.transact((tx) => {
      tx.put(this.#at, this.#open(tx.get(this.#at)).keyring.encrypt(next));
      write(tx);
    });
  }

  /** For one transaction, which may run several times. */
  writer(): Writer {
    return new Writer(this);
  }

  /** Counts one encryption; sets more aside in the running transaction first when none are left. Gives how many. */
  count(tx: Transaction): number {
    const granted = this.#used < this.#granted ? 0 : this.#reserve(tx);
    this.#used += 1;
    return granted;
  }

  /** Takes back what a transaction set aside and did not commit. */
  release(term: number, granted: number): void {
    if (this.#keyring?.active.number === term) this.#granted -= granted;
  }

  observe(apply: (batch: Batch) => void): Disposable {
    this.checkLive();
    const own = (batch: Batch): void => {
      apply(batch);
    };
    this.#observers.add(own);
    return {
      [Symbol.dispose]: () => {
        this.#observers.delete(own);
      },
    };
  }

  /** The batch as the plaintext store shows it: without the seal's own records, values decrypted when asked for. */
  reveal(batch: Batch): Batch {
    const writes: Write[] = [];
    for (const { key, value, decoded } of batch.writes) {
      if (key.startsWith(SEAL_AREA)) continue;
      writes.push(value === undefined ? { key, value } : new LazyWrite(key, () => this.decrypt(key, value), decoded));
    }
    return { position: batch.position, previous: batch.previous, hash: batch.hash, time: batch.time, writes };
  }

  get rootKey(): KeyObject {
    if (this.#root === undefined) throw fail('sealed');
    return this.#root;
  }

  #apply(batch: Batch): void {
    for (const write of batch.writes) {
      if (write.key === this.#at) this.#adopt(write.value);
    }
    if (this.#observers.size === 0) return;
    const revealed = this.reveal(batch);
    for (const apply of [...this.#observers]) apply(revealed);
  }

  /** The keyring, and the root key that it is under. */
  #open(stored: Uint8Array | undefined): { readonly keyring: Keyring; readonly root: KeyObject } {
    const root = this.rootKey;
    try {
      return { keyring: Keyring.decrypt(root, stored), root };
    } catch (error) {
      for (const next of this.#expected) {
        const keyring = opened(next, stored);
        if (keyring !== undefined) return { keyring, root: next };
      }
      throw error;
    }
  }

  #take(stored: Uint8Array | undefined): void {
    const { keyring, root } = this.#open(stored);
    this.#expected = this.#expected.slice(this.#expected.indexOf(root) + 1);
    this.#root = root;
    this.#keyring = keyring;
  }

  /** Every change of the keyring comes this way, our own rotation and another node's alike. */
  #adopt(stored: Uint8Array | undefined): void {
    try {
      const { number } = this.keyring.active;
      this.#take(stored);
      if (this.keyring.active.number !== number) {
        this.#used = 0;
        this.#granted = 0;
      }
      this.#fault = undefined;
    } catch (error) {
      // An observer must not throw. Reads go on under the keys at hand; a write would be lost at the next unseal.
      this.#fault = error;
    }
  }

  #reserve(tx: Transaction): number {
    const { number } = this.keyring.active;
    const { keyring: stored, root } = this.#open(tx.get(this.#at));
    let keyring = stored.counted(number, GRANT);
    const encryptions = keyring.term(number)?.encryptions ?? 0;
    if (encryptions > MAX_ENCRYPTIONS) {
      throw fail('internal', `key term ${number} has reached its ${MAX_ENCRYPTIONS} encryptions: rotate the key`);
    }
    if (encryptions >= this.#options.rotateAfter && keyring.active.number === number) {
      keyring = keyring.rotated(this.#options.now());
    }
    tx.put(this.#at, keyring.encrypt(root));
    this.#granted += GRANT;
    return GRANT;
  }
}

function opened(root: KeyObject, stored: Uint8Array | undefined): Keyring | undefined {
  try {
    return Keyring.decrypt(root, stored);
  } catch {
    return undefined;
  }
}

/** Encrypts for one transaction and remembers what that transaction set aside, in case it does not commit. */
export class Writer implements RecordCipher {
  readonly #session: Session;
  #tx: Transaction | undefined;
  #term = 0;
  #granted = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Each run starts from nothing. */
  begin(tx: Transaction): this {
    this.rollBack();
    this.#tx = tx;
    return this;
  }

  rollBack(): void {
    this.#session.release(this.#term, this.#granted);
    this.#granted = 0;
  }

  checkLive(): void {
    this.#session.checkLive();
  }

  encrypt(key: string, value: Uint8Array): Uint8Array {
    if (this.#tx === undefined) throw fail('internal', 'a write outside of its transaction');
    const { active } = this.#session.keyring;
    if (active.number !== this.#term) {
      this.#term = active.number;
      this.#granted = 0;
    }
    this.#granted += this.#session.count(this.#tx);
    return encryptRecord(active, key, value);
  }

  decrypt(key: string, record: Uint8Array): Uint8Array {
    return this.#session.decrypt(key, record);
  }
}
