import { GoObject } from '../value.ts';

/** Go's `json.Number`: a number of an API's reply, kept as it was written. It is a text that JSON and YAML show without quotes. */
export class JsonNumber extends GoObject {
  readonly type = 'json.Number';
  readonly kind = 'string';
  readonly #digits: string;

  constructor(digits: string) {
    super();
    this.#digits = digits;
  }

  print(): string {
    return this.#digits;
  }

  json(): string {
    return this.#digits;
  }

  equals(other: GoObject): boolean {
    return other.print() === this.#digits;
  }
}
