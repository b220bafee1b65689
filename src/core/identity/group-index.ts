/** The groups of one namespace in memory, and who is in which: kept exact change by change, without reading them again. */
import type { GroupRecord } from './records.ts';

class Members {
  readonly #groups = new Map<string, Set<string>>();

  add(member: string, group: string): void {
    const known = this.#groups.get(member);
    if (known === undefined) this.#groups.set(member, new Set([group]));
    else known.add(group);
  }

  remove(member: string, group: string): void {
    const known = this.#groups.get(member);
    known?.delete(group);
    if (known?.size === 0) this.#groups.delete(member);
  }

  of(member: string): Iterable<string> {
    return this.#groups.get(member) ?? [];
  }
}

const byName = (a: GroupRecord, b: GroupRecord): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

export class GroupIndex {
  readonly #groups = new Map<string, GroupRecord>();
  readonly #ofEntity = new Members();
  readonly #ofGroup = new Members();

  /** undefined: it is gone. */
  apply(id: string, after: GroupRecord | undefined): void {
    const before = this.#groups.get(id);
    for (const member of before?.memberEntities ?? []) this.#ofEntity.remove(member, id);
    for (const member of before?.memberGroups ?? []) this.#ofGroup.remove(member, id);
    if (after === undefined) {
      this.#groups.delete(id);
      return;
    }
    this.#groups.set(id, after);
    for (const member of after.memberEntities) this.#ofEntity.add(member, id);
    for (const member of after.memberGroups) this.#ofGroup.add(member, id);
  }

  get(id: string): GroupRecord | undefined {
    return this.#groups.get(id);
  }

  /** In the order of their names. */
  all(): readonly GroupRecord[] {
    return [...this.#groups.values()].sort(byName);
  }

  /**
   * That name the entity as a member, or one that was merged into it: a group written at the moment of the merge may name that
   * one still, and its policies may deny. `external`: groups that it is in besides.
   */
  direct(entity: string, merged: readonly string[] = [], external: readonly string[] = []): readonly GroupRecord[] {
    if (merged.length === 0 && external.length === 0) return this.#found(this.#ofEntity.of(entity)).sort(byName);
    const ids = new Set([...[entity, ...merged].flatMap((id) => [...this.#ofEntity.of(id)]), ...external]);
    return this.#found(ids).sort(byName);
  }

  /** That name the group as a member. */
  parents(group: string): readonly GroupRecord[] {
    return this.#found(this.#ofGroup.of(group)).sort(byName);
  }

  /** The groups and all that they lie in, each once. */
  withParents(groups: readonly GroupRecord[]): readonly GroupRecord[] {
    const seen = new Map(groups.map((group) => [group.id, group]));
    // A map's iteration goes on to what is added meanwhile.
    for (const group of seen.values()) {
      for (const parent of this.#found(this.#ofGroup.of(group.id))) {
        if (!seen.has(parent.id)) seen.set(parent.id, parent);
      }
    }
    return [...seen.values()].sort(byName);
  }

  #found(ids: Iterable<string>): GroupRecord[] {
    return [...ids].flatMap((id) => this.#groups.get(id) ?? []);
  }
}
