/** From an empty store to an unsealed barrier and back: init, unseal, seal, status. */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import { uuid } from '../lib/crypto/random.ts';
import type { Snapshot, Store, Transaction } from '../storage/store.ts';
import { Barrier, type BarrierOptions, type KeyStatus } from './barrier.ts';
import { GivenShares } from './given-shares.ts';
import { initialise, type Initialized, type InitOptions } from './initialise.ts';
import { replaceKeys, type KeyChange, type Replacing } from './replace-keys.ts';
import { decodeRestored, RESTORED_KEY, type Restored } from './restored.ts';
import { combineShares, type Split } from './shamir/shares.ts';
import { BACKUP_KEYS, decodeBackup, type ShareBackup, type ShareKind } from './share-backup.ts';
import { migrate } from './migrate.ts';
import { MIGRATED_KEY, migrationsIn, type Migrated } from './migrated.ts';
import { rewrap, storedIn } from './rewrap.ts';
import { backendsStatus, type BackendsStatus, type SealStatus } from './seal-status.ts';
import { SealWatch } from './seal-watch.ts';
import type { Opened, Seals } from './seals.ts';
import { standingOf, type Standing } from './standing.ts';
import {
  CONFIG_KEY,
  decryptRoot,
  isRecoveryKey,
  readStored,
  RECOVERY_KEY,
  ROOT_KEY,
  type SealConfig,
  type Stored,
} from './stored.ts';

export interface SealLifecycleOptions extends BarrierOptions {
  /** The store below the barrier; stays the caller's to dispose. */
  readonly raw: Store;
  readonly seals: Seals;
  /** What `sys/seal-status` says of the server. */
  readonly about: { readonly version: string; readonly buildDate: string; readonly storageType: string };
}

const WRAP_TIMEOUT_MS = 30_000;

interface UnsealOptions {
  readonly reset?: boolean;
  readonly migrate?: boolean;
  readonly address?: string;
}

export class SealLifecycle implements Disposable {
  readonly barrier: Barrier;
  readonly #options: SealLifecycleOptions;
  readonly #shares = new GivenShares();
  #nonce = '';
  /** Init, unseal and open run one after the other, so that shares are counted in order. */
  #turn: Promise<unknown> = Promise.resolve();
  #kept = false;
  readonly #watch: SealWatch;

  constructor(options: SealLifecycleOptions) {
    this.#options = options;
    this.barrier = new Barrier(options.raw, options);
    const { raw, seals } = options;
    this.#watch = new SealWatch({ raw, seals, sealed: () => this.barrier.sealed });
  }

  /** Ends what it does by itself; the keys stay until `seal`. */
  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  /** What looks after the seals: called about once a second, and once by itself. */
  get watch(): Pick<SealWatch, 'tick' | 'run'> {
    return this.#watch;
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
    const { seals, about } = this.#options;
    return {
      type: seals.type,
      initialized: stored !== undefined,
      sealed: this.barrier.sealed,
      t: stored?.config.threshold ?? 0,
      n: stored?.config.shares ?? 0,
      progress: this.#shares.count,
      nonce: this.#nonce,
      version: about.version,
      build_date: about.buildDate,
      migration: stored !== undefined && this.barrier.sealed && this.#standing(stored).migrates,
      recovery_seal: seals.auto,
      storage_type: about.storageType,
    };
  }

  /** `sys/seal-backend-status`. Throws `corrupt`. */
  backends(): BackendsStatus {
    return backendsStatus(this.#options.seals, storedIn(this.#options.raw));
  }

  /**
   * Makes the keys and the first records, in one transaction: `seed` writes behind the new barrier (the root token, the
   * first mounts) and, like any transaction, may run twice. With shares the node is still sealed afterwards, with
   * auto-unseal it is unsealed. Of several at once one wins. Throws `alreadyInitialized`, `badRequest` for wrong
   * numbers, `corrupt` when the store holds data but no seal.
   */
  init<T>(options: InitOptions, seed: (tx: Transaction) => T): Promise<Initialized<T>> {
    return this.#next(async () => {
      const { raw, seals, now = Date.now } = this.#options;
      const { root, ...made } = await initialise({ raw, seals, now }, options, seed);
      if (seals.auto) this.#opened(root);
      return made;
    });
  }

  /**
   * Auto-unseal, at the start: does nothing without one, before init, when unsealed, or before a migration. Rejects as
   * `Seals.open`.
   */
  open(signal: AbortSignal): Promise<SealStatus> {
    return this.#next(async () => {
      const { seals } = this.#options;
      const stored = this.#read();
      if (!seals.auto || stored === undefined || !this.barrier.sealed) return this.status();
      if (this.#standing(stored).migrates) {
        seals.log.warn(
          'the seal is to be migrated, so the node stays sealed: give the keys with `operator unseal -migrate`',
          {
            to: seals.type,
          },
        );
        return this.status();
      }
      const opened = await seals.open(stored, seals.enabled, signal);
      this.#opened(opened.root);
      seals.log.info('opened by a seal', { seal: opened.by.name });
      await this.#rewrapFor(opened, signal);
      return this.status();
    });
  }

  /**
   * Takes one share; with the last that is needed, unseals. A share that was given before is not counted again. `reset`
   * forgets what was given (and wins over a share). `migrate` says that the share is for a migration, which takes no
   * others; `address` is who gives it. When the shares do not open the root key, nothing tells which is wrong: `invalidShares`, and the count starts
   * again. The share's bytes are the caller's to wipe.
   */
  unseal(
    share: Uint8Array | undefined,
    { reset = false, migrate: migrating = false, address = '' }: UnsealOptions = {},
  ): Promise<SealStatus> {
    return this.#next(async () => {
      if (reset) {
        this.#forget();
        return this.status();
      }
      const stored = this.#read();
      if (stored === undefined) throw fail('notInitialized');
      if (!this.barrier.sealed) return this.status();
      const { seals } = this.#options;
      const standing = this.#standing(stored);
      checkMigrate(standing, migrating);
      if (!standing.migrates && seals.auto) {
        throw fail('badRequest', `the seal "${seals.type}" unseals by itself: it takes no shares`);
      }
      this.#collect(share, stored.config);
      if (this.#shares.count === stored.config.threshold) await this.#unsealWith(stored, standing, address);
      return this.status();
    });
  }

  /**
   * Whether these records could be opened here: asks the seals that are to do it. Rejects with what keeps them from it,
   * `invalidConfig` when no seal is there that could, not even after a migration.
   */
  async checkOpens(reads: Pick<Snapshot, 'get'>, signal: AbortSignal): Promise<void> {
    const { seals } = this.#options;
    const stored = readStored(reads);
    if (stored === undefined) throw fail('notInitialized');
    const standing = this.#standing(stored);
    const openers = standing.migrates ? standing.from : seals.enabled;
    if (openers.length > 0) await seals.open(stored, openers, signal);
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

  /** Those that are not on record yet, oldest first. Throws `corrupt`. */
  get migrations(): readonly Migrated[] {
    using snapshot = this.#options.raw.snapshot();
    return migrationsIn(snapshot);
  }

  /** They are on record. */
  async settleMigrations(): Promise<void> {
    await this.#options.raw.transact((tx) => {
      tx.delete(MIGRATED_KEY);
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
      if (!this.#options.seals.auto) {
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
    const { type, auto } = this.#options.seals;
    return { split: { shares, threshold }, auto, type };
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
      await replaceKeys({ seals: this.#options.seals, barrier: this.barrier, announce }, stored, change);
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

  /** Throws `invalidConfig` when the configured seals cannot come to open it. */
  #read(): Stored | undefined {
    const stored = storedIn(this.#options.raw);
    if (stored !== undefined) this.#standing(stored);
    return stored;
  }

  #standing(stored: Stored): Standing {
    return standingOf(this.#options.seals, stored);
  }

  #opened(root: KeyObject): void {
    this.barrier.unseal(root);
    this.#watch.soon();
  }

  #collect(share: Uint8Array | undefined, config: SealConfig): void {
    const first = this.#shares.count === 0;
    if (this.#shares.add(share, config) && first) this.#nonce = uuid();
  }

  async #unsealWith(stored: Stored, standing: Standing, address: string): Promise<void> {
    let key: Uint8Array | undefined;
    try {
      key = await this.#shares.combine(stored.config);
    } finally {
      this.#forget();
    }
    if (standing.migrates) {
      const { raw, seals, now = Date.now } = this.#options;
      const by = { address, at: now() };
      try {
        await migrate({ raw, seals, barrier: this.barrier, from: standing.from, by }, stored, key);
      } finally {
        key?.fill(0);
      }
      this.#watch.soon();
      return;
    }
    const root = key === undefined ? undefined : decryptRoot(stored.root, takeKey(key), stored.configBytes);
    if (root === undefined) {
      throw fail(
        'invalidShares',
        `the shares do not open the root key: at least one is wrong (or ${CONFIG_KEY} or ${ROOT_KEY} is damaged); start again with the first`,
      );
    }
    this.#opened(root);
  }

  #forget(): void {
    this.#shares.forget();
    this.#nonce = '';
  }

  /** At once where the seal that opened it has a newer wrapping key: the old one may go after one start. */
  async #rewrapFor(opened: Opened, signal: AbortSignal): Promise<void> {
    const { raw, seals } = this.#options;
    try {
      await rewrap({ raw, seals }, AbortSignal.any([signal, AbortSignal.timeout(WRAP_TIMEOUT_MS)]), opened);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      seals.log.warn('unseal key not wrapped anew: keep the previous wrapping key configured', { reason });
    }
  }
}

function checkMigrate({ migrates }: Standing, migrating: boolean): void {
  if (migrating && !migrates) {
    throw fail(
      'badRequest',
      "can't perform a seal migration, no migration seal found: the configured seal is the one that is in use",
    );
  }
  if (!migrating && migrates) {
    throw fail('badRequest', 'migrate option not provided and seal migration is pending: `operator unseal -migrate`');
  }
}
