/** Passwords are kept as bcrypt hashes: why, docs/adr/0024-passwords.md. The work is done on the thread pool. */
import { availableParallelism } from 'node:os';
import { HashQueue } from './hash-queue.ts';

/** bcrypt looks at no more bytes of a password. */
export const MOST_PASSWORD_BYTES = 72;
/** Of hashes that are made here: upstream's, so that users who were moved here cost what others cost. */
export const COST = 10;
/** Of hashes that are made elsewhere, as OpenBao bounds them. */
export const LOWEST_COST = 5;
export const HIGHEST_COST = 12;

/** The thread pool has four threads: files and name look-ups need some too. */
const queue = new HashQueue({ atOnce: Math.min(2, availableParallelism()), waiting: 256 });

/** 53 characters of bcrypt's base64; the last ones of salt and digest have bits that are always 0. */
const FORM = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;

/** The cost of a bcrypt hash in its one form; undefined: it is none. `$2$` and `$2x$` are of broken implementations. */
export function costOf(hash: string): number | undefined {
  const [, cost] = FORM.exec(hash) ?? [];
  return cost === undefined ? undefined : Number(cost);
}

/** Nobody's: no password that could be found gives a digest of zeros. */
const decoy = (cost: number): string => `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;

const bytesOf = (password: string): Buffer => Buffer.from(password, 'utf8');

export const passwordFits = (password: string): boolean => bytesOf(password).length <= MOST_PASSWORD_BYTES;

/** A password that fits. Throws `tooManyRequests` where too many wait, `timeout` where nobody waits any more. */
export async function hashPassword(password: string, signal?: AbortSignal): Promise<string> {
  const { hash } = await import('@node-rs/bcrypt');
  return queue.run(() => hash(bytesOf(password), COST), signal);
}

export interface KnownHash {
  /** undefined: there is no such user. */
  readonly hash: string | undefined;
  /** What the check costs, whatever the hash does: at least its own. */
  readonly cost: number;
}

/** What a password is held against, one after the other: together as dear as one hash of that cost. The first one counts. */
export function checksOf({ hash, cost }: KnownHash): readonly string[] {
  const own = hash === undefined ? cost : (costOf(hash) ?? cost);
  // Each cost is twice the one before: c, c, c + 1 … cost - 1 are together what `cost` is.
  const rest = Array.from({ length: Math.max(0, cost - own) }, (_, at) => decoy(own + at));
  return [hash ?? decoy(cost), ...rest];
}

/** Whether it is the password of the hash; false, in the same time, where there is none. Throws as `hashPassword`. */
export async function isPassword(password: string, known: KnownHash, signal?: AbortSignal): Promise<boolean> {
  const { verify } = await import('@node-rs/bcrypt');
  // What waits holds no more of a long password than what counts.
  const bytes = Buffer.from(bytesOf(password).subarray(0, MOST_PASSWORD_BYTES));
  return queue.run(async () => {
    const answers: boolean[] = [];
    for (const against of checksOf(known)) answers.push(await verify(bytes, against));
    return known.hash !== undefined && answers[0] === true;
  }, signal);
}
