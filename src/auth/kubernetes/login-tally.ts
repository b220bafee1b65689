/** How many logins a mount has seen at this node, the last one, and by which keys: for who asks whether a key is still in use. */
import type { Compartment } from '../../framework/plugin.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';

export interface Tally {
  readonly logins: number;
  /** Milliseconds since the epoch; 0: none. */
  readonly last: number;
  /** By kid, when it was last used. */
  readonly keys: Readonly<Record<string, number>>;
}

const RECORD = 'logins';
const NONE: Tally = { logins: 0, last: 0, keys: {} };

/** Milliseconds: a login does not pay for a write of its own. What is not written yet is lost with the process. */
const WRITE_EVERY = 60_000;
/** The latest ones are kept. */
const MOST_KEYS = 32;

function added(to: Tally, { logins, last, keys }: Tally): Tally {
  const all = Object.entries({ ...to.keys, ...keys }).map(([kid, at]): readonly [string, number] => [
    kid,
    // A kid is whatever a cluster calls its key: also what all objects have.
    Math.max(at, Object.hasOwn(to.keys, kid) ? (to.keys[kid] ?? 0) : 0),
  ]);
  const latest = all.sort(([, a], [, b]) => b - a).slice(0, MOST_KEYS);
  return { logins: to.logins + logins, last: Math.max(to.last, last), keys: Object.fromEntries(latest) };
}

/** One on each thread. */
export class LoginTally {
  readonly #local: Compartment;
  #unwritten = NONE;
  #written = Number.NEGATIVE_INFINITY;

  constructor(local: Compartment) {
    this.#local = local;
  }

  get(): Tally {
    return added(recordAt<Tally>(this.#local, RECORD) ?? NONE, this.#unwritten);
  }

  /** A login by the key of that name; empty: it has none. */
  async count(now: number, kid: string): Promise<void> {
    this.#unwritten = added(this.#unwritten, { logins: 1, last: now, keys: kid === '' ? {} : { [kid]: now } });
    if (now - this.#written < WRITE_EVERY && now >= this.#written) return;
    this.#written = now;
    const counted = this.#unwritten;
    this.#unwritten = NONE;
    await this.#local.transact((tx) => {
      tx.put(RECORD, encodeRecord(added(recordAt<Tally>(tx, RECORD) ?? NONE, counted)));
    });
  }
}
