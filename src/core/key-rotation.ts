/** When the key that encrypts what is written makes room for a new one by itself: by count, and by age. */
import { fail } from '../errors.ts';
import { decodeRecord } from '../lib/record.ts';
import { ROTATE_AFTER } from '../seal/keyring.ts';
import type { SealLifecycle } from '../seal/lifecycle.ts';
import type { Store } from '../storage/store.ts';
import { keys } from './keys.ts';
import { noteSealChange } from './seal-changes.ts';

/** Of this node, kept behind its seal. */
export interface RotationConfig {
  readonly enabled: boolean;
  /** Encryptions under one key. */
  readonly maxOperations: number;
  /** Seconds; 0: the age does not matter. */
  readonly interval: number;
}

const MIN_OPERATIONS = 1_000_000;
const MIN_INTERVAL = 86_400;
const DEFAULT: RotationConfig = { enabled: true, maxOperations: ROTATE_AFTER, interval: 0 };

export class KeyRotation {
  readonly #lifecycle: SealLifecycle;
  readonly #store: Store;
  readonly #now: () => number;
  #config: RotationConfig;

  /** Of one unsealed period. */
  constructor({ lifecycle, store, now }: { lifecycle: SealLifecycle; store: Store; now: () => number }) {
    this.#lifecycle = lifecycle;
    this.#store = store;
    this.#now = now;
    const stored = store.get(keys.rotation);
    this.#config = stored === undefined ? DEFAULT : decodeRecord<RotationConfig>(stored, keys.rotation);
    this.#apply();
  }

  get config(): RotationConfig {
    return this.#config;
  }

  /** What is not given stays. Throws `badRequest`. */
  async configure(change: { readonly [K in keyof RotationConfig]?: RotationConfig[K] | undefined }): Promise<void> {
    const before = this.#config;
    const config = {
      enabled: change.enabled ?? before.enabled,
      maxOperations: change.maxOperations ?? before.maxOperations,
      interval: change.interval ?? before.interval,
    };
    if (config.maxOperations < MIN_OPERATIONS || config.maxOperations > ROTATE_AFTER) {
      throw fail('badRequest', `max_operations must be in the range [${MIN_OPERATIONS},${ROTATE_AFTER}]`);
    }
    if (config.interval !== 0 && config.interval < MIN_INTERVAL) {
      throw fail('badRequest', 'interval must be greater or equal to 24h0m0s, or 0 for none');
    }
    await this.#store.transact((tx) => {
      tx.put(keys.rotation, Buffer.from(JSON.stringify(config)));
    });
    this.#config = config;
    this.#apply();
  }

  /** Rotates a key that has become too old: called about once a second. */
  async tick(): Promise<void> {
    const { enabled, interval } = this.#config;
    if (!enabled || interval === 0) return;
    if (this.#now() - this.#lifecycle.keyStatus().installTime >= interval * 1_000) await this.rotate();
  }

  /** Throws `sealed`. */
  async rotate(): Promise<void> {
    await this.#lifecycle.rotate();
    await noteSealChange(this.#store, 'rotate', this.#now());
  }

  #apply(): void {
    const { enabled, maxOperations } = this.#config;
    // Disabled, the hard limit of a key still refuses to encrypt.
    this.#lifecycle.barrier.rotateAfter = enabled ? maxOperations : Number.POSITIVE_INFINITY;
  }
}
