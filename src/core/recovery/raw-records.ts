/** Records by their storage keys, below every engine: what `sys/raw` serves in recovery mode. */
import { fail } from '../../errors.ts';
import type { Listing } from '../../framework/listing.ts';
import type { Store } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import type { SealDomains } from '../namespaces/seal-domains.ts';

/** What lies behind the barrier has a class first (`core/keys.ts`); the seal's own records have none. */
const RECORD = /^[hsl](?:\/|$)/;
const CLASSES = ['h/', 'l/', 's/'] as const;
/** The keys of namespaces with a seal of their own: without them nothing brings back what is in those. */
export const NAMESPACE_SEALS = `h/${ROOT_NAMESPACE}/namespace-seals/`;
/** From these is read what is encrypted under whose keys. */
const PLACES = [keys.namespaces, keys.namespaceRemovals] as const;

export interface RawRecordsOptions {
  /** Above the barrier. */
  readonly store: Store;
  /** Of namespaces that have keys of their own, which stay closed; undefined where there are none. */
  readonly domains: SealDomains | undefined;
  /** Shared records are the hub's, and come from there: changed here alone they would differ from then on. */
  readonly region: boolean;
}

export class RawRecords {
  readonly #options: RawRecordsOptions;

  constructor(options: RawRecordsOptions) {
    this.#options = options;
  }

  /** Absent is undefined. Throws `badRequest` for what is no record, `namespaceSealed`, `corrupt`. */
  read(key: string): Uint8Array | undefined {
    this.#check('read', key);
    return this.#options.store.get(key);
  }

  /** Resolves when it is durable: data and log record at once, as every write, so that the regions of a hub get it too. */
  async write(key: string, value: Uint8Array): Promise<void> {
    this.#checkChange('write', key);
    await this.#options.store.transact((tx) => {
      tx.put(key, value);
    });
  }

  async delete(key: string): Promise<void> {
    this.#checkChange('delete', key);
    await this.#options.store.transact((tx) => {
      tx.delete(key);
    });
  }

  /** One level below a folder; names are no secrets, and lie in clear on the disk. */
  children(folder: string): Listing {
    const { store } = this.#options;
    if (folder === '')
      return { read: ({ after = '', limit }) => CLASSES.filter((name) => name > after).slice(0, limit) };
    checkKey('list', folder);
    return {
      read: (page) => {
        using snapshot = store.snapshot();
        return snapshot.children(folder, page);
      },
    };
  }

  #check(verb: string, key: string): void {
    checkKey(verb, key);
    // Absent and not to be read are two answers.
    if (this.#options.domains?.ofKey(key) !== undefined) throw fail('namespaceSealed');
  }

  #checkChange(verb: string, key: string): void {
    this.#check(verb, key);
    const { domains } = this.#options;
    if (domains !== undefined && PLACES.some((prefix) => key.startsWith(prefix))) {
      throw fail('badRequest', `cannot ${verb} "${key}": it says which namespaces have keys of their own`);
    }
    if (this.#options.region && key.startsWith('s/')) {
      throw fail('badRequest', `cannot ${verb} "${key}": this node is a region, shared records are mended at its hub`);
    }
  }
}

function checkKey(verb: string, key: string): void {
  if (!RECORD.test(key) || key.startsWith(NAMESPACE_SEALS)) throw fail('badRequest', `cannot ${verb} "${key}"`);
}
