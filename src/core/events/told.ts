/** From entries of the history to events with the paths of today. */
import type { MountTable } from '../mounts/mount-table.ts';
import { isBuiltIn, requestPath } from '../mounts/mount.ts';
import type { Context, Entry, MountPath } from './entry.ts';
import { frames } from './frames.ts';
import type { Subscription, Told } from './subscription.ts';

/** As the mounts stand now; what lies in a mount that is gone is nobody's to know. */
export function* toldBy(entry: Entry, mounts: MountTable): Generator<Told> {
  const { position, index, time } = entry;
  for (const { mount, change } of entry.changes) {
    const mounted = mounts.byUuid(mount);
    if (mounted === undefined) continue;
    const path = mounted.fullPath + change.dataPath;
    const type = isBuiltIn(mounted.record) ? change.type : undefined;
    yield {
      ...{ mounted, change, path, index, position, time },
      frame: framesOf((base) => frames.event(index, path.slice(base.length), change, type)),
    };
  }
}

/** One frame for all who subscribe in one namespace. */
export function framesOf(make: (base: string) => string): Told['frame'] {
  const made = new Map<string, string>();
  return (base) => {
    const known = made.get(base) ?? make(base);
    made.set(base, known);
    return known;
  };
}

/** Of each path that the subscriber wants the newest event, in order; Vault's clients get each type. */
export function newestOf(entries: readonly Entry[], mounts: MountTable, { wants, wantsPath }: Subscription): Told[] {
  const found = new Map<string, Told>();
  for (const entry of entries) {
    for (const told of toldBy(entry, mounts)) {
      if (!wantsPath(told.path)) continue;
      const key = wants.dialect === 'vault' ? `${told.path}\n${told.change.type}` : told.path;
      // Taken out first, so that it stands where it happened last.
      found.delete(key);
      found.set(key, told);
    }
  }
  return [...found.values()];
}

/** Where the mounts were before the batch at hand: of a mount that leaves its path only this remembers it. */
export class MountPaths implements Pick<Context, 'leaves' | 'before' | 'known'> {
  readonly #paths = new Map<string, MountPath>();
  #left: string[] = [];

  constructor(mounts: MountTable) {
    for (const { record, fullPath: full } of mounts.everywhere()) {
      this.#paths.set(record.uuid, { full, request: requestPath(record) });
    }
  }

  readonly before: Context['before'] = (uuid) => this.#paths.get(uuid)?.request;

  readonly known = (uuid: string): boolean => this.#paths.has(uuid);

  readonly leaves: Context['leaves'] = (uuid, path) => {
    const before = this.#paths.get(uuid)?.full;
    if (path === undefined) this.#paths.delete(uuid);
    else this.#paths.set(uuid, path);
    if (before === undefined || before === path?.full) return false;
    this.#left.push(before);
    return true;
  };

  /** The paths that were left since this was asked last. */
  takeLeft(): readonly string[] {
    return this.#left.splice(0);
  }
}
