/** What a mount has fetched from elsewhere, such as keys of an issuer, kept over restarts. */
import type { Compartment } from '../framework/plugin.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import type { KeptDocument } from '../lib/jwt/discovery.ts';
import { encodeRecord, recordAt } from '../lib/record.ts';

interface FetchedDocument {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number;
}

const prefix = 'fetched/';
/** A document that has not changed is written again when the kept one is of this age, milliseconds. */
const REWRITTEN = 3_600_000;
/** Documents that are looked at, whether they are the mount's still, when one is written. */
const DROPPED = 1_000;

/** By from where, and how, a document is fetched: of another configuration nothing is found. */
export const documentName = (from: unknown): string => sha256(JSON.stringify(from)).toString('hex');

/** In the node's own compartment: a region verifies logins, and starts again, while hub and issuer are away. */
export class FetchedDocuments {
  readonly #local: Compartment;

  constructor(local: Compartment) {
    this.#local = local;
  }

  find(name: string): FetchedDocument | undefined {
    return recordAt<FetchedDocument>(this.#local, prefix + name);
  }

  /** `names`: those of all documents of the mount today; others are dropped. `now`: milliseconds since the epoch. */
  kept(name: string, names: readonly string[], now: number): KeptDocument {
    const found = this.find(name);
    const began = performance.now();
    return {
      held: found === undefined ? undefined : { text: found.text, age: Math.max(0, now - found.fetchedAt) },
      keep: (text) => this.#keep(name, { text, fetchedAt: Math.round(now + performance.now() - began) }, names),
    };
  }

  async #keep(name: string, document: FetchedDocument, names: readonly string[]): Promise<void> {
    try {
      const before = this.find(name);
      const isThere = before?.text === document.text && document.fetchedAt - before.fetchedAt < REWRITTEN;
      if (isThere) return;
      const mine = new Set(names.map((each) => prefix + each));
      await this.#local.transact((tx) => {
        for (const key of tx.list(prefix, { limit: DROPPED })) if (!mine.has(key)) tx.delete(key);
        tx.put(prefix + name, encodeRecord(document));
      });
    } catch {
      // Sealed or disabled meanwhile. It is used all the same; only a restart would have to fetch it again.
    }
  }
}
