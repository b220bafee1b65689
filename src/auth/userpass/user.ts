/** A user: a name, the hash of a password, and what the tokens of their logins are. */
import { fail } from '../../errors.ts';
import type { Compartment, MountView } from '../../framework/plugin.ts';
import { COST, costOf } from '../../lib/crypto/password.ts';
import { decodeRecord, encodeRecord, recordAt } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import type { TokenSettings } from '../token-fields.ts';

export interface User {
  /** In lower case. */
  readonly name: string;
  /** bcrypt's. */
  readonly hash: string;
  readonly token: TokenSettings;
}

export interface Userpass {
  readonly view: MountView;
}

export const usersPrefix = 'users/';
/** What every check of a password on this mount costs. It names nobody, so it goes to every region. */
const COST_KEY = 'cost';

interface CostRecord {
  readonly highest: number;
}

const MOST_NAME = 512;

/**
 * The one form of a name: lower case. undefined: nobody can be called so. Only then is it folded, since more than the letters
 * of ASCII become them (the Kelvin sign a `k`).
 */
export function usernameOf(given: string): string | undefined {
  return given.length <= MOST_NAME && /^\w(?:[\w.-]*\w)?$/.test(given) ? given.toLowerCase() : undefined;
}

export const readUser = (from: Pick<Compartment, 'get'>, given: string): User | undefined => {
  const name = usernameOf(given);
  return name === undefined ? undefined : recordAt<User>(from, usersPrefix + name);
};

/** Throws `badRequest`. */
export function mustBeName(given: string): string {
  const name = usernameOf(given);
  if (name !== undefined) return name;
  throw fail('badRequest', 'a username is letters of ASCII, digits, "_", "-" and ".", the last two not at its ends');
}

/** Throws `badRequest`. */
export function mustReadUser(from: Pick<Compartment, 'get'>, given: string): User {
  const user = readUser(from, given);
  if (user === undefined) throw fail('badRequest', `username "${mustBeName(given)}" does not exist`);
  return user;
}

/** Also keeps that logins cost what the dearest hash of any user costs: their time then tells nothing of who they are for. */
export function writeUser(tx: Transaction, user: User): void {
  tx.put(usersPrefix + user.name, encodeRecord(user));
  const highest = costOf(user.hash) ?? COST;
  const before = recordAt<CostRecord>(tx, COST_KEY)?.highest ?? COST;
  if (highest > before) tx.put(COST_KEY, encodeRecord({ highest } satisfies CostRecord));
}

/** Never falls: what was dear once is gone, but who knows that. */
export const loginCost = ({ shared }: MountView): number =>
  shared.kept(COST_KEY, decodeRecord<CostRecord>)?.highest ?? COST;
