/**
 * Grants whose code came a second time: whoever brings it is not alone in having it, so what its first use gave ends
 * (RFC 6749, section 4.1.2; RFC 6819, section 5.2.1.1). Access tokens are stored nowhere, but they name their grant.
 */
import { randomBase62 } from '../../../lib/crypto/random.ts';
import type { Store } from '../../../storage/store.ts';
import { keys } from '../../keys.ts';

/** Milliseconds: a token is made a moment after its grant has got its end. */
const MARGIN_MS = 60_000;
const TIME_DIGITS = 15;
const PAGE = 100;

/** A name for what a code gives; its tokens end before `end`, milliseconds since the epoch. */
export const newGrant = (end: number): string =>
  `${String(end + MARGIN_MS).padStart(TIME_DIGITS, '0')}/${randomBase62(16)}`;

/** From here on no token of the grant is one, nor one that is being made. */
export async function revokeGrant(store: Store, grant: string): Promise<void> {
  await store.transact((tx) => {
    tx.put(keys.revokedGrants + grant, new Uint8Array());
  });
}

/** What is over needs no mark. Whether there may be more. */
export async function forgetRevokedGrants(store: Store, now: number): Promise<boolean> {
  using snapshot = store.snapshot();
  const isOver = (key: string): boolean =>
    Number(key.slice(keys.revokedGrants.length, keys.revokedGrants.length + TIME_DIGITS)) <= now;
  // Most of the time there are none, which one key tells.
  const [first] = snapshot.list(keys.revokedGrants, { limit: 1 });
  if (first === undefined || !isOver(first)) return false;
  const over = snapshot.list(keys.revokedGrants, { limit: PAGE }).filter(isOver);
  await store.transact((tx) => {
    for (const key of over) tx.delete(key);
  });
  return over.length === PAGE;
}
