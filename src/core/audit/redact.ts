/** The JSON text of a request's or reply's data with every string replaced by its keyed hash. */

/** Bounds on the work for one entry: beyond them a whole list or object is one hash, over its JSON text. */
export const limits = { values: 4_096, depth: 32 } as const;

export interface Redaction {
  /** `key`: what the text stands under. */
  readonly hash: (text: string, key: string) => string;
  /** Keys whose strings stay as they are. */
  readonly clear: readonly string[];
}

/**
 * Numbers, booleans, null and keys stay. A list takes the key that it stands under, as in Vault. What JSON does not know
 * is written as JSON.stringify would, bytes as the hash of their base64. Nothing is left out: what exceeds `limits`
 * becomes `{"*":"hmac-sha256:…"}` or `["hmac-sha256:…"]`.
 */
export function redacted(data: unknown, redaction: Redaction): string | undefined {
  return new Walk(redaction).text(data, '', 0);
}

type Members = Readonly<Record<string, unknown>>;

class Walk {
  readonly #redaction: Redaction;
  #left: number = limits.values;

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  text(value: unknown, key: string, depth: number): string | undefined {
    if (typeof value === 'string') return this.#string(value, key);
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    if (value instanceof Uint8Array) return this.#string(Buffer.from(value).toString('base64'), key);
    if (describesItself(value) && depth < limits.depth) return this.text(value.toJSON(), key, depth + 1);
    return Array.isArray(value) ? this.#list(value, key, depth) : this.#object(value as Members, depth);
  }

  #string(value: string, key: string): string {
    return this.#redaction.clear.includes(key) ? quoted(value) : `"${this.#redaction.hash(value, key)}"`;
  }

  #list(values: readonly unknown[], key: string, depth: number): string {
    if (!this.#affords(values.length, depth)) return `["${this.#whole(values)}"]`;
    return `[${values.map((value) => this.text(value, key, depth + 1) ?? 'null').join(',')}]`;
  }

  #object(value: Members, depth: number): string {
    const names = Object.keys(value);
    if (!this.#affords(names.length, depth)) return `{"*":"${this.#whole(value)}"}`;
    let members = '';
    for (const name of names) {
      const text = this.text(value[name], name, depth + 1);
      if (text !== undefined) members += `${members === '' ? '' : ','}${quoted(name)}:${text}`;
    }
    return `{${members}}`;
  }

  #affords(count: number, depth: number): boolean {
    if (depth >= limits.depth || count > this.#left) return false;
    this.#left -= count;
    return true;
  }

  #whole(value: object): string {
    return this.#redaction.hash(plainJson(value) ?? '', '');
  }
}

function describesItself(value: object): value is { readonly toJSON: () => unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

/** Most names, paths and ids: nothing to escape, and JSON.stringify takes some times as long to find that out. */
const plain = /^[\w\-./:@ ]*$/;

/** As JSON. */
export function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** JSON without hashing, for `log_raw`. */
export function plainJson(data: unknown): string | undefined {
  return JSON.stringify(data, withBigInts);
}

function withBigInts(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
