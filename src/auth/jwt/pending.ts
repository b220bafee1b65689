/** Logins by browser that have begun and are not over. In memory: after a restart they are begun anew. */
import { clientNetwork } from '../../lib/cidr.ts';
import { FairBuffer } from '../../lib/fair-buffer.ts';
import type { Claims } from '../../lib/jwt/claims.ts';
import type { Tokens } from './provider.ts';

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
  readonly posted?: { readonly code: string; readonly idToken: string; readonly error: string | undefined };
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

export class PendingLogins {
  /** In the order of their ends, nearly. */
  readonly #logins = new FairBuffer<Pending>({
    ...{ most: MOST, mostOfOne: MOST_OF_ONE },
    ownerOf: ({ address }) => ({ group: '', one: clientNetwork(address) }),
  });

  add(state: string, login: Omit<Pending, 'until'>, now: number): void {
    for (const [key, { until }] of this.#logins.entries()) {
      if (until > now) break;
      this.#logins.delete(key);
    }
    this.#logins.add(state, { ...login, until: now + LIFE_MS });
  }

  find(state: string, now: number): Pending | undefined {
    const found = this.#logins.get(state);
    return found !== undefined && found.until > now ? found : undefined;
  }

  /** It is there no more: each state is used once. */
  take(state: string, now: number): Pending | undefined {
    const found = this.find(state, now);
    this.#logins.delete(state);
    return found;
  }

  /** In place of what was there, or was taken: the login goes on, with its end as it was. */
  giveBack(state: string, login: Pending): void {
    this.#logins.delete(state);
    this.#logins.add(state, login);
  }
}
