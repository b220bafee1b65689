/** From an empty store to an unsealed barrier and back: init, unseal, seal, status. */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import { uuid } from '../lib/crypto/random.ts';
import type { Store, Transaction } from '../storage/store.ts';
import { Barrier, type BarrierOptions, type KeyStatus } from './barrier.ts';
import { GivenShares } from './given-shares.ts';
import { initialise, type Initialized, type InitOptions } from './initialise.ts';
import { replaceKeys, type KeyChange, type Replacing } from './replace-keys.ts';
import type { KeyWrapper, Seal } from './seal.ts';
import { decodeRestored, RESTORED_KEY, type Restored } from './restored.ts';
import { combineShares, type Split } from './shamir/shares.ts';
import { BACKUP_KEYS, decodeBackup, type ShareBackup, type ShareKind } from './share-backup.ts';
import {
  CONFIG_KEY,
  decodeConfig,
  decryptRoot,
  encryptRoot,
  isRecoveryKey,
  RECOVERY_KEY,
  ROOT_KEY,
  wrappedKey,
  type SealConfig,
  type Stored,
} from './stored.ts';

export interface SealLifecycleOptions extends BarrierOptions {
  /** The store below the barrier; stays the caller's to dispose. */
  readonly raw: Store;
  readonly seal: Seal;
  /** What `sys/seal-status` says of the server. */
  readonly about: { readonly version: string; readonly buildDate: string; readonly storageType: string };
  /** Told when the unseal key could not be wrapped anew under a changed wrapping key. The node serves nevertheless. */
  readonly warn: (message: string, error: unknown) => void;
}

/** `sys/seal-status`, in Vault's names; the caller adds the cluster's name and id where it is unsealed. */
export interface SealStatus {
  readonly type: string;
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Threshold and number of the shares; of the recovery shares with auto-unseal. 0 before init. */
  readonly t: number;
  readonly n: number;
  readonly progress: number;
  /** Names the attempt under way; empty when there is none. */
  readonly nonce: string;
  readonly version: string;
  readonly build_date: string;
  readonly migration: false;
  readonly recovery_seal: boolean;
  readonly storage_type: string;
}

export class SealLifecycle {
  readonly barrier: Barrier;
  readonly #options: SealLifecycleOptions;
  readonly #shares = new GivenShares();
  #nonce = '';
  /** Init, unseal and open run one after the other, so that shares are counted in order. */
  #turn: Promise<unknown> = Promise.resolve();
  #kept = false;

  constructor(options: SealLifecycleOptions) {
    this.#options = options;
    this.barrier = new Barrier(options.raw, options);
  }

  /** The plaintext store. Throws `sealed`. */
  get store(): Store {
    return this.barrier.store;
  }

  get initialized(): boolean {
    using snapshot = this.#options.raw.snapshot();
    return snapshot.get(CONFIG_KEY) !== undefined;
  }

  /** Throws `corrupt` when `seal/config` is damaged, `invalidConfig` when it was made by another kind of seal. */
  status(): SealStatus {
    const stored = this.#read();
    const { seal, about } = this.#options;
    return {
      type: seal.type,
      initialized: stored !== undefined,
      sealed: this.barrier.sealed,
      t: stored?.config.threshold ?? 0,
      n: stored?.config.shares ?? 0,
      progress: this.#shares.count,
      nonce: this.#nonce,
      version: about.version,
      build_date: about.buildDate,
      migration: false,
      recovery_seal: seal.wrapper !== undefined,
      storage_type: about.storageType,
    };
  }

  /**
   * Makes the keys and the first records, in one transaction: `seed` writes behind the new barrier (the root token, the
   * first mounts) and, like any transaction, may run twice. With shares the node is still sealed afterwards, with
   * auto-unseal it is unsealed. Of several at once one wins. Throws `alreadyInitialized`, `badRequest` for wrong
   * numbers, `corrupt` when the store holds data but no seal.
   */
  init<T>(options: InitOptions, seed: (tx: Transaction) => T): Promise<Initialized<T>> {
    return this.#next(async () => {
      const { raw, seal, now = Date.now } = this.#options;
      const { root, ...made } = await initialise({ raw, seal, now }, options, seed);
      if (seal.wrapper !== undefined) this.barrier.unseal(root);
      return made;
    });
  }

  /** Auto-unseal, at the start: does nothing without one, before init, or when unsealed. Rejects as `unwrap` does. */
  open(signal: AbortSignal): Promise<SealStatus> {
    return this.#next(async () => {
      const { wrapper } = this.#options.seal;
      const stored = this.#read();
      if (wrapper === undefined || stored === undefined || !this.barrier.sealed) return this.status();
      const wrapped = wrappedKey(stored.root);
      const unsealKey = await wrapper.unwrap(wrapped, signal);
      const root = decryptRoot(stored.root, unsealKey, stored.configBytes);
      if (root === undefined)
        throw fail('corrupt', `${CONFIG_KEY} or ${ROOT_KEY} is damaged: restore both from a backup`);
      this.barrier.unseal(root);
      if (!wrapper.isCurrent(wrapped)) await this.#wrapAnew(wrapper, { unsealKey, root, stored }, signal);
      return this.status();
    });
  }

  /**
   * Takes one share; with the last that is needed, unseals. A share that was given before is not counted again. `reset`
   * forgets what was given (and wins over a share). When the shares do not open the root key, nothing tells which is
   * wrong: `invalidShares`, and the count starts again. The share's bytes are the caller's to wipe.
   */
  unseal(share: Uint8Array | undefined, { reset = false }: { readonly reset?: boolean } = {}): Promise<SealStatus> {
    return this.#next(async () => {
      if (reset) {
        this.#forget();
        return this.status();
      }
      const stored = this.#read();
      if (stored === undefined) throw fail('notInitialized');
      if (!this.barrier.sealed) return this.status();
      if (this.#options.seal.wrapper !== undefined) {
        throw fail('badRequest', `the seal "${this.#options.seal.type}" unseals by itself: it takes no shares`);
      }
      this.#collect(share, stored.config);
      if (this.#shares.count === stored.config.threshold) await this.#unsealWith(stored);
      return this.status();
    });
  }

  /** The kind of seal that the configuration names. */
  get type(): string {
    return this.#options.seal.type;
  }

  /** Unseals with a root key that is at hand, in turn: after a restore under the same keys. */
  reopen(root: KeyObject): Promise<void> {
    return this.#next(async () => {
      this.barrier.unseal(root);
    });
  }

  /** What stands in a store that was just restored, until `settle`. */
  get restored(): Restored | undefined {
    using snapshot = this.#options.raw.snapshot();
    const stored = snapshot.get(RESTORED_KEY);
    return stored === undefined ? undefined : decodeRestored(stored);
  }

  /** Nothing is left to do after the restore. */
  async settle(): Promise<void> {
    await this.#options.raw.transact((tx) => {
      tx.delete(RESTORED_KEY);
    });
  }

  /** Drops all keys, and the shares given so far. Sealing what is sealed changes nothing. */
  seal(): void {
    this.#forget();
    this.barrier.seal();
  }

  keyStatus(): KeyStatus {
    return this.barrier.keyStatus();
  }

  rotate(): Promise<KeyStatus> {
    return this.barrier.rotate();
  }

  /**
   * Whether these are enough right shares to authorise (a new root token, new shares): unseal shares or, with
   * auto-unseal, recovery shares, which are checked against the root key and so need an unsealed node.
   */
  async authorise(shares: readonly Uint8Array[]): Promise<boolean> {
    const stored = this.#read();
    if (stored === undefined) throw fail('notInitialized');
    const key = await combineShares(shares, stored.config);
    if (key === undefined) return false;
    try {
      if (this.#options.seal.wrapper === undefined) {
        return decryptRoot(stored.root, takeKey(pinnedCopy(key)), stored.configBytes) !== undefined;
      }
      using snapshot = this.#options.raw.snapshot();
      return isRecoveryKey(this.barrier.rootKey, key, snapshot.get(RECOVERY_KEY));
    } finally {
      key.fill(0);
    }
  }

  /** How the shares that authorise are split, and whether a machine unseals. Throws `notInitialized`. */
  get shareholders(): { readonly split: Split; readonly auto: boolean; readonly type: string } {
    const stored = this.#read();
    if (stored === undefined) throw fail('notInitialized');
    const { shares, threshold } = stored.config;
    const { type, wrapper } = this.#options.seal;
    return { split: { shares, threshold }, auto: wrapper !== undefined, type };
  }

  /**
   * From when it resolves until it is disposed, `replaceKeys` throws `conflict`: a restore puts content under the keys that
   * it found, and others meanwhile would open nothing.
   */
  keepKeys(): Promise<Disposable> {
    return this.#next(async () => {
      this.#kept = true;
      return {
        [Symbol.dispose]: () => {
          this.#kept = false;
        },
      };
    });
  }

  /** New keys above the keyring, and new shares if `change` has some. Throws `sealed`, or `conflict`. */
  replaceKeys(change: KeyChange, announce: Replacing['announce']): Promise<void> {
    return this.#next(async () => {
      if (this.#kept)
        throw fail('conflict', 'a snapshot is being restored: wait for it, then give the last share again');
      const stored = this.#read();
      if (stored === undefined) throw fail('notInitialized');
      await replaceKeys({ seal: this.#options.seal, barrier: this.barrier, announce }, stored, change);
    });
  }

  /** The encrypted shares that a rekey kept. Throws `sealed`. */
  shareBackup(kind: ShareKind): ShareBackup | undefined {
    const root = this.barrier.rootKey;
    using snapshot = this.#options.raw.snapshot();
    const stored = snapshot.get(BACKUP_KEYS[kind]);
    return stored === undefined ? undefined : decodeBackup(root, kind, stored);
  }

  async deleteShareBackup(kind: ShareKind): Promise<void> {
    await this.#options.raw.transact((tx) => {
      tx.delete(BACKUP_KEYS[kind]);
    });
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => undefined);
    return run;
  }

  #read(): Stored | undefined {
    using snapshot = this.#options.raw.snapshot();
    const configBytes = snapshot.get(CONFIG_KEY);
    if (configBytes === undefined) return undefined;
    const config = decodeConfig(configBytes);
    const root = snapshot.get(ROOT_KEY);
    if (root === undefined) throw fail('corrupt', `${ROOT_KEY} is missing: restore it from a backup`);
    const { type } = this.#options.seal;
    if (config.type !== type) {
      throw fail(
        'invalidConfig',
        `${CONFIG_KEY} was made by the seal "${config.type}", the configuration says "${type}": put the former back`,
      );
    }
    // Copies: they are used after the snapshot has ended.
    return { config, configBytes: Uint8Array.from(configBytes), root: Uint8Array.from(root) };
  }

  #collect(share: Uint8Array | undefined, config: SealConfig): void {
    const first = this.#shares.count === 0;
    if (this.#shares.add(share, config) && first) this.#nonce = uuid();
  }

  async #unsealWith({ config, configBytes, root: stored }: Stored): Promise<void> {
    let key: Uint8Array | undefined;
    try {
      key = await this.#shares.combine(config);
    } finally {
      this.#forget();
    }
    const root = key === undefined ? undefined : decryptRoot(stored, takeKey(key), configBytes);
    if (root === undefined) {
      throw fail(
        'invalidShares',
        `the shares do not open the root key: at least one is wrong (or ${CONFIG_KEY} or ${ROOT_KEY} is damaged); start again with the first`,
      );
    }
    this.barrier.unseal(root);
  }

  #forget(): void {
    this.#shares.forget();
    this.#nonce = '';
  }

  async #wrapAnew(
    wrapper: KeyWrapper,
    { unsealKey, root, stored }: { readonly unsealKey: KeyObject; readonly root: KeyObject; readonly stored: Stored },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const wrapped = await wrapper.wrap(unsealKey, signal);
      const anew = encryptRoot(root, { unsealKey, config: stored.configBytes, wrapped });
      await this.#options.raw.transact((tx) => {
        // Another node may have been faster.
        const now = tx.get(ROOT_KEY);
        if (now !== undefined && Buffer.compare(now, stored.root) === 0) tx.put(ROOT_KEY, anew);
      });
    } catch (error) {
      this.#options.warn('unseal key not wrapped anew: keep the previous wrapping key configured', error);
    }
  }
}
