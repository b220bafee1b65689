/** Headers of one's own on the replies of a listener: for all, for a class of statuses, for one status. */

/** By `default`, `4xx` or `404`, then by name, which has one spelling. */
export type HeaderRules = Readonly<Record<string, Readonly<Record<string, string>>>>;

export class ResponseHeaders {
  readonly #rules: HeaderRules;
  readonly #known = new Map<number, Readonly<Record<string, string>>>();

  constructor(rules: HeaderRules) {
    this.#rules = rules;
  }

  /** The narrower rule wins, header by header. */
  of(status: number): Readonly<Record<string, string>> {
    const known = this.#known.get(status);
    if (known !== undefined) return known;
    const rules = this.#rules;
    const text = String(status);
    const made = { ...rules['default'], ...rules[`${text.slice(0, 1)}xx`], ...rules[text] };
    this.#known.set(status, made);
    return made;
  }
}
