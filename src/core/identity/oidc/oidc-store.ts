/** What is known of identity tokens and providers, read from any source: the store, or a transaction on it. */
import { fail } from '../../../errors.ts';
import type { Listing } from '../../../framework/listing.ts';
import { encodeRecord, recordAt, textAt } from '../../../lib/record.ts';
import { isPlainName } from '../../../lib/plain-name.ts';
import { everyKey } from '../../../storage/every-key.ts';
import type { Snapshot, Store, Transaction } from '../../../storage/store.ts';
import { keysBelow } from '../../keys-below.ts';
import { assertThere } from '../../namespaces/namespace-changes.ts';
import { DEFAULT_NAME, keyIn } from './key-changes.ts';
import { oidcKeys, type NamedKind } from './layout.ts';
import type { NamedKey } from './named-key.ts';
import {
  ALLOW_ALL,
  DEFAULT_PROVIDER,
  EVERYBODY,
  type ClientRecord,
  type ConfigRecord,
  type Records,
} from './records.ts';

type Reads = Pick<Snapshot, 'get'>;

const LONGEST_NAME = 128;

/** Throws `badRequest`. */
export function checkName(what: string, name: string): void {
  if (isPlainName(name) && name.length <= LONGEST_NAME) return;
  throw fail('badRequest', `the name of a ${what} has letters, digits, "_", and between them "-" and "."`);
}

/** There without having been written. */
function builtIn(kind: keyof Records, name: string): Records[keyof Records] | undefined {
  if (kind === 'provider' && name === DEFAULT_NAME) return DEFAULT_PROVIDER;
  return kind === 'assignment' && name === ALLOW_ALL ? EVERYBODY : undefined;
}

const BUILT_IN: Readonly<Partial<Record<NamedKind, string>>> = {
  key: DEFAULT_NAME,
  provider: DEFAULT_NAME,
  assignment: ALLOW_ALL,
};

/** Records of one namespace. */
export class OidcRecords {
  readonly #from: Reads;
  readonly #namespace: string;

  constructor(from: Reads, namespace: string) {
    this.#from = from;
    this.#namespace = namespace;
  }

  get<K extends keyof Records>(kind: K, name: string): Records[K] | undefined {
    const found = recordAt<Records[K]>(this.#from, oidcKeys(this.#namespace).named(kind, name));
    return found ?? (builtIn(kind, name) as Records[K] | undefined);
  }

  key(name: string): NamedKey | undefined {
    return keyIn(this.#from, this.#namespace, name);
  }

  config(): ConfigRecord {
    return recordAt<ConfigRecord>(this.#from, oidcKeys(this.#namespace).config) ?? { issuer: '' };
  }

  clientOfId(id: string): ClientRecord | undefined {
    const name = id === '' ? undefined : textAt(this.#from, oidcKeys(this.#namespace).clientOfId(id));
    return name === undefined ? undefined : this.get('client', name);
  }

  /** undefined at a region. */
  clientSecret(id: string): string | undefined {
    return textAt(this.#from, oidcKeys(this.#namespace).clientSecret(id));
  }
}

/** Of one namespace, in one transaction. */
export class OidcWrites extends OidcRecords {
  readonly tx: Transaction;
  readonly namespace: string;

  constructor(tx: Transaction, namespace: string) {
    super(tx, namespace);
    this.tx = tx;
    this.namespace = namespace;
  }

  put<K extends keyof Records>(kind: K, name: string, record: Records[K]): void {
    this.tx.put(oidcKeys(this.namespace).named(kind, name), encodeRecord(record));
  }

  delete(kind: keyof Records, name: string): void {
    this.tx.delete(oidcKeys(this.namespace).named(kind, name));
  }

  /** Names of the records of a kind that say so, sorted. */
  namesOf<K extends keyof Records>(kind: K, holds: (record: Records[K]) => boolean): readonly string[] {
    return everyNamed(this.tx, this.namespace, kind, holds);
  }
}

function everyNamed<K extends keyof Records>(
  from: Pick<Snapshot, 'get' | 'list'>,
  namespace: string,
  kind: K,
  holds: (record: Records[K]) => boolean,
): readonly string[] {
  const prefix = oidcKeys(namespace).all(kind);
  return [...everyKey(from, prefix)].flatMap((key) => {
    const record = recordAt<Records[K]>(from, key);
    return record !== undefined && holds(record) ? [key.slice(prefix.length)] : [];
  });
}

/** Names of all keys that records of the kind refer to, each once. */
export function keysOf(
  from: Pick<Snapshot, 'get' | 'list'>,
  namespace: string,
  kind: 'role' | 'client',
  holds: (record: { readonly key: string } & Partial<ClientRecord>) => boolean = () => true,
): readonly string[] {
  const found = new Set<string>();
  everyNamed(from, namespace, kind, (record) => {
    if (holds(record)) found.add(record.key);
    return false;
  });
  return [...found].sort();
}

export async function changeOidc<T>(store: Store, namespace: string, work: (writes: OidcWrites) => T): Promise<T> {
  const { value } = await store.transact((tx) => {
    assertThere(tx, { id: namespace });
    return work(new OidcWrites(tx, namespace));
  });
  return value;
}

/** Names of a kind, with the one that is there by itself. */
export function namesListing(store: Store, namespace: string, kind: NamedKind): Listing {
  const listing = keysBelow(store, oidcKeys(namespace).all(kind));
  const own = BUILT_IN[kind];
  if (own === undefined) return listing;
  return {
    read: (page) => {
      const found = listing.read(page).filter((name) => name !== own);
      const all = page.after === undefined || page.after < own ? [...found, own].sort() : found;
      return all.slice(0, page.limit);
    },
  };
}
