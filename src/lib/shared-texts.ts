/**
 * Equal texts as one: what is read again and again from JSON is a text of its own each time, and of thousands of objects most say
 * the same. Those that came lately are known; a text that is long, or that nobody repeats, is as good without.
 */
const MOST = 4_096;
const LONGEST = 128;

export class SharedTexts {
  readonly #known = new Map<string, string>();

  /** An equal text. */
  of(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined || text.length > LONGEST) return known ?? text;
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }

  /** The same value, made anew, of plain objects and lists at any depth. */
  in<T>(value: T): T {
    return this.#in(value) as T;
  }

  #in(value: unknown): unknown {
    if (typeof value === 'string') return this.of(value);
    if (Array.isArray(value)) return value.map((each) => this.#in(each));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#in(each)]));
  }
}
