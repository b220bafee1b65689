/**
 * Equal texts as one: what is read again and again from JSON is a text of its own each time, and of thousands of objects most say
 * the same. Those that came lately are known; a text that is long, or that nobody repeats, is as good without.
 */
import { BoundedMap } from './bounded-map.ts';

const MOST = 4_096;
const LONGEST = 128;

export class SharedTexts {
  readonly #known = new BoundedMap<string, string>(MOST);

  /** An equal text. */
  of(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined || text.length > LONGEST) return known ?? text;
    this.#known.set(text, text);
    return text;
  }

  /** What was just parsed, with the texts in it exchanged in their places: an object that is made anew, member by member, takes more room. */
  in<T>(value: T): T {
    return this.#in(value) as T;
  }

  #in(value: unknown): unknown {
    if (typeof value === 'string') return this.of(value);
    if (typeof value !== 'object' || value === null) return value;
    const members = value as Record<string, unknown>;
    for (const name of Object.keys(members)) members[name] = this.#in(members[name]);
    return value;
  }
}
