/** Snapshots of a node: taken while it serves, and put into its place. */
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { fail } from '../../errors.ts';
import { randomBytes, uuid } from '../../lib/crypto/random.ts';
import type { KeyObject } from '../../lib/crypto/hash.ts';
import { roomIn } from '../../lib/disk-room.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { SnapshotMeta } from '../../lib/snapshot/meta.ts';
import { readSnapshot } from '../../lib/snapshot/reader.ts';
import { SnapshotWriter } from '../../lib/snapshot/writer.ts';
import type { Beside } from './loaded.ts';
import type { ScheduledSnapshot } from './scheduled.ts';
import { UnsealedSnapshots, type Opening } from './unsealed-snapshots.ts';
import { proveFile } from './proven-file.ts';
import type { Taken, Taking } from './taken.ts';
import type { SealLifecycle } from '../../seal/lifecycle.ts';
import { encodeRestored, RESTORED_KEY } from '../../seal/restored.ts';
import { checkSealType, keepSeal, proveSeal, sealSums } from '../../seal/snapshot-proof.ts';
import type { LocalStore } from '../../storage/local/local-store.ts';
import type { NewHistory, Replacement } from '../../storage/local/replacement.ts';
import { copyStore } from '../../storage/snapshot-copy.ts';

export interface SnapshotPlace {
  /** Below the barrier. */
  readonly store: LocalStore;
  /** For files on their way in and out; this process's own, emptied at the start. */
  readonly folder: string;
  /** Those that the configuration asks for. */
  readonly schedules?: readonly ScheduledSnapshot[];
  /** Where one can be loaded beside the store. */
  readonly beside?: Beside;
}

/** What the snapshots ask of their node. */
export interface SnapshotNode {
  readonly lifecycle: SealLifecycle;
  readonly now: () => number;
  /** Ends all service, has the content replaced, and serves again: with `root`, or as the seal opens it by itself. */
  readonly replaceContent: (replace: () => Promise<void>, root: KeyObject | undefined) => Promise<void>;
}

export interface RestoreOptions {
  /** Takes a snapshot of other keys: it is unsealed with those. */
  readonly force: boolean;
  readonly keepCredentials: boolean;
}

/** On their way in and out at a time: each may be as large as the store. */
const MOST_FILES = 4;
/** What the names of files begin with that no client fetches. */
const OWN = 'own-';

export class Snapshots implements Taking {
  readonly #place: SnapshotPlace;
  readonly #node: SnapshotNode;
  #restoring = false;

  constructor(place: SnapshotPlace, node: SnapshotNode) {
    this.#place = place;
    this.#node = node;
    rmSync(place.folder, { recursive: true, force: true });
    place.beside?.drop();
  }

  /** As the node is unsealed, until what this gives is disposed of. */
  open(opening: Opening): UnsealedSnapshots {
    const root = (): KeyObject => this.#node.lifecycle.barrier.rootKey;
    return new UnsealedSnapshots({ ...opening, taking: this, place: this.#place, root });
  }

  /** Writes a snapshot into a file, which is the caller's from then on. Throws `sealed`, or `tooManyRequests`. */
  async take(signal: AbortSignal): Promise<{ readonly path: string; readonly meta: SnapshotMeta }> {
    return this.#write(this.#newFile('tar'), signal);
  }

  async during<T>(signal: AbortSignal, use: (taken: Taken) => Promise<T>): Promise<T> {
    const root = this.#node.lifecycle.barrier.rootKey;
    this.#makeFolder();
    const path = join(this.#place.folder, `${OWN}${uuid()}.tar`);
    try {
      const { meta } = await this.#write(path, signal);
      const content = (): AsyncIterable<Uint8Array> => {
        const zipped = createGzip({ level: constants.Z_NO_COMPRESSION });
        // Whoever reads is told of its errors by what is read.
        pipeline(createReadStream(path), zipped, () => undefined);
        return zipped;
      };
      const check = async (arrived: AsyncIterable<Uint8Array>): Promise<void> => {
        const found = await readSnapshot(arrived, {});
        proveSeal(root, found);
        if (found.meta.epoch !== meta.epoch || found.meta.sequence !== meta.sequence) {
          throw fail('snapshotDamaged', 'the snapshot is damaged: another one arrived');
        }
      };
      return await use({ meta, content, check });
    } finally {
      await rm(path, { force: true });
    }
  }

  async #write(path: string, signal: AbortSignal): Promise<{ readonly path: string; readonly meta: SnapshotMeta }> {
    const root = this.#node.lifecycle.barrier.rootKey;
    try {
      await using file = await open(path, 'wx', 0o600);
      const writer = new SnapshotWriter(file);
      const drain = (): Promise<void> => (writer.isChunkFull ? this.#flush(writer) : nextTurn());
      const add = writer.add.bind(writer);
      const origin = await copyStore(this.#place.store, { add, drain }, signal);
      const meta = await writer.finish({ ...origin, time: this.#node.now() }, (sums) => sealSums(root, sums));
      return { path, meta };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  async #flush(writer: SnapshotWriter): Promise<void> {
    if ((await roomIn(this.#place.folder)) < 0) {
      throw fail('internal', 'the disk has no room for the snapshot: free the disk, then try again');
    }
    await writer.flush();
  }

  /** A file that an upload can be written into. Throws `tooManyRequests`. */
  async receive(upload: (path: string) => Promise<void>): Promise<AsyncDisposable & { readonly path: string }> {
    const path = this.#newFile('gz');
    const drop = (): Promise<void> => rm(path, { force: true });
    try {
      await upload(path);
      return { path, [Symbol.asyncDispose]: drop };
    } catch (error) {
      await drop();
      throw error;
    }
  }

  /**
   * Restores the snapshot in a file. The node goes on serving what it has until the new content is complete, checked and
   * flushed. Throws `snapshotDamaged`, `snapshotVersion`, `snapshotKeys`, or `conflict` while another restore runs.
   */
  async restore(path: string, options: RestoreOptions): Promise<SnapshotMeta> {
    if (this.#restoring) throw fail('conflict', 'another snapshot is being restored: wait for it');
    this.#restoring = true;
    try {
      using _keys = await this.#node.lifecycle.keepKeys();
      return await this.#restore(path, options);
    } finally {
      this.#restoring = false;
    }
  }

  async #restore(path: string, options: RestoreOptions): Promise<SnapshotMeta> {
    const { store } = this.#place;
    const { lifecycle } = this.#node;
    const root = options.force ? undefined : lifecycle.barrier.rootKey;
    if (root !== undefined) await proveFile(path, root);
    const replacement = await store.replacement();
    let meta: SnapshotMeta;
    try {
      const found = await readSnapshot(createReadStream(path), { chunk: (records) => replacement.write(records) });
      ({ meta } = found);
      if (root === undefined) checkSealType(lifecycle.type, replacement);
      else {
        // Of what was loaded: the file was read twice.
        proveSeal(root, found);
        await keepSeal(store, replacement);
      }
      const restored = {
        keepCredentials: options.keepCredentials,
        from: { epoch: meta.epoch, sequence: meta.sequence },
      };
      await replacement.write([{ key: RESTORED_KEY, value: encodeRestored(restored) }]);
      await replacement.complete(this.#history(meta));
    } catch (error) {
      await replacement.discard();
      throw error;
    }
    await this.#node.replaceContent(async () => {
      failpoint('snapshot.before-replace');
      await this.#put(replacement);
    }, root);
    return meta;
  }

  async #put(replacement: Replacement): Promise<void> {
    await this.#place.store.replace(replacement);
  }

  /** Beyond both histories, so that no position of either one is met again. */
  #history(meta: SnapshotMeta): NewHistory {
    const { store } = this.#place;
    const number = Math.max(store.epoch.number, Number(meta.epoch.split('.', 1)[0])) + 1;
    const epoch = { number, id: randomBytes(16).toString('hex'), parent: meta.epoch, forkedAt: meta.sequence };
    const sequence = Math.max(store.position.sequence, meta.sequence) + 1;
    const position = { epoch: `${String(number)}.${epoch.id}`, sequence };
    return { log: meta.log, epoch, head: { position, hash: Buffer.from(meta.hash, 'hex') } };
  }

  #makeFolder(): void {
    mkdirSync(this.#place.folder, { recursive: true, mode: 0o700 });
  }

  #newFile(ending: string): string {
    this.#makeFolder();
    if (readdirSync(this.#place.folder).filter((name) => !name.startsWith(OWN)).length >= MOST_FILES) {
      throw fail('tooManyRequests', 'too many snapshots are on their way: wait until one of them has arrived');
    }
    return join(this.#place.folder, `${uuid()}.${ending}`);
  }
}
