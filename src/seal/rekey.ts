/**
 * Changing who unseals or authorises: enough of the shares that hold today give new ones. An attempt lives in this node's
 * memory alone and ends with the seal; until it is over the old shares hold.
 */
import { fail } from '../errors.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import { randomBytes, uuid } from '../lib/crypto/random.ts';
import { Secret } from '../lib/secret.ts';
import { GivenShares } from './given-shares.ts';
import { KEY_BYTES } from './keyring.ts';
import { readPgpKeys, type PgpKey } from './pgp.ts';
import type { KeyChange } from './replace-keys.ts';
import { checkSplit, combineShares, splitKey, type Split } from './shamir/shares.ts';
import type { ShareBackup, ShareKind } from './share-backup.ts';
import { showShares, type Shares } from './shown-shares.ts';
import { equalSecret } from '../lib/crypto/hash.ts';

export interface RekeyOptions {
  readonly shares: number;
  readonly threshold: number;
  readonly pgpKeys?: readonly string[] | undefined;
  /** Keep the encrypted shares: only with PGP keys. */
  readonly backup: boolean;
  /** The new shares hold once enough of them have been given. */
  readonly verify: boolean;
}

export interface RekeyProgress {
  readonly started: boolean;
  readonly nonce: string;
  /** Of the new shares; 0 without an attempt, or when there will be none. */
  readonly split: Split;
  readonly progress: number;
  /** How many of today's shares are needed. */
  readonly required: number;
  readonly fingerprints: readonly string[];
  readonly backup: boolean;
  readonly verify: boolean;
  /** Of the new shares' verification, once it is due. */
  readonly verificationNonce: string;
}

export interface Rekeyed {
  readonly nonce: string;
  /** None where a machine unseals and the recovery shares stay. */
  readonly shares: Secret<Shares>;
  readonly fingerprints: readonly string[];
  readonly backup: boolean;
  readonly verify: boolean;
  readonly verificationNonce: string;
}

export interface VerifyProgress {
  /** Whether it is due: enough of today's shares were given. */
  readonly started: boolean;
  readonly nonce: string;
  readonly split: Split;
  readonly progress: number;
}

/** The seal, as a rekey needs it. */
export interface Shareholders {
  readonly shareholders: { readonly split: Split; readonly auto: boolean; readonly type: string };
  readonly authorise: (shares: readonly Uint8Array[]) => Promise<boolean>;
  readonly replaceKeys: (change: KeyChange) => Promise<void>;
}

/** Keys that people hold together, with what was kept of their shares. */
export interface HeldKeys extends Shareholders {
  /** Throws `sealed`. */
  readonly backup: (kind: ShareKind) => ShareBackup | undefined;
  readonly deleteBackup: (kind: ShareKind) => Promise<void>;
}

interface Attempt {
  readonly nonce: string;
  readonly split: Split | undefined;
  readonly pgp: readonly PgpKey[];
  readonly backup: boolean;
  readonly verify: boolean;
  readonly given: GivenShares;
}

/** New shares that wait to be proved. */
interface Unproved {
  nonce: string;
  readonly split: Split;
  readonly key: Uint8Array;
  readonly backup: KeyChange['backup'];
  readonly given: GivenShares;
}

const NO_SPLIT: Split = { shares: 0, threshold: 0 };
const NOT_STARTED = {
  ...{ started: false, nonce: '', split: NO_SPLIT, progress: 0 },
  ...{ fingerprints: [], backup: false, verify: false, verificationNonce: '' },
} as const;

export class Rekey {
  readonly #kind: ShareKind;
  readonly #seal: Shareholders;
  #attempt: Attempt | undefined;
  #unproved: Unproved | undefined;
  /** Shares are taken one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(kind: ShareKind, seal: Shareholders) {
    this.#kind = kind;
    this.#seal = seal;
  }

  progress(): RekeyProgress {
    this.#checkKind();
    const required = this.#seal.shareholders.split.threshold;
    const attempt = this.#attempt;
    if (attempt === undefined) return { ...NOT_STARTED, required };
    const { nonce, split = NO_SPLIT, pgp, given, backup, verify } = attempt;
    return {
      ...{ started: true, nonce, split, required, backup, verify },
      progress: given.count,
      fingerprints: pgp.map(({ fingerprint }) => fingerprint),
      verificationNonce: this.#unproved?.nonce ?? '',
    };
  }

  /** Throws `badRequest`: one is under way, or the numbers or keys are wrong. */
  start(options: RekeyOptions): Promise<RekeyProgress> {
    return this.#next(async () => {
      this.#checkKind();
      if (this.#attempt !== undefined) throw fail('badRequest', 'rekey already in progress: finish or cancel it');
      const split = this.#newSplit(options);
      const pgp = await readPgpKeys('pgp_keys', options.pgpKeys, split?.shares ?? 0);
      const { backup, verify } = options;
      if (backup && pgp.length === 0) {
        throw fail('badRequest', 'a backup holds only shares that are encrypted: give pgp_keys');
      }
      this.#attempt = {
        ...{ nonce: uuid(), split, pgp, backup },
        verify: verify && split !== undefined,
        given: new GivenShares(),
      };
      return this.progress();
    });
  }

  /** Drops the attempt and new shares that are not proved. */
  cancel(): void {
    this.#attempt?.given.forget();
    this.#attempt = undefined;
    this.#unproved?.given.forget();
    this.#unproved?.key.fill(0);
    this.#unproved = undefined;
  }

  /**
   * Takes one of today's shares; with the last that is needed, makes the new ones. Throws `badRequest`, and
   * `invalidShares` when they are wrong: the count starts again.
   */
  give(share: Uint8Array, nonce: string): Promise<RekeyProgress | Rekeyed> {
    return this.#next(async () => {
      const attempt = this.#attempt;
      if (attempt === undefined) throw fail('badRequest', 'no rekey in progress: start one');
      if (this.#unproved !== undefined) {
        throw fail('badRequest', 'enough shares were given: now verify the new ones, or cancel');
      }
      checkNonce(nonce, attempt.nonce, 'rekey operation');
      const { split } = this.#seal.shareholders;
      if (!attempt.given.add(share, split)) throw fail('badRequest', 'given key has already been provided');
      if (attempt.given.count < split.threshold) return this.progress();
      try {
        if (!(await this.#seal.authorise(attempt.given.all))) throw wrongShares('rekey');
      } finally {
        attempt.given.forget();
      }
      // Cancelled, or sealed, while the shares were checked.
      if (this.#attempt !== attempt) throw cancelled();
      return this.#renew(attempt);
    });
  }

  /** Throws `badRequest` without an attempt. */
  verification(): VerifyProgress {
    const { split = NO_SPLIT } = this.#started;
    const unproved = this.#unproved;
    if (unproved === undefined) return { started: false, nonce: '', split, progress: 0 };
    return { started: true, nonce: unproved.nonce, split, progress: unproved.given.count };
  }

  /** Forgets what was given for the verification; it goes on under a new nonce. Throws `badRequest` without an attempt. */
  restartVerification(): VerifyProgress {
    if (this.#unproved !== undefined) beginAgain(this.#unproved);
    return this.verification();
  }

  /** Takes one of the new shares; with the last that is needed they hold. Then undefined. */
  verify(share: Uint8Array, nonce: string): Promise<VerifyProgress | undefined> {
    return this.#next(async () => {
      const unproved = this.#waiting;
      const { split, given, key, backup } = unproved;
      checkNonce(nonce, unproved.nonce, 'verify operation');
      if (!given.add(share, split)) throw fail('badRequest', 'given key has already been provided');
      if (given.count < split.threshold) return this.verification();
      const shown = await combineShares(given.all, split);
      beginAgain(unproved);
      // Its key is wiped by then, and anybody has the shares of zeros.
      if (this.#unproved !== unproved) throw cancelled();
      const right = shown !== undefined && equalSecret(shown, key);
      shown?.fill(0);
      if (!right) throw wrongShares('verification');
      await this.#replace({ split, shareKey: key, backup });
      this.cancel();
      return undefined;
    });
  }

  async #renew(attempt: Attempt): Promise<Rekeyed> {
    const { nonce, split, pgp, verify } = attempt;
    const fingerprints = pgp.map(({ fingerprint }) => fingerprint);
    const made = { nonce, fingerprints, backup: attempt.backup, verify, verificationNonce: '' };
    if (split === undefined) {
      await this.#seal.replaceKeys({ split: this.#seal.shareholders.split });
      this.cancel();
      return { ...made, shares: new Secret<Shares>({ hex: [], base64: [] }) };
    }
    const key = new Uint8Array(randomBytes(KEY_BYTES));
    const shares = await showShares(await splitKey(key, split), pgp);
    if (this.#attempt !== attempt) {
      key.fill(0);
      throw cancelled();
    }
    const backup = attempt.backup
      ? { kind: this.#kind, shares: { nonce, keys: byFingerprint(fingerprints, shares.hex) } }
      : undefined;
    if (verify) {
      this.#unproved = { nonce: uuid(), split, key, backup, given: new GivenShares() };
      return { ...made, shares: new Secret(shares), verificationNonce: this.#unproved.nonce };
    }
    try {
      await this.#replace({ split, shareKey: key, backup });
    } finally {
      key.fill(0);
    }
    this.cancel();
    return { ...made, shares: new Secret(shares) };
  }

  /** From a copy: who cancels meanwhile wipes the key, and what is stored would be one that everybody knows. */
  async #replace(change: KeyChange & { readonly shareKey: Uint8Array }): Promise<void> {
    const shareKey = pinnedCopy(change.shareKey);
    try {
      await this.#seal.replaceKeys({ ...change, shareKey });
    } finally {
      shareKey.fill(0);
    }
  }

  get #started(): Attempt {
    if (this.#attempt === undefined) throw fail('badRequest', 'no rekey configuration found: start a rekey');
    return this.#attempt;
  }

  /** Throws `badRequest` when no new shares wait to be verified. */
  get #waiting(): Unproved {
    void this.#started;
    if (this.#unproved === undefined) throw fail('badRequest', 'no new shares wait for verification');
    return this.#unproved;
  }

  #checkKind(): void {
    const { auto, type } = this.#seal.shareholders;
    if (this.#kind === 'recovery' && !auto) {
      throw fail('badRequest', `recovery rekeying not supported: the seal "${type}" has no recovery shares`);
    }
  }

  /** undefined where no shares come of it: a machine keeps the unseal key. */
  #newSplit({ shares, threshold, pgpKeys, backup }: RekeyOptions): Split | undefined {
    const { auto, type } = this.#seal.shareholders;
    if (this.#kind === 'recovery' || !auto) {
      checkSplit({ shares, threshold }, 'secret');
      return { shares, threshold };
    }
    if ((pgpKeys?.length ?? 0) > 0 || backup) {
      throw fail('badRequest', `the seal "${type}" has no unseal shares: leave pgp_keys and backup out`);
    }
    return undefined;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => undefined);
    return run;
  }
}

export function checkNonce(given: string, expected: string, what: string): void {
  // No secret: whoever may read the progress sees it.
  if (given !== expected) {
    throw fail('badRequest', `incorrect nonce supplied; nonce for this ${what} is "${expected}"`);
  }
}

/** Whoever still holds the old nonce adds nothing to the next try. */
function beginAgain(unproved: Unproved): void {
  unproved.given.forget();
  unproved.nonce = uuid();
}

const cancelled = (): Error => fail('badRequest', 'the rekey was cancelled');

export function wrongShares(what: string): Error {
  return fail('invalidShares', `${what} failed: at least one of the shares is wrong; start again with the first`);
}

/** One person may hold several. */
function byFingerprint(fingerprints: readonly string[], shares: readonly string[]): ShareBackup['keys'] {
  const keys: Record<string, string[]> = {};
  for (const [at, share] of shares.entries()) (keys[fingerprints[at] ?? ''] ??= []).push(share);
  return keys;
}
