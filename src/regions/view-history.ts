/**
 * The rules of every region as they changed, so that a stream can resume at an earlier position under the rule that
 * held there. The hub's shell keeps one: started from a snapshot, then fed each batch, in order, before any stream is.
 */

import type { Position } from '../storage/store.ts';
import type { Write } from './protocol.ts';
import type { Layout, Mount, Mounts, Rule, RuleAt } from './view.ts';

const NOTHING: Rule = { filter: [], version: 0 };
/** Older changes are forgotten: a region that was away for longer starts from a snapshot. */
const MOST_CHANGES = 4_096;

interface Moment {
  readonly sequence: number;
  readonly mounts: Mounts;
  readonly rules: ReadonlyMap<string, Rule>;
}

export class ViewHistory {
  readonly #layout: Layout;
  readonly #epoch: string;
  readonly #moments: Moment[];

  /** From every mount record and every region record of one snapshot of the hub's store. */
  constructor(position: Position, records: Iterable<Write>, layout: Layout) {
    this.#layout = layout;
    this.#epoch = position.epoch;
    const empty: Moment = { sequence: position.sequence, mounts: new Map(), rules: new Map() };
    this.#moments = [this.#after(empty, [...records], position.sequence) ?? empty];
  }

  /** Takes the next batch. True when it changed what some region may see: tell `today` to every stream before the batch. */
  observe(position: Position, writes: readonly Write[]): boolean {
    const last = this.#moments.at(-1);
    if (last === undefined) return false;
    const next = this.#after(last, writes, position.sequence);
    if (next === undefined) return false;
    this.#moments.push(next);
    if (this.#moments.length > MOST_CHANGES) this.#moments.shift();
    return true;
  }

  /** The rule for a region now. A region without a record may see nothing. */
  today(region: string): RuleAt {
    return ruleFor(this.#moments.at(-1), region);
  }

  /** The rule for a region at an earlier position; undefined when this history does not reach back to it. */
  at(position: Position, region: string): RuleAt | undefined {
    if (position.epoch !== this.#epoch) return undefined;
    const moment = this.#moments.findLast((each) => each.sequence <= position.sequence);
    return moment === undefined ? undefined : ruleFor(moment, region);
  }

  /**
   * Lets the history reach back to `position`, given the keys of every batch after it up to where the history starts.
   * Only for a position that the log still reaches (`locate` says `here`): without its batches this proves nothing.
   * False when one of them is a mount's or a region's record: what was there before is then unknown.
   */
  reachBack(position: Position, keys: Iterable<string>): boolean {
    const first = this.#moments[0];
    if (first === undefined || position.epoch !== this.#epoch) return false;
    if (first.sequence <= position.sequence) return true;
    for (const key of keys) {
      if (this.#layout.mountRecord(key) !== undefined || this.#layout.regionRecord(key) !== undefined) return false;
    }
    this.#moments[0] = { ...first, sequence: position.sequence };
    return true;
  }

  #after(before: Moment, writes: readonly Write[], sequence: number): Moment | undefined {
    const mountWrites = writes.filter((write) => this.#layout.mountRecord(write.key) !== undefined);
    const ruleWrites = writes.filter((write) => this.#layout.regionRecord(write.key) !== undefined);
    if (mountWrites.length === 0 && ruleWrites.length === 0) return undefined;
    const mounts = new Map<string, Mount>(before.mounts);
    for (const write of mountWrites) {
      put(mounts, this.#layout.mountRecord(write.key), write.value && this.#layout.readMount(write));
    }
    const rules = new Map<string, Rule>(before.rules);
    for (const write of ruleWrites) {
      put(rules, this.#layout.regionRecord(write.key), write.value && this.#layout.readRule(write));
    }
    return { sequence, mounts, rules };
  }
}

function put<T>(map: Map<string, T>, key: string | undefined, value: T | undefined): void {
  if (key === undefined) return;
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function ruleFor(moment: Moment | undefined, region: string): RuleAt {
  return { ...(moment?.rules.get(region) ?? NOTHING), mounts: moment?.mounts ?? new Map() };
}
