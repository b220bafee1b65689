/**
 * A new root token by enough shares, for when the last one is gone, or the token of recovery mode: nobody but who started it
 * can read it, since it goes out encrypted by a one-time password or to a PGP key. An attempt lives in this node's memory
 * alone.
 */
import { fail } from '../errors.ts';
import { randomBase62, uuid } from '../lib/crypto/random.ts';
import { GivenShares } from '../seal/given-shares.ts';
import { readPgpKey, type PgpKey } from '../seal/pgp.ts';
import { checkNonce, wrongShares, type Shareholders } from '../seal/rekey.ts';

export interface RootProgress {
  /** How long a one-time password must be: as long as the token. */
  readonly otpLength: number;
  readonly started: boolean;
  readonly nonce: string;
  readonly progress: number;
  readonly required: number;
  readonly complete: boolean;
  readonly encodedToken: string;
  readonly fingerprint: string;
  /** Only in the answer that made it. */
  readonly otp: string;
}

export interface RootGenerationOptions {
  readonly seal: Omit<Shareholders, 'replaceKeys'>;
  /** Ids of one length. */
  readonly newId: () => string;
  /** Makes the token that an id stands for. May throw `sealed`. */
  readonly keep: (id: string) => Promise<void>;
}

interface Attempt {
  readonly nonce: string;
  readonly encode: (token: string) => Promise<string>;
  readonly fingerprint: string;
  readonly given: GivenShares;
}

export class RootGeneration {
  readonly #options: RootGenerationOptions;
  #attempt: Attempt | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  readonly #otpLength: number;

  constructor(options: RootGenerationOptions) {
    this.#options = options;
    this.#otpLength = options.newId().length;
  }

  progress(): RootProgress {
    const attempt = this.#attempt;
    return {
      otpLength: this.#otpLength,
      started: attempt !== undefined,
      nonce: attempt?.nonce ?? '',
      progress: attempt?.given.count ?? 0,
      required: this.#options.seal.shareholders.split.threshold,
      complete: false,
      encodedToken: '',
      fingerprint: attempt?.fingerprint ?? '',
      otp: '',
    };
  }

  /** With a PGP key, a one-time password, or neither: then one is made and told this once. Throws `badRequest`. */
  start({ otp, pgpKey }: { readonly otp: string; readonly pgpKey: string }): Promise<RootProgress> {
    return this.#next(async () => {
      if (otp !== '' && pgpKey !== '') throw fail('badRequest', 'give otp or pgp_key, not both');
      if (otp !== '' && Buffer.byteLength(otp) !== this.#otpLength) {
        throw fail('badRequest', `OTP string has incorrect length: it must be ${this.#otpLength} bytes long`);
      }
      if (this.#attempt !== undefined) {
        throw fail('badRequest', 'root generation already in progress: finish or cancel it');
      }
      const made = otp === '' && pgpKey === '' ? randomBase62(this.#otpLength) : '';
      const pgp = pgpKey === '' ? undefined : await readPgpKey('pgp_key', pgpKey);
      this.#attempt = {
        nonce: uuid(),
        encode: async (token) => (pgp === undefined ? encodeToken(token, otp || made) : encrypted(token, pgp)),
        fingerprint: pgp?.fingerprint ?? '',
        given: new GivenShares(),
      };
      return { ...this.progress(), otp: made };
    });
  }

  cancel(): void {
    this.#attempt?.given.forget();
    this.#attempt = undefined;
  }

  /** Takes one share; with the last that is needed, makes the token. Throws as `Rekey.give`. */
  give(share: Uint8Array, nonce: string): Promise<RootProgress> {
    return this.#next(async () => {
      const attempt = this.#attempt;
      if (attempt === undefined) throw fail('badRequest', 'no root generation in progress: start one');
      checkNonce(nonce, attempt.nonce, 'root generation operation');
      const { seal, newId, keep } = this.#options;
      const { split } = seal.shareholders;
      if (!attempt.given.add(share, split)) throw fail('badRequest', 'given key has already been provided');
      if (attempt.given.count < split.threshold) return this.progress();
      try {
        if (!(await seal.authorise(attempt.given.all))) throw wrongShares('root generation');
      } finally {
        attempt.given.forget();
      }
      // Cancelled, or sealed, while the shares were checked.
      if (this.#attempt !== attempt) throw fail('badRequest', 'the root generation was cancelled');
      const id = newId();
      const encodedToken = await attempt.encode(id);
      await keep(id);
      this.cancel();
      const progress = { progress: split.threshold, started: true, nonce, complete: true };
      return { ...this.progress(), ...progress, encodedToken, fingerprint: attempt.fingerprint };
    });
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => undefined);
    return run;
  }
}

async function encrypted(token: string, pgp: PgpKey): Promise<string> {
  return Buffer.from(await pgp.encrypt(token)).toString('base64');
}

/** Vault's form: the bytes of the token XORed with the password's, in base64 without padding. */
export function encodeToken(token: string, otp: string): string {
  return xor(Buffer.from(token), Buffer.from(otp)).toString('base64').replaceAll('=', '');
}

/** undefined when the two are not of one length. */
export function decodeToken(encoded: string, otp: string): string | undefined {
  const bytes = Buffer.from(encoded, 'base64');
  const pad = Buffer.from(otp);
  return bytes.length === pad.length && pad.length > 0 ? xor(bytes, pad).toString() : undefined;
}

function xor(left: Buffer, right: Buffer): Buffer {
  return left.map((byte, at) => byte ^ (right[at] ?? 0)) as Buffer;
}
