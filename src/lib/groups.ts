/** Members by the name of their group. A group without any is forgotten, so that it holds no more than there is. */
export class Groups {
  readonly #groups = new Map<string, Set<string>>();

  /** How many groups have members. */
  get size(): number {
    return this.#groups.size;
  }

  get(group: string): Iterable<string> {
    return this.#groups.get(group) ?? [];
  }

  add(group: string, member: string): void {
    const known = this.#groups.get(group);
    if (known === undefined) this.#groups.set(group, new Set([member]));
    else known.add(member);
  }

  delete(group: string, member: string): void {
    const known = this.#groups.get(group);
    known?.delete(member);
    if (known?.size === 0) this.#groups.delete(group);
  }
}
