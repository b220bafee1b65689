/**
 * A region's durable copy of what the hub shares, as the follower's commands change it: each is one transaction of the
 * region's own store, behind its own barrier, with the copy's state in it.
 */
import { keys, ROOT_NAMESPACE } from '../core/keys.ts';
import { failpoint } from '../lib/failpoint.ts';
import { decodeFound, encodeRecord, recordAt } from '../lib/record.ts';
import { everyKey } from '../storage/every-key.ts';
import type { Store, Transaction } from '../storage/store.ts';
import type { Change, Copy, StorageCommand } from './follower-state.ts';
import type { Purge, Write } from './protocol.ts';
import { purged, type Layout, type Mount } from './view.ts';

const SHARED = 's/';
const STAGE = `${keys.hubStage}puts/`;
const STAGED_PURGES = `${keys.hubStage}purges/`;
const PUT = 1;
const DELETED = Buffer.from([0]);
const NOTHING: Copy = { cursor: undefined, filter: [], version: 0 };

interface StoredCopy extends Omit<Copy, 'cursor'> {
  readonly cursor: {
    readonly log: string;
    readonly position: { epoch: string; sequence: number };
    readonly hash: string;
  } | null;
}

/** Of commands, in failpoints. */
const NAMES: Readonly<Record<StorageCommand['do'], string>> = {
  apply: 'apply',
  narrow: 'narrow',
  stageDrop: 'stage-drop',
  stage: 'stage',
  stageCommit: 'stage-commit',
};

/** The state of a region's copy. */
export function readCopy(store: Store): Copy {
  return copyIn(store.get(keys.hubCopy));
}

/** Calls `moved` with the copy as each batch leaves it, before any reader sees the batch. */
export function observeCopy(store: Store, moved: (copy: Copy) => void): Disposable {
  return store.observe(({ writes }) => {
    const found = writes.find(({ key }) => key === keys.hubCopy);
    if (found !== undefined) moved(copyIn(found.value));
  });
}

export class CopyStore {
  readonly #store: Store;
  readonly #layout: Layout;

  constructor(store: Store, layout: Layout) {
    this.#store = store;
    this.#layout = layout;
  }

  read(): Copy {
    return readCopy(this.#store);
  }

  observe(moved: (copy: Copy) => void): Disposable {
    return observeCopy(this.#store, moved);
  }

  /** Resolves when it is durable. */
  async run(command: StorageCommand): Promise<void> {
    failpoint(`region.before-${NAMES[command.do]}`);
    await this.#store.transact((tx) => {
      this.#do(tx, command);
    });
    failpoint(`region.after-${NAMES[command.do]}`);
  }

  #do(tx: Transaction, command: StorageCommand): void {
    switch (command.do) {
      case 'apply':
        for (const change of command.changes) this.#change(tx, change);
        writeCopy(tx, command.copy);
        return;
      case 'narrow':
        this.#purgeStaged(tx, command.purge);
        this.#purge(tx, command.purge);
        writeCopy(tx, command.copy);
        return;
      case 'stageDrop':
        for (const key of [...everyKey(tx, keys.hubStage)]) tx.delete(key);
        return;
      case 'stage':
        if (command.change.purge !== undefined) this.#purgeStaged(tx, command.change.purge);
        for (const { key, value } of command.change.writes) {
          tx.put(STAGE + key, value === undefined ? DELETED : Buffer.concat([Buffer.from([PUT]), value]));
        }
        return;
      case 'stageCommit':
        this.#commit(tx, command.scope);
        writeCopy(tx, command.copy);
    }
  }

  #change(tx: Transaction, { purge, writes }: Change): void {
    if (purge !== undefined) this.#purge(tx, purge);
    for (const write of writes) apply(tx, write);
  }

  #commit(tx: Transaction, scope: 'everything' | 'entering'): void {
    const staged = [...everyKey(tx, STAGE)];
    if (scope === 'everything') {
      const kept = new Set(staged.map((key) => key.slice(STAGE.length)));
      for (const key of [...everyKey(tx, SHARED)]) if (!kept.has(key)) tx.delete(key);
    } else {
      for (const key of [...everyKey(tx, STAGED_PURGES)]) {
        const purge = recordAt<Purge>(tx, key);
        if (purge !== undefined) this.#purge(tx, { prefixes: purge.prefixes, filter: purge.filter });
      }
    }
    for (const key of staged) {
      const value = tx.get(key);
      apply(tx, { key: key.slice(STAGE.length), value: value?.[0] === PUT ? value.subarray(1) : undefined });
    }
    for (const key of [...everyKey(tx, keys.hubStage)]) tx.delete(key);
  }

  #purge(tx: Transaction, purge: Purge): void {
    const mounts = this.#mounts(tx, SHARED, new Map());
    for (const key of [...everyKey(tx, SHARED)]) if (purged(purge, key, mounts, this.#layout)) tx.delete(key);
  }

  /** What is staged is judged by its own mount records, over those of the copy. */
  #purgeStaged(tx: Transaction, purge: Purge): void {
    const mounts = this.#mounts(tx, STAGE, this.#mounts(tx, SHARED, new Map()));
    const staged = [...everyKey(tx, STAGE)];
    for (const key of staged) {
      if (purged(purge, key.slice(STAGE.length), mounts, this.#layout)) tx.delete(key);
    }
    const count = String([...everyKey(tx, STAGED_PURGES)].length).padStart(8, '0');
    tx.put(STAGED_PURGES + count, encodeRecord(purge));
  }

  #mounts(tx: Transaction, prefix: string, known: ReadonlyMap<string, Mount>): Map<string, Mount> {
    const mounts = new Map(known);
    const stage = prefix === STAGE ? STAGE : '';
    const ids = [...everyKey(tx, stage + keys.namespaces)].map((at) => at.slice(stage.length + keys.namespaces.length));
    const below = [keys.namespaces, ...[ROOT_NAMESPACE, ...ids].map((id) => keys.mounts('s', id))];
    for (const at of below.flatMap((each) => [...everyKey(tx, stage + each)])) {
      const key = prefix === STAGE ? at.slice(STAGE.length) : at;
      const stored = tx.get(at);
      const value = prefix === STAGE ? (stored?.[0] === PUT ? stored.subarray(1) : undefined) : stored;
      const id = this.#layout.mountRecord(key);
      const mount = value === undefined ? undefined : this.#layout.readMount({ key, value });
      if (id !== undefined && mount !== undefined) mounts.set(id, mount);
    }
    return mounts;
  }
}

function copyIn(value: Uint8Array | undefined): Copy {
  const found = decodeFound<StoredCopy>(value);
  if (found === undefined) return NOTHING;
  const { cursor } = found;
  const at = cursor === null ? undefined : { ...cursor, hash: Buffer.from(cursor.hash, 'hex') };
  return { ...found, cursor: at };
}

function apply(tx: Transaction, { key, value }: Write): void {
  // The machine has checked already: nothing but shared keys ever comes from the hub.
  if (!key.startsWith(SHARED)) return;
  if (value === undefined) tx.delete(key);
  else tx.put(key, value);
}

function writeCopy(tx: Transaction, { cursor, filter, version }: Copy): void {
  const at =
    cursor === undefined
      ? null
      : { log: cursor.log, position: cursor.position, hash: Buffer.from(cursor.hash).toString('hex') };
  tx.put(keys.hubCopy, encodeRecord({ cursor: at, filter, version } satisfies StoredCopy));
}
