/**
 * What a region gets of a hub batch: pure, and decided before anything is serialised.
 *
 * A record is sent when the rule at its entry and today's rule both allow it. Both are a filter and the paths of the
 * mounts, since moving a mount moves everything below it. `held` is the filter that the region's copy was made under so
 * far: never wider than the filter at the position where the stream stands, never wider than any that the hub had since
 * the stream reached it. A mount that the hub has moved or removed further on in the log is `dropped`, unless all of it
 * stays in view: nothing of it is sent until the walk reaches that entry. What the region holds of it stays until then,
 * or until something of it had to be withheld: then it goes at once, since it would be stale.
 */

import { contains, inView, intersect, overlaps } from './filter.ts';
import type { Filter, LogicalPath } from './filter.ts';
import type { Purge, Write } from './protocol.ts';

export interface Mount {
  readonly id: string;
  /** Canonical, with a slash at its end: `secret/`, `auth/approle/`. */
  readonly path: string;
  /** The key of its own record. */
  readonly record: string;
  /** The prefix of every shared key that it stores. */
  readonly data: string;
}
export type Mounts = ReadonlyMap<string, Mount>;

/** What the hub's record of a region says that it may hold. The version grows with each change. */
export interface Rule {
  readonly filter: Filter;
  readonly version: number;
}

/**
 * How keys map to the API. Given by the shell, since records are encrypted and their formats belong to the core. No
 * member throws; what it cannot read is in no view.
 */
export interface Layout {
  /**
   * Where a record lies, or undefined when it is in no view (hub-only, or its mount is unknown). A delete carries no
   * value, so only a key and its mount may decide. Asked for shared keys (`s/…`) alone, mount records included.
   */
  readonly pathOf: (key: string, mounts: Mounts) => LogicalPath | undefined;
  /** The mount whose record (`s/<namespace>/mounts/<id>`) this key is. */
  readonly mountRecord: (key: string) => string | undefined;
  /** The mount whose stored data this key is. */
  readonly mountOf: (key: string) => string | undefined;
  /** Reads a mount's record. The id of a mount that was removed is never used again. */
  readonly readMount: (write: Write) => Mount | undefined;
  /** Whether no region ever gets it, so that it is not even read: it may lie behind a seal of its own. Absent: nothing is. */
  readonly isApart?: (key: string) => boolean;
  /** The region whose record (`h/root/regions/<name>`) this key is. */
  readonly regionRecord: (key: string) => string | undefined;
  /** Reads a region's record; undefined when it is gone or unreadable: such a region gets nothing. */
  readonly readRule: (write: Write) => Rule | undefined;
}

/** The rule for one region at one position of the hub's log. */
export interface RuleAt extends Rule {
  readonly mounts: Mounts;
}

export interface View {
  /** The rule where the stream stands in the log. */
  readonly rule: Rule;
  readonly held: Filter;
  readonly mounts: Mounts;
  readonly dropped: Dropped;
  readonly today: RuleAt;
}

/** `held`: the region has what there was of it. `gone`: it has nothing of it. */
type Dropped = ReadonlyMap<string, 'held' | 'gone'>;

/** What comes into view at an entry: more of the filter, or whole mounts at a new path. */
export interface Entering {
  /** What the region held before: a record that this allowed is not entering, unless its mount is. */
  readonly before: Filter;
  readonly mounts: ReadonlySet<string>;
  /** The key prefixes that can hold entering records. */
  readonly ranges: readonly string[];
}

export interface Walked {
  readonly view: View;
  readonly writes: readonly Write[];
  /** Set when the batch changes the view. */
  readonly change: { readonly purge: Purge; readonly entering: Entering | undefined } | undefined;
  /** Something was withheld from a dropped mount: this purge must be sent first, then the batch walked again. */
  readonly narrow: Purge | undefined;
  /** The region's own record is gone: nothing more may be sent. */
  readonly removed: boolean;
}

const SHARED = 's/';

/** Whether a mount is today where the walk has it, or somewhere that is in view as a whole. */
function stays(mount: Mount, today: RuleAt): boolean {
  const now = today.mounts.get(mount.id)?.path;
  return now !== undefined && (now === mount.path || contains(today.filter, [now]));
}

function purgeOf(mount: Mount): readonly string[] {
  return [mount.record, mount.data];
}

/** The view of a stream that starts at a position, where the rule was `at`. */
export function openView(at: RuleAt, today: RuleAt): View {
  const start: View = { rule: at, held: at.filter, mounts: at.mounts, dropped: new Map(), today: at };
  return withToday(start, today).view;
}

/** Whether something in view is withheld, because the hub has moved or removed its mount since. */
export function withholds(view: View): boolean {
  return [...view.dropped.values()].includes('held');
}

/**
 * The version of the rule under which a copy of this view was made, or 0 while the copy holds less than that rule
 * allows: then only the log that is still to come, or a snapshot, can make it whole.
 */
export function versionOf(view: View): number {
  const { rule, held, dropped, mounts } = view;
  const lacks = [...dropped].some(([id, has]) => has === 'gone' && overlaps(rule.filter, mounts.get(id)?.path ?? ''));
  return contains(held, rule.filter) && !lacks ? rule.version : 0;
}

/** Whether a shared record is in view. The key alone decides, so it holds for deletes too. */
export function visible(view: View, key: string, layout: Layout): boolean {
  if (!key.startsWith(SHARED)) return false;
  const mount = layout.mountRecord(key) ?? layout.mountOf(key);
  if (mount !== undefined && view.dropped.has(mount)) return false;
  const path = layout.pathOf(key, view.mounts);
  return path !== undefined && inView(view.held, path);
}

/** Whether a record that was read at or after the entry is part of what entered there. */
export function enters(view: View, entering: Entering, key: string, layout: Layout): boolean {
  if (!visible(view, key, layout)) return false;
  const mount = layout.mountRecord(key) ?? layout.mountOf(key);
  if (mount !== undefined && entering.mounts.has(mount)) return true;
  const path = layout.pathOf(key, view.mounts);
  return path !== undefined && !inView(entering.before, path);
}

/** The newest rule reached the stream before the log did: what its filter forbids is purged at once. */
export function withToday(view: View, today: RuleAt): { readonly view: View; readonly narrow: Purge | undefined } {
  const held = intersect(view.held, today.filter);
  const dropped = new Map(view.dropped);
  for (const mount of view.mounts.values()) {
    if (dropped.has(mount.id) || stays(mount, today)) continue;
    dropped.set(mount.id, overlaps(view.held, mount.path) ? 'held' : 'gone');
  }
  const narrow = contains(held, view.held) ? undefined : { prefixes: [], filter: held };
  return { view: { ...view, held, dropped, today }, narrow };
}

interface Move {
  readonly dropped: 'gone' | undefined;
  /** What the region holds of the mount must go. */
  readonly leaves: boolean;
  /** The mount comes in as a whole. */
  readonly comes: boolean;
}

interface Moved {
  readonly id: string;
  readonly before: Mount | undefined;
  readonly after: Mount | undefined;
  readonly move: Move;
}

/** A mount that is new brings its record, and its data with later writes. */
function madeAt(view: View, after: Mount): Move {
  return { dropped: stays(after, view.today) ? undefined : 'gone', leaves: false, comes: false };
}

function movedTo(view: View, before: Mount, after: Mount | undefined, target: Filter): Move {
  const has = view.dropped.get(before.id);
  const leaves = has !== 'gone' && overlaps(view.held, before.path);
  if (after === undefined) return { dropped: undefined, leaves, comes: false };
  if (!stays(after, view.today)) return { dropped: 'gone', leaves, comes: false };
  const whole = has === undefined && contains(view.held, [before.path]) && contains(target, [after.path]);
  return { dropped: undefined, leaves: leaves && !whole, comes: !whole && overlaps(target, after.path) };
}

/** What a batch makes of each mount whose path it changes. */
function movesIn(view: View, writes: readonly Write[], target: Filter, layout: Layout) {
  const last = new Map<string, Write>();
  for (const write of writes) {
    const id = layout.mountRecord(write.key);
    if (id !== undefined) last.set(id, write);
  }
  return [...last].flatMap(([id, write]): readonly Moved[] => {
    const before = view.mounts.get(id);
    const after = write.value === undefined ? undefined : layout.readMount(write);
    if (before === undefined) return after === undefined ? [] : [{ id, before, after, move: madeAt(view, after) }];
    return before.path === after?.path ? [] : [{ id, before, after, move: movedTo(view, before, after, target) }];
  });
}

function set<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** The mounts after a batch, and what its changes to them mean for what the region holds. */
function walkMounts(view: View, writes: readonly Write[], target: Filter, layout: Layout) {
  const moves = movesIn(view, writes, target, layout);
  if (moves.length === 0) return { mounts: view.mounts, dropped: view.dropped, prefixes: [], entering: [] };
  const mounts = new Map(view.mounts);
  const dropped = new Map(view.dropped);
  for (const { id, after, move } of moves) {
    set(mounts, id, after);
    set(dropped, id, move.dropped);
  }
  const prefixes = moves.flatMap(({ before, move }) => (before && move.leaves ? purgeOf(before) : []));
  const entering = moves.flatMap(({ after, move }) => (after && move.comes ? [after] : []));
  return { mounts, dropped, prefixes, entering };
}

/** What the region holds of these mounts goes, and is remembered as gone. */
function letGo(view: View, ids: Iterable<string>) {
  const dropped = new Map(view.dropped);
  const prefixes: string[] = [];
  for (const id of ids) {
    if (dropped.get(id) !== 'held') continue;
    dropped.set(id, 'gone');
    const mount = view.mounts.get(id);
    if (mount !== undefined) prefixes.push(...purgeOf(mount));
  }
  return { dropped, prefixes };
}

/** The dropped mounts of which this batch holds something that the region would have got. */
function withheld(view: View, writes: readonly Write[], layout: Layout): readonly string[] {
  if (view.dropped.size === 0) return [];
  const open: View = { ...view, dropped: new Map() };
  return writes.flatMap(({ key }) => {
    const mount = layout.mountRecord(key) ?? layout.mountOf(key);
    return mount !== undefined && view.dropped.get(mount) === 'held' && visible(open, key, layout) ? [mount] : [];
  });
}

/** The newest rule of this region that the batch writes; `null` when the batch removes the region. */
function ruleIn(writes: readonly Write[], region: string, layout: Layout): Rule | null | undefined {
  let rule: Rule | null | undefined;
  for (const write of writes) {
    if (layout.regionRecord(write.key) !== region) continue;
    rule = (write.value === undefined ? undefined : layout.readRule(write)) ?? null;
  }
  return rule;
}

/** One batch of the hub's log, seen by one region. */
export function walk(view: View, writes: readonly Write[], region: string, layout: Layout): Walked {
  const nothing = { view, writes: [], change: undefined, narrow: undefined, removed: false };
  const rule = ruleIn(writes, region, layout);
  if (rule === null) return { ...nothing, removed: true };
  const held = rule === undefined ? view.held : intersect(rule.filter, view.today.filter);
  const moved = walkMounts(view, writes, held, layout);
  // Data alone, under a view that lacks nothing, is what nearly all batches are.
  if (rule === undefined && moved.mounts === view.mounts && view.dropped.size === 0) {
    return { ...nothing, writes: writes.filter((write) => visible(view, write.key, layout)) };
  }
  const arrived: View = { ...view, rule: rule ?? view.rule, held, mounts: moved.mounts, dropped: moved.dropped };

  const late = letGo(view, withheld(arrived, writes, layout));
  if (late.prefixes.length > 0) {
    const narrow = { prefixes: late.prefixes, filter: undefined };
    return { ...nothing, view: { ...view, dropped: late.dropped }, narrow };
  }
  return arriveAt(view, arrived, moved, { writes, layout, ruled: rule !== undefined });
}

/** The view changes, or the batch is only data: what to purge, what to send, what must be loaded. */
function arriveAt(
  view: View,
  arrived: View,
  moved: ReturnType<typeof walkMounts>,
  batch: { readonly writes: readonly Write[]; readonly layout: Layout; readonly ruled: boolean },
): Walked {
  const { held } = arrived;
  const widened = !contains(view.held, held);
  const gone = letGo(arrived, widened ? arrived.dropped.keys() : []);
  const next: View = { ...arrived, dropped: gone.dropped };
  const prefixes = [...moved.prefixes, ...gone.prefixes];
  const purge: Purge = { prefixes, filter: contains(held, view.held) ? undefined : held };
  const ranges = widened ? [SHARED] : moved.entering.flatMap(purgeOf);
  const mounts = new Set(moved.entering.map((mount) => mount.id));
  const entering = ranges.length === 0 ? undefined : { before: view.held, mounts, ranges };
  const changed = batch.ruled || prefixes.length > 0 || entering !== undefined || versionOf(next) !== versionOf(view);
  const writes = batch.writes.filter((write) => visible(next, write.key, batch.layout));
  return { view: next, writes, change: changed ? { purge, entering } : undefined, narrow: undefined, removed: false };
}

/** Whether a purge takes this key, judged by the mounts that the region had when the purge came. */
export function purged(purge: Purge, key: string, mounts: Mounts, layout: Layout): boolean {
  if (!key.startsWith(SHARED)) return false;
  if (purge.prefixes.some((prefix) => key.startsWith(prefix))) return true;
  if (purge.filter === undefined) return false;
  const path = layout.pathOf(key, mounts);
  return path === undefined || !inView(purge.filter, path);
}
