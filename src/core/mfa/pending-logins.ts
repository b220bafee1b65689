/**
 * Logins that wait for their second factor, in the memory of the thread that writes: a restart or a seal loses them, and
 * whoever it was logs in anew. They stand for nothing but that the first factor was right.
 */
import { uuid } from '../../lib/crypto/random.ts';
import { byEntity, FairBuffer } from '../../lib/fair-buffer.ts';
import type { TokenSpec } from '../tokens/new-tokens.ts';
import type { TotpSecret } from './records.ts';

export interface PendingLogin {
  readonly id: string;
  /** The id of the namespace that it is in. */
  readonly namespace: string;
  /** The auth mount's uuid. */
  readonly mount: string;
  /** The id of whom it is of. */
  readonly entity: string;
  /** The token that it will get. */
  readonly spec: TokenSpec;
  /** Milliseconds. */
  readonly until: number;
  /** Secrets that are offered to who has none, by method: none of them is stored yet. */
  readonly offered: Map<string, TotpSecret>;
}

/** Vault's. */
const KEPT_MS = 5 * 60_000;
const MOST = 10_000;
const MOST_OF_ONE = 16;

export class PendingLogins {
  readonly #logins = new FairBuffer<PendingLogin>({ most: MOST, mostOfOne: MOST_OF_ONE, ownerOf: byEntity });
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(login: Omit<PendingLogin, 'id' | 'until' | 'offered'>): PendingLogin {
    this.#expire();
    const made = { ...login, id: uuid(), until: this.#now() + KEPT_MS, offered: new Map<string, TotpSecret>() };
    this.#logins.add(made.id, made);
    return made;
  }

  /** undefined when there is none, or it has waited for too long. */
  get(id: string): PendingLogin | undefined {
    this.#expire();
    return this.#logins.get(id);
  }

  /** Whether it was still there: of several who finish one login, one does. */
  remove(id: string): boolean {
    return this.#logins.delete(id);
  }

  /** Of a namespace that is sealed nothing stays in memory: what a login would get was read from it. */
  drop(namespaces: Iterable<string>): void {
    for (const each of namespaces) this.#logins.deleteGroup(each);
  }

  /** In the order of their coming, which is that of their ends; a clock that was set back makes none last longer. */
  #expire(): void {
    const now = this.#now();
    for (const [id, { until }] of this.#logins.entries()) {
      if (until > now && until <= now + KEPT_MS) return;
      this.remove(id);
    }
  }
}
