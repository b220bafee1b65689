/**
 * The secrets that entities share with TOTP methods, and which of their codes still count. One transaction reads, decides
 * and writes: so a code is taken once, and wrong ones are counted, however many come together, and over a restart.
 */
import { fail } from '../../errors.ts';
import { matchingStep, toBase32, totpUrl, type TotpKey } from '../../lib/crypto/totp.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { identityKeys } from '../identity/identity-keys.ts';
import { mfaKeys } from './mfa-keys.ts';
import type { FoundMethod } from './methods.ts';
import type { MethodRecord, TotpConfig, TotpSecret } from './records.ts';

/** One entity's secret of one method. */
export interface Owner {
  readonly namespace: string;
  readonly entity: string;
  readonly method: MethodRecord;
}

/** What of an owner is gone, as a transaction sees it: a secret that is stored then would be nobody's. */
export function goneOf(
  tx: Pick<Transaction, 'has'>,
  { namespace, entity, method }: { readonly namespace: string; readonly entity: string; readonly method: FoundMethod },
): 'method' | 'entity' | undefined {
  if (!tx.has(mfaKeys(method.namespace.id).method(method.record.id))) return 'method';
  return tx.has(identityKeys(namespace).entity(entity)) ? undefined : 'entity';
}

/** What a code is worth. `absent`: the entity has no secret. `tooMany`: milliseconds until the next one is looked at. */
export type Verdict = { readonly is: 'right' | 'wrong' | 'absent' } | { readonly is: 'tooMany'; readonly wait: number };

const RIGHT: Verdict = { is: 'right' };
const WRONG: Verdict = { is: 'wrong' };
const ABSENT: Verdict = { is: 'absent' };

const keyOf = ({ namespace, entity, method }: Owner): string => mfaKeys(namespace).secret(entity, method.id);

const LONGEST_PAUSE_MS = 3_600_000;
const MOST_DOUBLINGS = 16;

/**
 * After too many wrong codes: until no code that was right at the time of the last one is right any more, and each time there
 * are too many again twice as long, up to an hour (RFC 4226, section 7.3). A right code begins anew.
 */
function pauseOf({ period, skew, wrong }: TotpSecret): number {
  const first = period * (1 + 2 * skew) * 1_000;
  const doubled = first * 2 ** Math.min(wrong?.rounds ?? 0, MOST_DOUBLINGS);
  return Math.max(first, Math.min(doubled, LONGEST_PAUSE_MS));
}

export function newSecret({ algorithm, digits, period, skew, keySize }: TotpConfig): TotpSecret {
  const bytes = randomBytes(keySize);
  const secret = toBase32(bytes);
  bytes.fill(0);
  return { secret, algorithm, digits, period, skew };
}

/** As an app takes it in: the account is the entity's id, as in Vault. */
export async function shownSecret(secret: TotpKey, { issuer, qrSize }: TotpConfig, entity: string) {
  const url = totpUrl(secret, issuer, entity);
  if (qrSize === 0) return { url, barcode: '' };
  // 1 MB on each thread, and most nodes never show one.
  const { qrCode } = await import('../../lib/qr-code.ts');
  return { url, barcode: qrCode(url, qrSize).toString('base64') };
}

/** A few now and then count too: nobody is to guess on below the limit. A clock that was set back makes no pause shorter. */
function oneMore(wrong: TotpSecret['wrong'], isFull: boolean, now: number): NonNullable<TotpSecret['wrong']> {
  const { count, at, rounds = 0 } = wrong ?? { count: 0, at: now };
  const [before, full] = isFull ? [0, rounds + 1] : [count, rounds];
  return { count: before + 1, at: Math.max(at, now), ...(full === 0 ? {} : { rounds: full }) };
}

/** Decides, and says what is to be kept. Pure. */
export function judged(
  known: TotpSecret,
  code: string,
  { now, maxAttempts }: { readonly now: number; readonly maxAttempts: number },
): { readonly verdict: Verdict; readonly after?: TotpSecret } {
  // Nobody's guess: it can be no code.
  if (code.length !== known.digits || !/^\d+$/.test(code)) return { verdict: WRONG };
  const { wrong, ...rest } = known;
  const isFull = wrong !== undefined && wrong.count >= maxAttempts;
  const until = isFull ? wrong.at + pauseOf(known) : 0;
  if (now < until) return { verdict: { is: 'tooMany', wait: until - now } };
  const step = matchingStep(known, code, { now, skew: known.skew });
  if (step === undefined) return { verdict: WRONG, after: { ...rest, wrong: oneMore(wrong, isFull, now) } };
  // Used up, or older than one that is. Whoever has it is not guessing: somebody pressed a button twice.
  if (step <= (known.last ?? -1)) return { verdict: WRONG };
  return { verdict: RIGHT, after: { ...rest, last: step } };
}

export class TotpSecrets {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  has(owner: Owner): boolean {
    return this.#store.has(keyOf(owner));
  }

  /** The new secret; undefined where there is one already. `may` is asked in the transaction, and throws. */
  async generate(owner: Owner, may: (tx: Transaction) => void): Promise<TotpSecret | undefined> {
    const made = newSecret(owner.method.totp);
    const { value } = await this.#store.transact((tx) => {
      may(tx);
      if (tx.has(keyOf(owner))) return undefined;
      tx.put(keyOf(owner), encodeRecord(made));
      return made;
    });
    return value;
  }

  async destroy(owner: Pick<Owner, 'namespace' | 'entity'> & { readonly method: string }): Promise<void> {
    await this.#store.transact((tx) => {
      tx.delete(mfaKeys(owner.namespace).secret(owner.entity, owner.method));
    });
  }

  /** Takes a code: it counts no more when this resolves. */
  async take(owner: Owner, code: string): Promise<Verdict> {
    const key = keyOf(owner);
    const { maxAttempts } = owner.method.totp;
    const { value } = await this.#store.transact((tx) => {
      const known = recordAt<TotpSecret>(tx, key);
      if (known === undefined) return ABSENT;
      const { verdict, after } = judged(known, code, { now: this.#now(), maxAttempts });
      if (after !== undefined) tx.put(key, encodeRecord(after));
      return verdict;
    });
    return value;
  }

  /**
   * As `take`, of a secret that nobody has stored yet: it is, once its owner has shown that they have it, and has none of
   * the `others`, ids of methods that would have done in its place.
   */
  async adopt(
    { namespace, entity, method }: Omit<Owner, 'method'> & { readonly method: FoundMethod },
    offered: TotpSecret,
    { code, others }: { readonly code: string; readonly others: readonly string[] },
  ): Promise<Verdict> {
    const { secret } = mfaKeys(namespace);
    const key = secret(entity, method.record.id);
    const { value } = await this.#store.transact((tx) => {
      if (goneOf(tx, { namespace, entity, method }) !== undefined) return ABSENT;
      // Somebody else was faster: theirs is the one that counts.
      if (tx.has(key) || others.some((id) => tx.has(secret(entity, id)))) return ABSENT;
      const { verdict, after } = judged(offered, code, { now: this.#now(), maxAttempts: Number.POSITIVE_INFINITY });
      if (verdict.is === 'right' && after !== undefined) tx.put(key, encodeRecord(after));
      return verdict;
    });
    return value;
  }
}

const PAGE = 10_000;

/** With the entity, in the same transaction. */
export function dropSecretsOf(tx: Transaction, namespace: string, entity: string): void {
  for (const key of tx.list(mfaKeys(namespace).secretsOf(entity), { limit: PAGE })) tx.delete(key);
}

/**
 * What the entity that stays has is its own, as in Vault; else it gets what the other one had. Throws `badRequest` where both
 * have a secret of one method, and it is not said (`force`) that the other's is dropped.
 */
export function mergeSecrets(
  tx: Transaction,
  namespace: string,
  { from, to, force }: { readonly from: string; readonly to: string; readonly force: boolean },
): void {
  const { secretsOf } = mfaKeys(namespace);
  for (const key of tx.list(secretsOf(from), { limit: PAGE })) {
    const target = secretsOf(to) + key.slice(secretsOf(from).length);
    const bytes = tx.get(key);
    if (tx.has(target)) {
      if (!force) {
        throw fail(
          'badRequest',
          `conflicting MFA config ID "${decodeURIComponent(key.slice(secretsOf(from).length))}" in entity ID "${from}": ` +
            'with force=true the secret of the entity that stays is kept',
        );
      }
    } else if (bytes !== undefined) tx.put(target, bytes);
    tx.delete(key);
  }
}
