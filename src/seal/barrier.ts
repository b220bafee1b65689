/**
 * The barrier: everything that is stored passes it and is encrypted (AES-256-GCM, see `record.ts`), except for the
 * seal's own records below `seal/`. Sealed it holds no key; unsealed it gives the same `Store` with plaintext values.
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import type { Store, Transaction } from '../storage/store.ts';
import { Keyring, KEYRING_KEY, ROTATE_AFTER } from './keyring.ts';
import { PlaintextStore, PlaintextTransaction } from './plaintext-store.ts';
import { decryptRecord, encryptRecord } from './record.ts';
import { Session, type KeyStatus, type SessionOptions } from './session.ts';

export type { KeyStatus } from './session.ts';

export type BarrierOptions = Partial<SessionOptions>;

export class Barrier {
  readonly #raw: Store;
  readonly #options: SessionOptions;
  #session: Session | undefined;
  #store: Store | undefined;

  /** `raw` stays the caller's to dispose, after the barrier is sealed. */
  constructor(raw: Store, { now = Date.now, rotateAfter = ROTATE_AFTER }: BarrierOptions = {}) {
    this.#raw = raw;
    this.#options = { now, rotateAfter };
  }

  get sealed(): boolean {
    return this.#session?.live !== true;
  }

  /** The plaintext store, one for each unsealed period: it is dead after `seal`, also when unsealed again. */
  get store(): Store {
    if (this.#store === undefined || this.sealed) throw fail('sealed');
    return this.#store;
  }

  /**
   * Reads the keyring with the root key; writes nothing, so a node whose log is out of reach can unseal. Throws
   * `corrupt`, `formatVersion`, or `conflict` when it is unsealed already. `expected`: root keys that may have replaced
   * it, as `expectRoot` would have told.
   */
  unseal(root: KeyObject, ...expected: readonly KeyObject[]): Store {
    if (!this.sealed) throw fail('conflict', 'the barrier is unsealed already');
    this.#session = new Session(this.#raw, [root, ...expected], this.#options);
    this.#store = new PlaintextStore(this.#session);
    return this.#store;
  }

  /** Drops the keys. Sealing what is sealed changes nothing. */
  seal(): void {
    this.#session?.end();
    this.#session = undefined;
    this.#store = undefined;
  }

  /** Adds a key term; every handle writes under it from the commit on. Old terms go on decrypting. */
  async rotate(): Promise<KeyStatus> {
    return await this.#live.rotate();
  }

  /**
   * Puts the keyring under another root key, in one transaction with what `write` stores on the raw store, and goes on
   * with it. The keys of the data stay.
   */
  async changeRoot(next: KeyObject, write: (tx: Transaction) => void): Promise<void> {
    await this.#live.changeRoot(next, write);
  }

  /** As another handle is about to put the keyring under this root key. */
  expectRoot(next: KeyObject): void {
    this.#live.expect(next);
  }

  keyStatus(): KeyStatus {
    return this.#live.status;
  }

  /** After how many encryptions under one key the next write adds a term. */
  set rotateAfter(encryptions: number) {
    this.#options.rotateAfter = encryptions;
  }

  /** 90 % of the encryptions that one key is good for are used. The barrier then rotates by itself, at a next write. */
  get needsRotation(): boolean {
    return this.#live.status.encryptions >= this.#options.rotateAfter;
  }

  /** A key of its own for each purpose, from the root key: for what the seal stores outside the barrier. */
  deriveKey(info: string): KeyObject {
    return this.#live.derive(info);
  }

  /** For the other threads of this process, which open the same keyring. It goes nowhere else. */
  get rootKey(): KeyObject {
    return this.#live.rootKey;
  }

  get #live(): Session {
    if (this.#session === undefined || !this.#session.live) throw fail('sealed');
    return this.#session;
  }
}

/**
 * Makes a barrier's first keyring in a transaction on the raw store, with the first records that `seed` writes behind
 * the barrier: both are there, or neither is.
 */
export function createBarrier<T>(raw: Transaction, root: KeyObject, now: number, seed: (tx: Transaction) => T): T {
  const keyring = Keyring.create(now);
  let used = 0;
  const value = seed(
    new PlaintextTransaction(raw, {
      checkLive: () => undefined,
      encrypt: (key, plaintext) => {
        used += 1;
        return encryptRecord(keyring.active, key, plaintext);
      },
      decrypt: (key, record) => decryptRecord(keyring, key, record),
    }),
  );
  raw.put(KEYRING_KEY, keyring.counted(keyring.active.number, used).encrypt(root));
  return value;
}
