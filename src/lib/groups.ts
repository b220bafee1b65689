/** Members by the name of their group. A group without any is forgotten, so that it holds no more than there is. */
export class Groups {
  /** One member stands for itself: most groups have no other, and a set of one holds as much as one of four. */
  readonly #groups = new Map<string, string | Set<string>>();

  /** How many groups have members. */
  get size(): number {
    return this.#groups.size;
  }

  get(group: string): Iterable<string> {
    const known = this.#groups.get(group);
    if (known === undefined) return [];
    return typeof known === 'string' ? [known] : known;
  }

  add(group: string, member: string): void {
    const known = this.#groups.get(group);
    if (known === undefined) this.#groups.set(group, member);
    else if (typeof known === 'string') this.#groups.set(group, new Set([known, member]));
    else known.add(member);
  }

  delete(group: string, member: string): void {
    const known = this.#groups.get(group);
    if (typeof known === 'object') known.delete(member);
    if (known === member || (typeof known === 'object' && known.size === 0)) this.#groups.delete(group);
  }
}
