/**
 * Keys of one part of the data, which people hold apart from those of the node: an unseal key that is split, a root key,
 * a keyring, each stored under the one before as the node's own are. The part is encrypted under the keyring first, and
 * then by the barrier as everything is: so its keys are no way around the node's, nor the node's around them.
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { uuid } from '../lib/crypto/random.ts';
import { Secret } from '../lib/secret.ts';
import type { Snapshot, Transaction } from '../storage/store.ts';
import { GivenShares } from './given-shares.ts';
import { Keyring, newKey } from './keyring.ts';
import { readPgpKeys } from './pgp.ts';
import { showShares, type Shares } from './shown-shares.ts';
import { checkSplit, splitKey, type Split } from './shamir/shares.ts';
import { decodeConfig, decryptRoot, encodeConfig, encryptRoot, type SealConfig } from './stored.ts';

/** Where the keys of a part lie. */
export interface OwnKeysPlace {
  readonly config: string;
  readonly root: string;
  readonly keyring: string;
  /** Shares that were encrypted to PGP keys and kept. */
  readonly backup: string;
}

export interface OwnKeysOptions {
  readonly split: Split;
  /** One for each share, which is then shown encrypted to it alone. */
  readonly pgpKeys?: readonly string[] | undefined;
  /** Wall-clock milliseconds. */
  readonly now: number;
}

export interface OwnKeys {
  /** Shown once, stored nowhere. */
  readonly shares: Secret<Shares>;
  readonly threshold: number;
  /** In the transaction that makes the part: it is there with its keys or not at all. */
  readonly put: (tx: Transaction, at: OwnKeysPlace) => void;
}

const TYPE = 'shamir';

/** Throws `badRequest` for wrong numbers, and for PGP keys that nothing can be encrypted to. */
export async function makeOwnKeys({ split, pgpKeys, now }: OwnKeysOptions): Promise<OwnKeys> {
  checkSplit(split, 'secret');
  const pgp = await readPgpKeys('pgp_keys', pgpKeys, split.shares);
  const unsealKey = newKey();
  const root = newKey();
  const config = encodeConfig(TYPE, split, uuid());
  const secret = unsealKey.export();
  try {
    const shares = new Secret(await showShares(await splitKey(secret, split), pgp));
    const [rootRecord, keyring] = [encryptRoot(root, { unsealKey, config }), Keyring.create(now).encrypt(root)];
    return {
      ...{ shares, threshold: split.threshold },
      put: (tx, at) => {
        tx.put(at.config, config);
        tx.put(at.root, rootRecord);
        tx.put(at.keyring, keyring);
      },
    };
  } finally {
    secret.fill(0);
  }
}

/** As `sys/seal-status` shows the node's. */
export interface OwnKeysStatus {
  readonly type: string;
  readonly initialized: boolean;
  /** The threshold, and how many shares there are. */
  readonly t: number;
  readonly n: number;
  readonly progress: number;
  readonly nonce: string;
}

/** What holds the keys of a part, read at one moment. */
export interface StoredKeys {
  readonly config: SealConfig;
  readonly configBytes: Uint8Array;
  readonly root: Uint8Array;
}

/** Takes shares for one part, one after the other. One caller at a time. */
export class OwnKeysUnseal {
  readonly #read: () => Pick<Snapshot, 'get'> & Disposable;
  readonly #at: OwnKeysPlace;
  readonly #shares = new GivenShares();
  #nonce = '';

  /** `read`: a snapshot of the store that the keys lie in. */
  constructor(read: () => Pick<Snapshot, 'get'> & Disposable, at: OwnKeysPlace) {
    this.#read = read;
    this.#at = at;
  }

  /** Throws `corrupt` or `formatVersion`. */
  get status(): OwnKeysStatus {
    const { type, threshold, shares } = this.#stored().config;
    return { type, initialized: true, t: threshold, n: shares, progress: this.#shares.count, nonce: this.#nonce };
  }

  /**
   * Takes one; with the last that is needed, gives the root key. One that was given before is not counted again. Its bytes
   * stay the caller's to wipe. Throws `invalidShares` where they open nothing: then the count starts again.
   */
  async add(share: Uint8Array): Promise<KeyObject | undefined> {
    const stored = this.#stored();
    const first = this.#shares.count === 0;
    if (this.#shares.add(share, stored.config) && first) this.#nonce = uuid();
    if (this.#shares.count < stored.config.threshold) return undefined;
    try {
      const key = await this.#shares.combine(stored.config);
      const root = key === undefined ? undefined : decryptRoot(stored.root, takeKey(key), stored.configBytes);
      if (root !== undefined) return root;
    } finally {
      this.forget();
    }
    throw fail(
      'invalidShares',
      'the shares do not open the root key of the namespace: at least one is wrong; start again with the first',
    );
  }

  forget(): void {
    this.#shares.forget();
    this.#nonce = '';
  }

  #stored(): StoredKeys {
    using snapshot = this.#read();
    return readOwnKeys(snapshot, this.#at);
  }
}

/** Throws `corrupt` or `formatVersion`. */
export function readOwnKeys(reads: Pick<Snapshot, 'get'>, at: OwnKeysPlace): StoredKeys {
  const [config, root] = [reads.get(at.config), reads.get(at.root)];
  if (config === undefined || root === undefined) {
    throw fail('corrupt', `${at.config} or ${at.root} is missing: restore it from a backup`);
  }
  const configBytes = Uint8Array.from(config);
  return { config: decodeConfig(configBytes), configBytes, root: Uint8Array.from(root) };
}
