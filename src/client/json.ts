/**
 * JSON whose numbers keep every digit. A number that a double cannot hold (`12345678901234567890`) is read as an
 * `ExactNumber`; all others are plain numbers.
 */

export class ExactNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  toString(): string {
    return this.source;
  }

  /** `JSON.stringify` then writes the digits as they came. */
  toJSON(): unknown {
    return rawJson(this.source);
  }
}

// ECMAScript "JSON.parse source text access": in Node, not yet in TypeScript's library.
const rawJson = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON;
type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Digits that a double always keeps. */
const safeDigits = 15;
const longNumber = /[0-9][0-9.]{15}|[eE][+-]?[0-9]{3}/;

/** Throws SyntaxError. */
export function parseJson(text: string): unknown {
  // A reviver costs several times the parse itself, so it runs only where a long number may be.
  if (!longNumber.test(text)) return JSON.parse(text);
  const reviver: Reviver = (_key, value, context) =>
    typeof value === 'number' && context.source !== undefined ? exact(value, context.source) : value;
  return JSON.parse(text, reviver as (this: unknown, key: string, value: unknown) => unknown);
}

function exact(value: number, source: string): number | ExactNumber {
  if (String(value) === source) return value;
  const digits = source
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
  return digits.length <= safeDigits && Number.isFinite(value) ? value : new ExactNumber(source);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}
