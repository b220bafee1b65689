/** Changes to the mount tables: enable, tune, move, disable. Each is one transaction on the shared class. */
import { isDeepStrictEqual } from 'node:util';
import { fail } from '../../errors.ts';
import { sha256 } from '../../lib/crypto/hash.ts';
import { randomBytes, uuid } from '../../lib/crypto/random.ts';
import { decodeRecord, encodeRecord, recordAt } from '../../lib/record.ts';
import { everyKey } from '../../storage/every-key.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import { countOf } from '../leases/lease-records.ts';
import type { Namespace, NamespaceRecord } from '../namespaces/namespace.ts';
import { followMount } from '../quotas/quota-records.ts';
import { ScopedTransaction } from './compartment.ts';
import {
  BUILT_IN,
  fullPath,
  isBuiltIn,
  NO_CONFIG,
  requestPath,
  type MountConfig,
  type MountRecord,
  type MountTableName,
} from './mount.ts';

export interface MountSpec {
  readonly table: MountTableName;
  /** With a closing slash. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly local: boolean;
  readonly sealWrap: boolean;
  readonly externalEntropyAccess: boolean;
  readonly options: Readonly<Record<string, string>> | null;
  readonly config: MountConfig;
}

const PAGE = 500;
/** Paths below which nobody mounts. */
const RESERVED = ['audit/', 'auth/', 'sys/', 'cubbyhole/', 'identity/', 'token/'];

export function newMount(spec: MountSpec, id: string = uuid()): MountRecord {
  return {
    ...spec,
    uuid: id,
    accessor: `${spec.table === 'auth' ? 'auth_' : ''}${spec.type}_${randomBytes(4).toString('hex')}`,
    salt: randomBytes(32).toString('base64'),
  };
}

function records(tx: Transaction, namespace: string): readonly MountRecord[] {
  const found: MountRecord[] = [];
  for (const cls of ['l', 's'] as const) {
    for (const key of everyKey(tx, keys.mounts(cls, namespace))) {
      const value = tx.get(key);
      if (value !== undefined) found.push(decodeRecord<MountRecord>(value, key));
    }
  }
  return found;
}

/** Throws `badRequest` when the path is taken, lies below or above another mount, or is reserved. */
export function assertFree(tx: Transaction, namespace: string, candidate: MountRecord): void {
  const wanted = requestPath(candidate);
  const [first = ''] = wanted.split('/', 1);
  if (namespace !== ROOT_NAMESPACE && !tx.has(keys.namespace(namespace))) throw fail('noNamespace');
  if (tx.has(keys.name(namespace, first)))
    throw fail('badRequest', `path is already in use by the namespace "${first}/"`);
  if (candidate.table === 'secret' && RESERVED.some((path) => wanted.startsWith(path)) && !isBuiltIn(candidate)) {
    throw fail('badRequest', `cannot mount under "${wanted}": the path is reserved`);
  }
  for (const record of records(tx, namespace)) {
    const taken = requestPath(record);
    if (record.uuid === candidate.uuid) continue;
    if (wanted.startsWith(taken) || taken.startsWith(wanted)) {
      throw fail('badRequest', `path is already in use at ${taken}`);
    }
  }
}

/** Without its mount nobody could take back what a lease stands for. They were revoked before, unless some are left over. */
export function assertNoLeases(tx: Transaction, namespace: string, record: MountRecord): void {
  const { all } = countOf(tx, namespace, record.uuid);
  if (all === 0) return;
  throw fail(
    'badRequest',
    `${String(all)} leases of "${requestPath(record)}" are still being revoked: try again in two minutes, or forget them ` +
      `first: sys/leases/revoke-force/${requestPath(record)}`,
  );
}

/** Of a new namespace: a mount that its name would hide, since a path leads to one of the two only. */
export function mountBelow(tx: Transaction, namespace: string, name: string): string | undefined {
  return records(tx, namespace)
    .map(requestPath)
    .find((path) => path.startsWith(`${name}/`));
}

/**
 * The mounts that a namespace has from the start, made from its record: each node has them as soon as it knows the
 * namespace, without a write. What is tuned of them is written, as in the root namespace.
 */
export function builtInOf({ id: namespace, path, salt }: NamespaceRecord): readonly MountRecord[] {
  return Object.entries(BUILT_IN).map(([id, { table, path: at, type, description, local }]) => ({
    ...{ uuid: id, table, path: at, type, description, local, salt, namespace: path },
    ...{ config: NO_CONFIG, sealWrap: false, externalEntropyAccess: false, options: null },
    accessor: `${table === 'auth' ? 'auth_' : ''}${type}_${sha256(`${namespace}/${id}`).toString('hex').slice(0, 8)}`,
  }));
}

/** The mounts that every node has of its own; those that are there stay as they are. */
export function seedBuiltIn(tx: Transaction, namespace: string): void {
  for (const [id, { table, path, type, description, local }] of Object.entries(BUILT_IN)) {
    const key = keys.mount('l', namespace, id);
    if (tx.get(key) !== undefined) continue;
    const spec: MountSpec = {
      ...{ table, path, type, description, local },
      ...{ config: NO_CONFIG, sealWrap: false, externalEntropyAccess: false, options: null },
    };
    tx.put(key, encodeRecord(newMount(spec, id)));
  }
}

/** For a node of an older version: the built-in mounts that have come since. */
export async function ensureBuiltIn(store: Store): Promise<void> {
  const isThere = (id: string): boolean => store.has(keys.mount('l', ROOT_NAMESPACE, id));
  if (Object.keys(BUILT_IN).every(isThere)) return;
  await store.transact((tx) => {
    seedBuiltIn(tx, ROOT_NAMESPACE);
  });
}

/** A built-in mount of a namespace, of which nothing is written yet. */
function untuned(tx: Transaction, namespace: string, id: string): Uint8Array | undefined {
  const found = recordAt<NamespaceRecord>(tx, keys.namespace(namespace));
  const mount = found === undefined ? undefined : builtInOf(found).find(({ uuid: own }) => own === id);
  return mount === undefined ? undefined : encodeRecord(mount);
}

const sameOptions = ({ options: a }: MountRecord, { options: b }: MountRecord): boolean =>
  isDeepStrictEqual(a ?? {}, b ?? {});

export class MountChanges {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Throws `badRequest` when the path is taken, lies below or above another mount, or is reserved. */
  async enable({ id, path }: Namespace, spec: MountSpec): Promise<MountRecord> {
    const at = id === ROOT_NAMESPACE ? {} : { namespace: path };
    const record: MountRecord = { ...newMount(spec), ...at, lastChange: 'enable' };
    await this.#store.transact((tx) => {
      assertFree(tx, id, record);
      tx.put(keys.mount('s', id, record.uuid), encodeRecord(record));
    });
    return record;
  }

  /**
   * `change` gets the record of now and gives the new one. `retune`: what the mount's shared data becomes with other options.
   * Throws `mountMoving` where that data is being copied elsewhere.
   */
  async change(
    namespace: string,
    id: string,
    change: (record: MountRecord) => MountRecord,
    retune?: (change: { readonly before: MountRecord; readonly after: MountRecord; readonly tx: Transaction }) => void,
  ): Promise<void> {
    await this.#store.transact((tx) => {
      const key = keys.mount(isBuiltIn({ uuid: id }) ? 'l' : 's', namespace, id);
      const found = tx.get(key) ?? untuned(tx, namespace, id);
      if (found === undefined) throw fail('badRequest', 'no matching mount: it was disabled meanwhile');
      const before = decodeRecord<MountRecord>(found, key);
      const after = change(before);
      if (retune !== undefined && !sameOptions(before, after)) {
        if (tx.has(keys.mountMove(id))) throw fail('mountMoving');
        retune({ before, after, tx: new ScopedTransaction(tx, keys.data('s', namespace, id)) });
      }
      const moves = requestPath(before) !== requestPath(after);
      if (moves) {
        if (isBuiltIn(before)) throw fail('badRequest', `cannot move "${requestPath(before)}"`);
        assertFree(tx, namespace, after);
        followMount(tx, fullPath(before), fullPath(after));
      }
      tx.put(key, encodeRecord({ ...after, lastChange: moves ? 'move' : 'tune' } satisfies MountRecord));
    });
  }

  /** The mount is gone when this resolves; its data is deleted in short transactions, also over a restart. */
  async disable(namespace: string, record: MountRecord): Promise<void> {
    if (isBuiltIn(record)) throw fail('badRequest', `cannot disable "${requestPath(record)}"`);
    await this.#store.transact((tx) => {
      assertNoLeases(tx, namespace, record);
      tx.delete(keys.mount('s', namespace, record.uuid));
      tx.put(keys.removals(namespace) + record.uuid, encodeRecord({ path: requestPath(record) }));
    });
    await this.removeData(namespace, record.uuid);
  }

  /** Goes on with removals that a crash cut off. Follows explicit orders alone, never a mount that is missing. */
  async resumeRemovals(namespace: string): Promise<void> {
    for (let id = this.#pending(namespace); id !== undefined; id = this.#pending(namespace)) {
      await this.removeData(namespace, id);
    }
  }

  #pending(namespace: string): string | undefined {
    using snapshot = this.#store.snapshot();
    return snapshot.list(keys.removals(namespace), { limit: 1 })[0]?.slice(keys.removals(namespace).length);
  }

  /** Of a mount that is gone, as an order on disk says already. */
  async removeData(namespace: string, id: string): Promise<void> {
    for (const cls of ['s', 'l'] as const) {
      const prefix = keys.data(cls, namespace, id);
      for (let more = true; more;) {
        const { value } = await this.#store.transact((tx) => {
          const page = tx.list(prefix, { limit: PAGE });
          for (const key of page) tx.delete(key);
          return page.length === PAGE;
        });
        more = value;
      }
    }
    await this.#store.transact((tx) => {
      tx.delete(keys.removals(namespace) + id);
    });
  }
}
