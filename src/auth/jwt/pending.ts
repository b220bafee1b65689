/** Logins by browser that have begun and are not over. In memory: after a restart they are begun anew. */
import { clientNetwork } from '../../lib/cidr.ts';
import { FairBuffer, type Owner } from '../../lib/fair-buffer.ts';
import type { Claims } from '../../lib/jwt/claims.ts';
import type { Tokens } from './provider.ts';

export interface Posted {
  readonly code: string;
  readonly idToken: string;
  readonly error: string | undefined;
}

export interface Pending {
  readonly role: string;
  readonly redirectUri: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Of the program that began it, which alone may end it; empty: it gave none. */
  readonly clientNonce: string;
  /** Where it began. */
  readonly address: string;
  /** The issuer's code of the device flow. */
  readonly deviceCode?: string;
  /** What came by form_post, to be asked for by who began it. */
  readonly posted?: Posted;
  /** Of the device flow: given, and not looked at yet, since the issuer's keys could not be had. */
  readonly tokens?: Tokens;
  /** Of the mode direct: the browser is back. */
  readonly isAnswered?: true;
  /** And what it brought holds. */
  readonly claims?: Claims;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

const LIFE_MS = 600_000;
/** Anybody may begin one: who begins many loses their own. */
const MOST = 20_000;
/** Many people may share an address. */
const MOST_OF_ONE = 2_000;
/** What was posted can be 64 KiB long, and is asked for within seconds. */
const MOST_POSTED = 1_000;
const MOST_POSTED_OF_ONE = 100;

type WithoutPosted = Omit<Pending, 'posted'>;
const ownerOf = ({ address }: { readonly address: string }): Owner => ({ group: '', one: clientNetwork(address) });

export class PendingLogins {
  /** In the order of their ends, nearly. */
  readonly #logins = new FairBuffer<WithoutPosted>({ most: MOST, mostOfOne: MOST_OF_ONE, ownerOf });
  readonly #posted = new FairBuffer<Posted & { readonly address: string }>({
    ...{ most: MOST_POSTED, mostOfOne: MOST_POSTED_OF_ONE, ownerOf },
  });

  add(state: string, login: Omit<Pending, 'until'>, now: number): void {
    for (const [key, { until }] of this.#logins.entries()) {
      if (until > now) break;
      this.#delete(key);
    }
    this.giveBack(state, { ...login, until: now + LIFE_MS });
  }

  find(state: string, now: number): Pending | undefined {
    const found = this.#logins.get(state);
    if (found === undefined || found.until <= now) return undefined;
    const posted = this.#posted.get(state);
    return posted === undefined ? found : { ...found, posted };
  }

  /** It is there no more: each state is used once. */
  take(state: string, now: number): Pending | undefined {
    const found = this.find(state, now);
    this.#delete(state);
    return found;
  }

  /** In place of what was there, or was taken: the login goes on, with its end as it was. */
  giveBack(state: string, { posted, ...login }: Pending): void {
    this.#delete(state);
    this.#logins.add(state, login);
    if (posted !== undefined) this.#posted.add(state, { ...posted, address: login.address });
  }

  #delete(state: string): void {
    this.#logins.delete(state);
    this.#posted.delete(state);
  }
}
