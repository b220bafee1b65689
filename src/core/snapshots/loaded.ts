/** One snapshot beside the live data: in a store of its own, encrypted as it came, for reading alone. */
import { fail } from '../../errors.ts';
import { uuid } from '../../lib/crypto/random.ts';
import type { KeyObject } from '../../lib/crypto/hash.ts';
import type { Logger } from '../../lib/log.ts';
import type { ReadSnapshot } from '../../lib/snapshot/reader.ts';
import { Barrier } from '../../seal/barrier.ts';
import { proveSeal } from '../../seal/snapshot-proof.ts';
import type { LocalStore } from '../../storage/local/local-store.ts';
import { SealableStore } from '../namespaces/sealable-store.ts';
import { MountTable, type Mounted, type MountTableOptions } from '../mounts/mount-table.ts';
import { fillStore } from './fill.ts';
import { proveFile } from './proven-file.ts';

/** Where its data lies while it is loaded. */
export interface Beside {
  /** An empty store. */
  readonly open: () => Promise<LocalStore>;
  /** Removes what was there, once its store is closed. */
  readonly drop: () => void;
}

export interface LoadedOptions {
  readonly beside: Beside;
  /** That of the live data: under another one nothing is loaded. */
  readonly root: () => KeyObject;
  readonly mounts: Omit<MountTableOptions, 'store' | 'hub' | 'warn'>;
  readonly now: () => number;
  readonly log: Logger;
}

/** `sys/storage/raft/snapshot-load`; milliseconds since the epoch. */
export interface LoadedStatus {
  readonly id: string;
  /** Of the log that it is a moment of. */
  readonly log: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

interface Loaded extends LoadedStatus, AsyncDisposable {
  readonly mounts: MountTable;
  readonly sealable: SealableStore;
}

export const LOADED_MS = 72 * 3_600_000;

/** Of KV: a mount can be given versions, and then the same key means something else. */
const versionOf = ({ record }: Pick<Mounted, 'record'>): string => record.options?.['version'] ?? '1';

export class LoadedSnapshots implements AsyncDisposable {
  readonly #options: LoadedOptions;
  #loaded: Loaded | undefined;
  #busy: Promise<unknown> | undefined;
  readonly #ending = new AbortController();

  constructor(options: LoadedOptions) {
    this.#options = options;
    // Of a process that was killed: what was destroyed since would lie there until the next one is loaded.
    options.beside.drop();
  }

  /** Throws `conflict` while one is loaded, or on its way. */
  checkFree(): void {
    if (this.#busy !== undefined) throw fail('conflict', 'a snapshot is being loaded or unloaded: wait for it');
    if (this.#loaded !== undefined) {
      throw fail('conflict', `the snapshot ${this.#loaded.id} is loaded: unload it first, there is one at a time`);
    }
  }

  /** Loads the snapshot in a file. Throws `conflict`, `snapshotDamaged`, `snapshotVersion` or `snapshotKeys`. */
  async load(path: string): Promise<LoadedStatus> {
    this.checkFree();
    return this.#alone(async () => {
      this.#loaded = await this.#load(path);
      const { id, log, createdAt, expiresAt } = this.#loaded;
      this.#options.log.info('loaded a snapshot beside the live data', {
        id,
        expires: new Date(expiresAt).toISOString(),
      });
      return { id, log, createdAt, expiresAt };
    });
  }

  get status(): LoadedStatus | undefined {
    return this.#loaded;
  }

  /** Gives whether it was loaded. */
  async unload(id: string): Promise<boolean> {
    if (this.#busy !== undefined) throw fail('conflict', 'a snapshot is being loaded or unloaded: wait for it');
    const loaded = this.#loaded;
    if (loaded?.id !== id) return false;
    this.#loaded = undefined;
    await this.#alone(() => this.#drop(loaded));
    return true;
  }

  /** Unloads one whose time is over. */
  async tick(): Promise<void> {
    const loaded = this.#loaded;
    if (loaded === undefined || this.#busy !== undefined || this.#options.now() < loaded.expiresAt) return;
    await this.unload(loaded.id);
  }

  /** A live mount as the snapshot has it. Throws `badRequest` where it has none, which was made since. */
  mountOf(id: string, { namespace, path, record, plugin }: Mounted): Mounted {
    const loaded = this.#loaded;
    if (loaded?.id !== id) throw fail('badRequest', `no snapshot ${id} is loaded: list sys/storage/raft/snapshot-load`);
    if (loaded.sealable.domains.isSealed(namespace)) {
      throw fail('namespaceSealed', 'in a snapshot that is loaded, a namespace with a seal of its own stays sealed');
    }
    const isIt = (then: Mounted): boolean => then.namespace === namespace && then.record.uuid === record.uuid;
    const then = [...loaded.mounts.everywhere()].find(isIt);
    if (then?.plugin.type !== plugin.type) {
      throw fail('badRequest', `the snapshot does not hold the mount ${path}: it was made, or made anew, since`);
    }
    if (versionOf(then) !== versionOf({ record })) {
      throw fail(
        'badRequest',
        `the mount ${path} has been given versions since the snapshot, which holds its secrets without any: restore the ` +
          'snapshot into another node and read them there',
      );
    }
    return then;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(fail('sealed'));
    await this.#busy?.catch(() => undefined);
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (loaded !== undefined) await this.#drop(loaded);
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const working = work();
    this.#busy = working;
    try {
      return await working;
    } finally {
      this.#busy = undefined;
    }
  }

  async #drop(loaded: Loaded): Promise<void> {
    await loaded[Symbol.asyncDispose]();
    this.#options.beside.drop();
    this.#options.log.info('unloaded a snapshot', { id: loaded.id });
  }

  async #load(path: string): Promise<Loaded> {
    const { beside, now, mounts: about, root } = this.#options;
    const key = root();
    await proveFile(path, key);
    beside.drop();
    await using raw = new AsyncDisposableStack();
    raw.defer(() => {
      beside.drop();
    });
    const store = raw.use(await beside.open());
    // Of what is loaded: the file is read twice.
    const check = (found: ReadSnapshot): void => {
      proveSeal(key, found);
    };
    const { meta } = await fillStore(store, path, { check, signal: this.#ending.signal });
    const barrier = new Barrier(store);
    raw.defer(() => {
      barrier.seal();
    });
    // Namespaces with a seal of their own are sealed in it, whatever they are in the live data.
    const sealable = raw.use(new SealableStore(barrier.unseal(key), { now }));
    const mounts = raw.use(new MountTable({ ...about, store: sealable, hub: false, warn: () => undefined }));
    const [createdAt, kept] = [now(), raw.move()];
    return {
      ...{ id: uuid(), log: meta.log, createdAt, expiresAt: createdAt + LOADED_MS, mounts, sealable },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  }
}
