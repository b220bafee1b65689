/** A region's durable store as the follower's commands see it: each command is one transaction. */

import type { Change, Copy, StorageCommand } from '../../src/regions/follower-state.ts';
import type { Purge, Write } from '../../src/regions/protocol.ts';
import { purged } from '../../src/regions/view.ts';
import type { Mount } from '../../src/regions/view.ts';
import { layout } from './hub-model.ts';

type Layer = Map<string, Uint8Array | undefined>;

function mountsIn(records: Iterable<readonly [string, Uint8Array | undefined]>): Map<string, Mount> {
  const mounts = new Map<string, Mount>();
  for (const [key, value] of records) {
    const id = layout.mountRecord(key);
    const mount = id === undefined || value === undefined ? undefined : layout.readMount({ key, value });
    if (id !== undefined && mount !== undefined) mounts.set(id, mount);
  }
  return mounts;
}

export class RegionStore {
  shared = new Map<string, Uint8Array>();
  readonly local = new Map([['l/root/tokens/own', 'kept']]);
  copy: Copy = { cursor: undefined, filter: [], version: 0 };
  staged: { readonly layer: Layer; readonly purges: Purge[] } = { layer: new Map(), purges: [] };
  age = 0;
  /** Counts the commands, so that what did not change is not compared again. */
  revision = 0;

  run(command: StorageCommand): void {
    this.revision += 1;
    if (command.do === 'apply') this.#apply(command.changes);
    else if (command.do === 'narrow') this.#narrow(command.purge);
    else if (command.do === 'stage') this.#stage(command.change);
    else this.#endStaging(command.do === 'stageCommit' ? command.scope : undefined);
    if ('copy' in command) this.copy = command.copy;
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.purge !== undefined) this.#purge(change.purge);
      for (const write of change.writes) this.#write(write);
    }
  }

  #narrow(purge: Purge): void {
    this.#purgeStaged(purge);
    this.#purge(purge);
  }

  #stage(change: Change): void {
    if (change.purge !== undefined) this.#purgeStaged(change.purge);
    for (const write of change.writes) this.staged.layer.set(write.key, write.value);
  }

  #endStaging(commit: 'everything' | 'entering' | undefined): void {
    if (commit === 'everything') this.shared = new Map();
    if (commit === 'entering') for (const purge of this.staged.purges) this.#purge(purge);
    if (commit !== undefined) for (const [key, value] of this.staged.layer) this.#write({ key, value });
    this.staged = { layer: new Map(), purges: [] };
  }

  #write(write: Write): void {
    if (write.value === undefined) this.shared.delete(write.key);
    else this.shared.set(write.key, write.value);
  }

  #purge(purge: Purge): void {
    const mounts = mountsIn(this.shared);
    for (const key of [...this.shared.keys()]) if (purged(purge, key, mounts, layout)) this.shared.delete(key);
  }

  /** The staged layer is judged by its own mount records, over those of the copy. */
  #purgeStaged(purge: Purge): void {
    const { layer, purges } = this.staged;
    const mounts = new Map([...mountsIn(this.shared), ...mountsIn(layer)]);
    for (const key of [...layer.keys()]) if (purged(purge, key, mounts, layout)) layer.delete(key);
    purges.push(purge);
  }
}
