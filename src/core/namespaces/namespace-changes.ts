/** Changes to the namespaces: made, described, locked, deleted. Each is one transaction on the shared class. */
import { fail } from '../../errors.ts';
import { equalSecret, sha256Base64 } from '../../lib/crypto/hash.ts';
import { randomBase62, randomBytes, uuid } from '../../lib/crypto/random.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { encodeRecord, recordAt, textAt } from '../../lib/record.ts';
import type { OwnKeys } from '../../seal/own-keys.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { mountBelow } from '../mounts/mount-changes.ts';
import { tokenEnding, tokenKeysOf } from '../tokens/token.ts';
import type { TokenStore } from '../tokens/token-store.ts';
import { DEEPEST, depthOf, isWithin, ROOT, type Namespace, type NamespaceRecord } from './namespace.ts';
import type { NamespaceTable } from './namespace-table.ts';
import type { RemovalOrder } from './seal-domains.ts';

export const SEAL_STAYS = 'cannot modify existing namespace seal config';

const LEFTOVER =
  'sealed namespace has leftover child namespaces; pass force=true to delete the entire tree, or unseal the namespace ' +
  'and delete children individually';

type Metadata = Readonly<Record<string, string>>;

const ID_LENGTH = 6;
const UNLOCK_KEY_LENGTH = 24;
const PAGE = 200;

const recordIn = (tx: Transaction, parent: string, name: string): NamespaceRecord | undefined => {
  const id = textAt(tx, keys.name(parent, name));
  return id === undefined ? undefined : recordAt<NamespaceRecord>(tx, keys.namespace(id));
};

/** For a transaction that writes into a namespace: one that was deleted meanwhile would keep the record for ever. */
export function assertThere(tx: Transaction, { id }: Pick<Namespace, 'id'>): void {
  if (id !== ROOT.id && !tx.has(keys.namespace(id))) throw fail('noNamespace');
}

function newId(tx: Transaction): string {
  for (;;) {
    const id = randomBase62(ID_LENGTH);
    // One that is being removed is still in the keys of what is left of it.
    const taken = id === ROOT.id || tx.has(keys.namespace(id)) || tx.has(keys.namespaceRemovals + id);
    if (!taken) return id;
  }
}

export class NamespaceChanges {
  readonly #store: Store;
  readonly #tokens: TokenStore;
  readonly #namespaces: NamespaceTable;

  constructor(store: Store, tokens: TokenStore, namespaces: NamespaceTable) {
    this.#store = store;
    this.#tokens = tokens;
    this.#namespaces = namespaces;
  }

  /**
   * Makes `name` below `parent`, or describes the one that is there anew. With `own` keys what is in it is encrypted under
   * these, and it is made sealed. Throws `badRequest` where a mount has the path, or the namespace is there without them.
   */
  async put(parent: Namespace, name: string, customMetadata: Metadata, own?: OwnKeys): Promise<NamespaceRecord> {
    const { value } = await this.#store.transact((tx) => {
      assertThere(tx, parent);
      const before = recordIn(tx, parent.id, name);
      if (before !== undefined && own !== undefined) throw fail('badRequest', SEAL_STAYS);
      const lastChange = before === undefined ? 'create' : 'update';
      const there = before ?? made(tx, parent, name);
      const domain = own === undefined ? {} : { domain: there.id };
      const record: NamespaceRecord = { ...there, ...domain, customMetadata, lastChange };
      own?.put(tx, keys.namespaceSeal(record.id));
      tx.put(keys.name(parent.id, name), encodeRecord(record.id));
      tx.put(keys.namespace(record.id), encodeRecord(record));
      return record;
    });
    failpoint('namespace.made');
    return value;
  }

  /** Throws `badRequest` when there is none of that name. */
  async change(
    parent: Namespace,
    name: string,
    change: (record: NamespaceRecord) => NamespaceRecord,
  ): Promise<NamespaceRecord> {
    const { value } = await this.#store.transact((tx) => {
      const before = recordIn(tx, parent.id, name);
      if (before === undefined) throw fail('badRequest', 'requested namespace does not exist');
      const after: NamespaceRecord = { ...change(before), lastChange: 'update' };
      tx.put(keys.namespace(after.id), encodeRecord(after));
      return after;
    });
    return value;
  }

  /** Answers the key that unlocks it, which is kept as a hash alone. Throws `badRequest` when it is locked already. */
  async lock(namespace: Namespace): Promise<string> {
    const key = randomBase62(UNLOCK_KEY_LENGTH);
    await this.#changeLock(namespace, (record) => {
      if (record.lock !== undefined) throw fail('badRequest', `namespace "${record.path}" is already locked`);
      return { ...record, lock: sha256Base64(key), lastChange: 'lock' };
    });
    return key;
  }

  /** `key` undefined: by whom may do it without. Throws `badRequest` when it is not the right one, or nothing is locked. */
  async unlock(namespace: Namespace, key: string | undefined): Promise<void> {
    await this.#changeLock(namespace, ({ lock, ...record }) => {
      if (lock === undefined) throw fail('badRequest', `namespace "${record.path}" is not locked`);
      if (key !== undefined && !equalSecret(sha256Base64(key), lock)) throw fail('badRequest', 'incorrect unlock key');
      return { ...record, lastChange: 'unlock' };
    });
  }

  async #changeLock({ id }: Namespace, change: (record: NamespaceRecord) => NamespaceRecord): Promise<void> {
    await this.#store.transact((tx) => {
      const record = recordAt<NamespaceRecord>(tx, keys.namespace(id));
      if (record === undefined) throw fail('badRequest', 'requested namespace does not exist');
      tx.put(keys.namespace(id), encodeRecord(change(record)));
    });
  }

  /**
   * It and all that is in it answer nothing any more when this resolves: the keys are deleted afterwards, by `remove`, also
   * over a restart. Answers its id; undefined when there is none of that name. Throws `badRequest` while others are in it.
   */
  async delete(parent: Namespace, name: string): Promise<string | undefined> {
    const { value } = await this.#store.transact((tx) => {
      const record = recordIn(tx, parent.id, name);
      if (record === undefined) return undefined;
      // Its leases could not be taken back.
      if (this.#namespaces.isSealed(record.id)) throw fail('namespaceSealed');
      if (tx.list(keys.names(record.id), { limit: 1 }).length > 0) {
        throw fail('badRequest', 'unable to delete namespace containing child namespaces');
      }
      // Without its mounts nobody could take back what a lease stands for.
      if (tx.list(keys.leases(record.id), { limit: 1 }).length > 0) {
        throw fail('badRequest', 'unable to delete namespace with leases that are still being revoked: try again');
      }
      tx.delete(keys.name(parent.id, name));
      order(tx, record);
      return record.id;
    });
    failpoint('namespace.deleted');
    return value;
  }

  /**
   * One that is sealed, without asking for its keys: with them goes what they encrypt. What its leases stand for outside
   * stays there. Answers the ids of all that is gone, none where there is none of that name. Throws `badRequest` when it
   * is not sealed, and while others are in it, unless `force` takes them along.
   */
  async deleteSealed(parent: Namespace, name: string, force: boolean): Promise<readonly string[]> {
    const { value } = await this.#store.transact((tx) => {
      const record = recordIn(tx, parent.id, name);
      if (record === undefined) return [];
      if (record.domain !== record.id || !this.#namespaces.isSealed(record.id)) {
        throw fail('badRequest', 'namespace is not sealed');
      }
      // By their paths: the names below lie in what is sealed.
      const below = [...everyKey(tx, keys.namespaces)]
        .map((key) => recordAt<NamespaceRecord>(tx, key))
        .filter((each) => each !== undefined && each.id !== record.id && isWithin(each, record)) as NamespaceRecord[];
      if (below.length > 0 && !force) throw fail('badRequest', LEFTOVER);
      tx.delete(keys.name(parent.id, name));
      for (const each of [record, ...below]) order(tx, each);
      return [record, ...below].map(({ id }) => id);
    });
    failpoint('namespace.deleted');
    return value;
  }

  /** Goes on with removals that a crash cut off. Follows explicit orders alone, never a namespace that is missing. */
  async resumeRemovals(): Promise<void> {
    for (let id = this.#pending(); id !== undefined; id = this.#pending()) await this.remove(id);
  }

  #pending(): string | undefined {
    using snapshot = this.#store.snapshot();
    return snapshot.list(keys.namespaceRemovals, { limit: 1 })[0]?.slice(keys.namespaceRemovals.length);
  }

  /** Deletes every key of a namespace that was deleted, in short transactions; nothing where no order says so. */
  async remove(id: string): Promise<void> {
    // Of one whose keys are gone, or not here, no record is read that would say what finds its tokens and leases.
    const unread = !this.#namespaces.holdsKeys(id);
    if (unread) await removeLinks(this.#store, [ROOT, ...this.#namespaces.all()], id);
    const steps = [
      (tx: Transaction) => !unread && this.#removeTokens(tx, id),
      ...(['s', 'l', 'h'] as const).map((cls) => (tx: Transaction) => removePage(tx, keys.all(cls, id))),
      (tx: Transaction) => removePage(tx, keys.waiting(id)),
    ];
    for (const step of steps) {
      for (let more = true; more;) {
        const { value } = await this.#store.transact((tx) => tx.has(keys.namespaceRemovals + id) && step(tx));
        failpoint('namespace.removing');
        more = value;
      }
    }
    await this.#store.transact((tx) => {
      tx.delete(keys.namespaceRemovals + id);
    });
  }

  /** First, and one by one: what finds them by time, and their parents further up, lie elsewhere. */
  #removeTokens(tx: Transaction, id: string): boolean {
    const page = tx.list(keys.tokens(id), { limit: PAGE });
    for (const key of tokenKeysOf(id, page)) {
      tx.delete(keys.revocations(ROOT.id) + key);
      this.#tokens.remove(tx, key);
    }
    return page.length === PAGE;
  }
}

/** The record and the keys go at once; what is left is nobody's, and an order says so. */
function order(tx: Transaction, { id, path, domain }: NamespaceRecord): void {
  tx.delete(keys.namespace(id));
  if (domain === id) for (const key of Object.values(keys.namespaceSeal(id))) tx.delete(key);
  const removal: RemovalOrder = { path, ...(domain === undefined ? {} : { domain }) };
  tx.put(keys.namespaceRemovals + id, encodeRecord(removal));
}

/** What lies in other namespaces and names a token or a lease of one: all of them are looked through, in pages. */
async function removeLinks(store: Store, namespaces: readonly Pick<Namespace, 'id'>[], id: string): Promise<void> {
  const ending = tokenEnding(id);
  const areas = [keys.expiries(ROOT.id), keys.leaseDues, keys.leaseIntents, keys.revocations(ROOT.id)];
  for (const area of [...areas, ...namespaces.map((each) => keys.allChildren(each.id))]) {
    for (let after: string | undefined, more = true; more;) {
      const { value: page } = await store.transact((tx) => {
        const found = tx.list(area, { limit: PAGE, ...(after === undefined ? {} : { after }) });
        for (const key of found) if (key.endsWith(ending)) tx.delete(key);
        return found;
      });
      after = page.at(-1);
      more = page.length === PAGE;
    }
  }
}

function removePage(tx: Transaction, prefix: string): boolean {
  const page = tx.list(prefix, { limit: PAGE });
  for (const key of page) tx.delete(key);
  return page.length === PAGE;
}

function made(tx: Transaction, parent: Namespace, name: string): NamespaceRecord {
  if (depthOf(parent) >= DEEPEST) {
    throw fail('badRequest', `namespaces lie at most ${String(DEEPEST)} deep`);
  }
  const mount = mountBelow(tx, parent.id, name);
  if (mount !== undefined) {
    throw fail('badRequest', `new namespace conflicts with existing mount: ${parent.path}${mount}`);
  }
  const domain = recordAt<NamespaceRecord>(tx, keys.namespace(parent.id))?.domain;
  return {
    ...(domain === undefined ? {} : { domain }),
    ...{ id: newId(tx), uuid: uuid(), path: `${parent.path}${name}/`, parent: parent.id },
    ...{ customMetadata: {}, salt: randomBytes(32).toString('base64') },
  };
}
