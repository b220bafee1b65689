/**
 * Mounts that move to another namespace. Keys name the namespace, so the data is copied: the mount gets a new id there, and
 * until all is copied its record says `moving`, so that it takes the path and answers nobody. What is copied is data of that
 * new mount from the first page on: filters of regions see it as any other. One transaction then switches. Meanwhile the old
 * mount is read and not written. An order on disk says what is going on: the next start takes back a copy that was cut off,
 * and finishes a move that had been switched.
 */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { encodeRecord, recordAt } from '../../lib/record.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE, type KeyClass } from '../keys.ts';
import { assertStillAsked } from '../mfa/enforcements.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';
import { followMount } from '../quotas/quota-records.ts';
import type { Revocation } from '../tokens/revocation.ts';
import { assertFree, assertNoLeases, type MountChanges } from './mount-changes.ts';
import type { Mounted } from './mount-table.ts';
import { fullPath, isBuiltIn, originOf, requestPath, type MountRecord } from './mount.ts';

/** Where a mount's record lies: the ids of the namespace and of the mount. */
interface Place {
  readonly namespace: string;
  readonly mount: string;
}

export interface MoveOrder {
  readonly source: Place;
  readonly target: Place;
  /** The request path that it leaves. */
  readonly path: string;
  /** What is left to do then: ending the tokens that it gave. */
  readonly switched: boolean;
}

export interface MovingServices {
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  readonly revocation: Pick<Revocation, 'revokeLogins'>;
}

export interface Destination {
  readonly namespace: Namespace;
  /** The request path in it. */
  readonly path: string;
}

const PAGE = 200;
/** Of values in one transaction, and the one that goes beyond it. */
const PAGE_BYTES = 1024 * 1024;

const recordKey = ({ namespace, mount }: Place): string => keys.mount('s', namespace, mount);
const dataOf = (cls: KeyClass, { namespace, mount }: Place): string => keys.data(cls, namespace, mount);

const isThere = (tx: Transaction, namespace: string): boolean =>
  namespace === ROOT_NAMESPACE || tx.has(keys.namespace(namespace));

const orderOf = (tx: Transaction, { source }: MoveOrder): MoveOrder | undefined =>
  recordAt<MoveOrder>(tx, keys.mountMove(source.mount));

/** The record that it has there. */
function moved(
  { namespace: _left, ...before }: MountRecord,
  mount: string,
  { namespace, path }: Destination,
): MountRecord {
  const below = before.table === 'auth' ? path.slice('auth/'.length) : path;
  const at = namespace.id === ROOT_NAMESPACE ? {} : { namespace: namespace.path };
  return { ...before, ...at, uuid: mount, origin: originOf(before), path: below, lastChange: 'move' };
}

/** Both records, as long as nothing came between. */
function bothIn(tx: Transaction, order: MoveOrder): { readonly source: MountRecord; readonly target: MountRecord } {
  const source = recordAt<MountRecord>(tx, recordKey(order.source));
  const target = recordAt<MountRecord>(tx, recordKey(order.target));
  const namespaces = isThere(tx, order.source.namespace) && isThere(tx, order.target.namespace);
  const goesOn = orderOf(tx, order)?.switched === false;
  if (!namespaces || !goesOn || source === undefined || target === undefined || requestPath(source) !== order.path) {
    throw fail(
      'conflict',
      `"${order.path}" or the namespace that it moves to was changed meanwhile: it stays where it is`,
    );
  }
  return { source, target };
}

/** Copies what comes behind `after`, at most a page. Answers the last key, undefined when nothing is left. */
function copyPage(tx: Transaction, order: MoveOrder, cls: KeyClass, after: string | undefined): string | undefined {
  bothIn(tx, order);
  const [from, to] = [dataOf(cls, order.source), dataOf(cls, order.target)];
  const page = tx.list(from, { limit: PAGE, ...(after === undefined ? {} : { after }) });
  let bytes = 0;
  for (const key of page) {
    const value = tx.get(key);
    if (value === undefined) continue;
    tx.put(to + key.slice(from.length), value);
    bytes += value.length;
    if (bytes >= PAGE_BYTES) return key;
  }
  return page.length < PAGE ? undefined : page.at(-1);
}

export class MountMoves {
  readonly #services: MovingServices;
  readonly #changes: MountChanges;
  /** Ids of the mounts that this process is moving right now. */
  readonly #running = new Set<string>();

  constructor(services: MovingServices, changes: MountChanges) {
    this.#services = services;
    this.#changes = changes;
  }

  /**
   * From then on the mount is not written, and its new path is taken. Throws `badRequest` where that cannot be, and when it
   * is being moved already. Who gets an order hands it to `finish`.
   */
  async begin(mounted: Mounted, to: Destination): Promise<MoveOrder> {
    const { record, namespace, path } = mounted;
    if (isBuiltIn(record)) throw fail('badRequest', `cannot move "${path}"`);
    const source = { namespace, mount: record.uuid };
    const order = { source, target: { namespace: to.namespace.id, mount: uuid() }, path, switched: false };
    const busy = () => fail('badRequest', `"${path}" is being moved already`);
    if (this.#running.has(record.uuid)) throw busy();
    this.#running.add(record.uuid);
    try {
      await this.#services.store.transact((tx) => {
        if (tx.has(keys.mountMove(record.uuid))) throw busy();
        const before = recordAt<MountRecord>(tx, recordKey(source));
        if (before === undefined || requestPath(before) !== path || !isThere(tx, namespace)) {
          throw fail('conflict', `the mount at "${path}" has moved meanwhile`);
        }
        const after = moved(before, order.target.mount, to);
        assertFree(tx, to.namespace.id, after);
        assertStillAsked(tx, this.#services.namespaces, before, { from: namespace, to: to.namespace.id });
        tx.put(recordKey(order.target), encodeRecord({ ...after, moving: true } satisfies MountRecord));
        tx.put(keys.mountMove(record.uuid), encodeRecord(order satisfies MoveOrder));
      });
    } catch (error) {
      this.#running.delete(record.uuid);
      throw error;
    }
    failpoint('remount.ordered');
    return order;
  }

  /**
   * Copies and switches. When this rejects the mount is where it was, and of the copy nothing is left. Answers why what it
   * left is not gone yet, which nobody can use any more and the next start deletes; undefined when it is.
   */
  async finish(order: MoveOrder): Promise<Error | undefined> {
    try {
      await this.#copy(order);
      await this.#switch(order);
    } catch (error) {
      this.#running.delete(order.source.mount);
      await this.#takeBack(order);
      throw error;
    }
    try {
      await this.#cleanUp(order);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error('unknown');
    } finally {
      this.#running.delete(order.source.mount);
    }
  }

  /** What a crash or a seal cut off: taken back before the switch, finished after it. Not where a namespace is sealed. */
  async resume(): Promise<void> {
    const { namespaces } = this.#services;
    for (const order of this.#cutOff()) {
      if (![order.source, order.target].every(({ namespace }) => namespaces.isReadable(namespace))) continue;
      if (order.switched) await this.#cleanUp(order);
      else await this.#takeBack(order);
    }
  }

  #cutOff(): readonly MoveOrder[] {
    using snapshot = this.#services.store.snapshot();
    const found = snapshot.list(keys.mountMoves, { limit: Number.MAX_SAFE_INTEGER });
    const orders = found.flatMap((key) => recordAt<MoveOrder>(snapshot, key) ?? []);
    return orders.filter(({ source }) => !this.#running.has(source.mount));
  }

  async #copy(order: MoveOrder): Promise<void> {
    for (const cls of ['s', 'l'] as const) {
      for (let after: string | undefined; ;) {
        const { value } = await this.#services.store.transact((tx) => copyPage(tx, order, cls, after));
        failpoint('remount.copying');
        if (value === undefined) break;
        after = value;
      }
    }
  }

  async #switch(order: MoveOrder): Promise<void> {
    const { source, target } = order;
    await this.#services.store.transact((tx) => {
      const found = bothIn(tx, order);
      assertNoLeases(tx, source.namespace, found.source);
      const places = { from: source.namespace, to: target.namespace };
      assertStillAsked(tx, this.#services.namespaces, found.source, places);
      const { moving: _moving, ...there } = found.target;
      // What was tuned meanwhile goes along.
      const after: MountRecord = { ...there, config: found.source.config, description: found.source.description };
      tx.delete(recordKey(source));
      tx.put(keys.removals(source.namespace) + source.mount, encodeRecord({ path: order.path }));
      tx.put(recordKey(target), encodeRecord({ ...after, options: found.source.options } satisfies MountRecord));
      followMount(tx, fullPath(found.source), fullPath(after));
      tx.put(keys.mountMove(source.mount), encodeRecord({ ...order, switched: true } satisfies MoveOrder));
    });
    failpoint('remount.switched');
  }

  /** Of what it gave nothing is left, as in Vault: the tokens go here, its leases went before. */
  async #cleanUp({ source, path }: MoveOrder): Promise<void> {
    if (path.startsWith('auth/')) await this.#services.revocation.revokeLogins(source.namespace, source.mount);
    await this.#services.store.transact((tx) => {
      tx.delete(keys.mountMove(source.mount));
    });
    failpoint('remount.removing');
    await this.#changes.removeData(source.namespace, source.mount);
  }

  /** Nothing where it was switched: then it is there, and the next start does what is left. */
  async #takeBack(order: MoveOrder): Promise<void> {
    const { source, target } = order;
    const { value } = await this.#services.store.transact((tx) => {
      if (orderOf(tx, order)?.switched !== false) return false;
      tx.delete(keys.mountMove(source.mount));
      tx.delete(recordKey(target));
      // The removal of a namespace takes all of it.
      if (!isThere(tx, target.namespace)) return false;
      // Without a path: it was nobody's mount yet, and nobody is told.
      tx.put(keys.removals(target.namespace) + target.mount, encodeRecord({}));
      return true;
    });
    failpoint('remount.returned');
    if (value) await this.#changes.removeData(target.namespace, target.mount);
  }
}
