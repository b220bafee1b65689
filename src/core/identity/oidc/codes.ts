/**
 * Authorization codes that were given: those not used yet, and those whose tokens still live (RFC 6749, section 4.1.2). In
 * memory of the thread that writes, as logins by browser are: who gets a code uses it at once, and a restart costs a second try.
 */
import { sha256Base64 } from '../../../lib/crypto/hash.ts';
import { randomBase62 } from '../../../lib/crypto/random.ts';
import { byEntity, FairBuffer } from '../../../lib/fair-buffer.ts';

export interface Challenge {
  readonly value: string;
  readonly method: 'S256' | 'plain';
}

export interface Authorization {
  readonly namespace: string;
  readonly provider: string;
  /** The id of the client. */
  readonly client: string;
  readonly entity: string;
  readonly redirectUri: string;
  readonly nonce: string;
  readonly scopes: readonly string[];
  /** Seconds since the epoch; undefined where nobody asked for it. */
  readonly authTime: number | undefined;
  readonly challenge: Challenge | undefined;
}

const LIFE_MS = 300_000;
const MOST = 20_000;
const MOST_OF_ONE = 100;
const LENGTH = 32;

interface Kept extends Authorization {
  readonly until: number;
}

/** Who brings a code. */
export interface Use {
  readonly namespace: string;
  /** The id of the client, which has proven itself. */
  readonly client: string;
  /** Names what the code gives from here on, until `end`, milliseconds since the epoch. */
  readonly grant: string;
  readonly end: number;
  readonly now: number;
}

interface Used {
  readonly namespace: string;
  readonly entity: string;
  readonly client: string;
  readonly grant: string;
  readonly until: number;
}

/** `replayed`: what the code gave its client, who brings it again. */
export type Taken = { readonly authorization: Authorization } | { readonly replayed: string };

export class AuthorizationCodes {
  /** By the hash of the code, in the order of their ends. */
  readonly #kept = new FairBuffer<Kept>({ most: MOST, mostOfOne: MOST_OF_ONE, ownerOf: byEntity });
  /** Likewise. */
  readonly #used = new FairBuffer<Used>({ most: MOST, mostOfOne: MOST_OF_ONE, ownerOf: byEntity });

  [Symbol.dispose](): void {
    this.#kept[Symbol.dispose]();
    this.#used[Symbol.dispose]();
  }

  /** Of a namespace that is sealed no code is given tokens for; which ones were used stays known. */
  drop(namespaces: Iterable<string>): void {
    for (const each of namespaces) this.#kept.deleteGroup(each);
  }

  /** A code that can be used once, for five minutes. */
  give(authorization: Authorization, now: number): string {
    this.#forget(now);
    const code = randomBase62(LENGTH);
    this.#kept.add(sha256Base64(code), { ...authorization, until: now + LIFE_MS });
    return code;
  }

  /** What the code was given for; from here on it is used, whatever comes of it. undefined: there is no such code. */
  take(code: string, { namespace, client, grant, end, now }: Use): Taken | undefined {
    const key = sha256Base64(code);
    const found = this.#kept.get(key);
    if (found === undefined) return this.#replayed(key, { namespace, client, now });
    if (found.namespace !== namespace) return undefined;
    this.#kept.delete(key);
    if (found.until <= now) return undefined;
    this.#used.add(key, { namespace, entity: found.entity, client: found.client, grant, until: end });
    return { authorization: found };
  }

  /** To another client than its own a used code is none, so that nobody ends what is not theirs. */
  #replayed(key: string, { namespace, client, now }: Pick<Use, 'namespace' | 'client' | 'now'>): Taken | undefined {
    const used = this.#used.get(key);
    if (used?.namespace !== namespace || used.client !== client || used.until <= now) return undefined;
    return { replayed: used.grant };
  }

  #forget(now: number): void {
    for (const [key, kept] of this.#kept.entries()) {
      if (kept.until > now) break;
      this.#kept.delete(key);
    }
  }
}
