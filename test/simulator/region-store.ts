/** A region's durable store as the follower's commands see it: each command is one transaction. */

import type { Copy, StorageCommand } from '../../src/regions/follower-state.ts';
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
    switch (command.do) {
      case 'apply':
        for (const change of command.changes) {
          if (change.purge !== undefined) this.#purge(change.purge);
          for (const write of change.writes) this.#write(write);
        }
        this.copy = command.copy;
        return;
      case 'narrow':
        this.#purgeStaged(command.purge);
        this.#purge(command.purge);
        this.copy = command.copy;
        return;
      case 'stageDrop':
        this.staged = { layer: new Map(), purges: [] };
        return;
      case 'stage':
        if (command.change.purge !== undefined) this.#purgeStaged(command.change.purge);
        for (const write of command.change.writes) this.staged.layer.set(write.key, write.value);
        return;
      case 'stageCommit':
        if (command.scope === 'everything') this.shared = new Map();
        else for (const purge of this.staged.purges) this.#purge(purge);
        for (const [key, value] of this.staged.layer) this.#write({ key, value });
        this.staged = { layer: new Map(), purges: [] };
        this.copy = command.copy;
    }
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
