import { compareKeys, fits } from './key.ts';
import type { Page } from './store.ts';

/** The least that a source of keys and values must offer; pages are made from it. */
export interface Reader {
  get(key: string): Uint8Array | undefined;
  has(key: string): boolean;
  /** Keys from `start` on (behind it, if `exclusive`), in key order. Left early, it releases what it holds. */
  keysFrom(start: string, exclusive: boolean): Iterable<string>;
}

/** Where a walk starts, and whether it starts behind that key. */
type Start = readonly [key: string, exclusive: boolean];

function impossible(prefix: string, page: Page): boolean {
  return !(page.limit > 0) || !prefix.isWellFormed() || !fits(prefix);
}

/** `Snapshot.list`, over any reader. */
export function listKeys(reader: Reader, prefix: string, page: Page): string[] {
  const found: string[] = [];
  if (impossible(prefix, page)) return found;
  const after = page.after?.toWellFormed();
  const [start, exclusive]: Start =
    after !== undefined && compareKeys(after, prefix) >= 0 ? [after, true] : [prefix, false];
  for (const key of reader.keysFrom(start, exclusive)) {
    if (!key.startsWith(prefix)) break;
    found.push(key);
    if (found.length >= page.limit) break;
  }
  return found;
}

/** The first key that stands behind the whole subtree `<path>/`: `0` is the byte behind `/`. */
const behindSubtree = (path: string): Start => [`${path}0`, false];

function behindChild(prefix: string, after: string): Start {
  const slash = after.indexOf('/');
  return slash === -1 ? [prefix + after, true] : behindSubtree(prefix + after.slice(0, slash));
}

/** `Snapshot.children`, over any reader: one seek for each subtree, one step for each leaf. */
export function listChildren(reader: Reader, prefix: string, page: Page): string[] {
  const found: string[] = [];
  if (impossible(prefix, page)) return found;
  let next: Start | undefined = behindChild(prefix, page.after?.toWellFormed() ?? '');
  while (next !== undefined) {
    const [start, exclusive]: Start = next;
    next = undefined;
    for (const key of reader.keysFrom(start, exclusive)) {
      if (!key.startsWith(prefix)) break;
      const slash = key.indexOf('/', prefix.length);
      found.push(key.slice(prefix.length, slash === -1 ? undefined : slash + 1));
      if (found.length >= page.limit) break;
      if (slash !== -1) {
        next = behindSubtree(key.slice(0, slash));
        break;
      }
    }
  }
  return found;
}
