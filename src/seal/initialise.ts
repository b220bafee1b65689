/** Making the keys of a new store: unseal key, root key, keyring, and the shares that people take away. */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { randomBytes, uuid } from '../lib/crypto/random.ts';
import { Secret } from '../lib/secret.ts';
import type { Snapshot, Store, Transaction } from '../storage/store.ts';
import { createBarrier } from './barrier.ts';
import { KEY_BYTES, KEYRING_KEY, newKey } from './keyring.ts';
import { readPgpKeys, type PgpKey } from './pgp.ts';
import type { Seals } from './seals.ts';
import { SEAL_AREA } from './session.ts';
import { showShares, type Shares } from './shown-shares.ts';
import { checkSplit, DEFAULT_SPLIT, splitKey, type Split } from './shamir/shares.ts';
import { CONFIG_KEY, encodeConfig, encodeRecovery, encryptRoot, RECOVERY_KEY, ROOT_KEY } from './stored.ts';
import { encodeWrapped, WRAPPED_KEY } from './wrapped.ts';

/**
 * `secret…` belong to shares that unseal, `recovery…` to auto-unseal; the other pair is refused (0 counts as not
 * given, since clients send both). Default 5 shares, 3 needed.
 */
export interface InitOptions {
  readonly secretShares?: number | undefined;
  readonly secretThreshold?: number | undefined;
  readonly recoveryShares?: number | undefined;
  readonly recoveryThreshold?: number | undefined;
  /** Vault's parameter for auto-unseal: 0 or 1, without effect. */
  readonly storedShares?: number | undefined;
  /** One PGP key for each share, which is then shown encrypted to it alone. As for the numbers, the other is refused. */
  readonly pgpKeys?: readonly string[] | undefined;
  readonly recoveryPgpKeys?: readonly string[] | undefined;
}

export interface Initialized<T> {
  /** Empty with auto-unseal. */
  readonly unsealShares: Secret<Shares>;
  /** Empty without auto-unseal. */
  readonly recoveryShares: Secret<Shares>;
  /** What `seed` returned. */
  readonly seeded: T;
}

export interface Ground {
  readonly raw: Store;
  readonly seals: Seals;
  readonly now: () => number;
}

/** How long an auto-unseal may take to answer. */
const WRAP_TIMEOUT_MS = 30_000;

/** As `SealLifecycle.init`, and gives the root key. */
export async function initialise<T>(
  { raw, seals, now }: Ground,
  options: InitOptions,
  seed: (tx: Transaction) => T,
): Promise<Initialized<T> & { readonly root: KeyObject }> {
  const split = splitOf(seals, options);
  checkBefore(raw);
  const pgp = await pgpKeysOf(seals, options, split.shares);
  const unsealKey = newKey();
  const root = newKey();
  const config = encodeConfig(seals.type, split, uuid());
  const wrapped = await seals.wrapByAll(unsealKey, AbortSignal.timeout(WRAP_TIMEOUT_MS));
  const secret = seals.auto ? randomBytes(KEY_BYTES) : unsealKey.export();
  try {
    const given = new Secret(await showShares(await splitKey(secret, split), pgp));
    const { value: seeded } = await raw.transact((tx) => {
      checkEmpty(tx);
      tx.put(CONFIG_KEY, config);
      tx.put(ROOT_KEY, encryptRoot(root, { unsealKey, config }));
      if (seals.auto) {
        tx.put(WRAPPED_KEY, encodeWrapped(wrapped));
        tx.put(RECOVERY_KEY, encodeRecovery(root, secret));
      }
      return createBarrier(tx, root, now(), seed);
    });
    const none = new Secret<Shares>({ hex: [], base64: [] });
    return seals.auto
      ? { root, seeded, unsealShares: none, recoveryShares: given }
      : { root, seeded, unsealShares: given, recoveryShares: none };
  } finally {
    secret.fill(0);
  }
}

function splitOf({ auto, type }: Seals, options: InitOptions): Split {
  const own = auto ? 'recovery' : 'secret';
  const other = auto ? 'secret' : 'recovery';
  const unfit = auto
    ? [options.secretShares, options.secretThreshold]
    : [options.recoveryShares, options.recoveryThreshold];
  if (unfit.some((count) => count !== undefined && count !== 0)) {
    throw fail('badRequest', `${other}_shares and ${other}_threshold do not apply to the seal "${type}"`);
  }
  const split = {
    shares: (auto ? options.recoveryShares : options.secretShares) ?? DEFAULT_SPLIT.shares,
    threshold: (auto ? options.recoveryThreshold : options.secretThreshold) ?? DEFAULT_SPLIT.threshold,
  };
  checkSplit(split, own);
  return split;
}

/** Data without its seal is data whose keys are elsewhere: a new keyring would lose it for good. */
function checkEmpty(reads: Pick<Snapshot, 'get' | 'children'>): void {
  if (reads.get(CONFIG_KEY) !== undefined) throw fail('alreadyInitialized');
  const areas = reads.children('', { limit: 8 }).filter((area) => area !== SEAL_AREA);
  const lost = [ROOT_KEY, KEYRING_KEY].filter((key) => reads.get(key) !== undefined);
  const found = [...lost, ...areas];
  if (found.length > 0) {
    throw fail(
      'corrupt',
      `${CONFIG_KEY} is missing, but the store holds ${found.join(', ')}: restore it from a backup`,
    );
  }
}

/** An early answer; the transaction checks again. Its snapshot must not be held while the seal answers. */
function checkBefore(raw: Store): void {
  using snapshot = raw.snapshot();
  checkEmpty(snapshot);
}

async function pgpKeysOf({ auto, type }: Seals, options: InitOptions, shares: number): Promise<readonly PgpKey[]> {
  const unfit = auto ? options.pgpKeys : options.recoveryPgpKeys;
  if (unfit !== undefined && unfit.length > 0) {
    const [name, other] = auto ? ['pgp_keys', 'recovery_pgp_keys'] : ['recovery_pgp_keys', 'pgp_keys'];
    throw fail('badRequest', `${name} does not apply to the seal "${type}": use ${other}`);
  }
  return readPgpKeys(auto ? 'recovery_pgp_keys' : 'pgp_keys', auto ? options.recoveryPgpKeys : options.pgpKeys, shares);
}
