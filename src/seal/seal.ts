/** The contract of a seal: what keeps the barrier's unseal key while nobody uses it. */
import type { KeyObject } from 'node:crypto';

/**
 * The unseal key encrypts the root key, the root key the keyring, the keyring the data. A seal looks after the unseal
 * key: people hold shares of it (no `wrapper`), or a machine wraps it (auto-unseal).
 */
export interface Seal {
  /** As in the configuration and in `sys/seal-status`: `shamir`, `static`. */
  readonly type: string;
  /** Present: the node unseals by itself, and the shares that people hold are recovery shares, which only authorise. */
  readonly wrapper?: KeyWrapper;
  /** Whether the seal could work now. A seal that needs nothing is always healthy. */
  readonly check: (signal: AbortSignal) => Promise<'healthy' | 'unreachable'>;
  /** Ends what it does by itself, such as keeping a token alive. */
  readonly [Symbol.dispose]?: () => void;
}

export interface KeyWrapper {
  /** Never twice the same bytes for one key. Rejects when the seal cannot be reached. */
  readonly wrap: (key: KeyObject, signal: AbortSignal) => Promise<Uint8Array>;
  /**
   * Rejects with `corrupt` when the bytes are damaged, `invalidConfig` when they need a wrapping key that the
   * configuration does not name (the message says which).
   */
  readonly unwrap: (wrapped: Uint8Array, signal: AbortSignal) => Promise<KeyObject>;
  /** False when `wrapped` is under an older wrapping key: it is then wrapped anew. */
  readonly isCurrent: (wrapped: Uint8Array) => boolean;
}
