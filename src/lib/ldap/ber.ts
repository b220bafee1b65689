/**
 * BER as LDAP has it (RFC 4511 section 5.1): definite lengths alone, and every value lies wholly within the one around it. What
 * a directory sends is not trusted, so each read either goes on or throws.
 */
export class Malformed extends Error {
  constructor(what: string) {
    super(`the directory's answer is malformed: ${what}`);
    this.name = 'Malformed';
  }
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  octets: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Where the content begins and ends; undefined: the header is not all there. */
function contentOf(bytes: Uint8Array, at: number): { readonly from: number; readonly to: number } | undefined {
  const first = bytes[at + 1];
  if (first === undefined) return undefined;
  if (first < 0x80) return { from: at + 2, to: at + 2 + first };
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw new Malformed('a length of no use');
  if (bytes.length < at + 2 + count) return undefined;
  // No shifts: four bytes with the highest bit set would be a negative number.
  const length = bytes.subarray(at + 2, at + 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  return { from: at + 2 + count, to: at + 2 + count + length };
}

/** Length of the message that the bytes begin with, header and all; undefined: more bytes are needed to tell. */
export function messageLength(bytes: Uint8Array): number | undefined {
  const [tag] = bytes;
  if (tag !== undefined && tag !== tags.sequence) throw new Malformed('a message that is no sequence');
  return contentOf(bytes, 0)?.to;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The values of one constructed one, in their order. */
export class BerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Tag of the next value; undefined at the end. */
  get next(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** Content of the next value, which has that tag. */
  octets(tag: number = tags.octets): Buffer {
    const found = this.next === tag ? contentOf(this.#bytes, this.#at) : undefined;
    if (found === undefined || found.to > this.#bytes.length) throw new Malformed('not what stands there by RFC 4511');
    this.#at = found.to;
    return this.#bytes.subarray(found.from, found.to);
  }

  inside(tag: number = tags.sequence): BerReader {
    return new BerReader(this.octets(tag));
  }

  text(): string {
    return textOf(this.octets());
  }

  /** Not negative: no integer that a directory sends is. */
  integer(tag: number = tags.integer): number {
    const content = this.octets(tag);
    const [first] = content;
    if (first === undefined || first >= 0x80 || content.length > 4) throw new Malformed('an integer of no use');
    return content.reduce((sum, byte) => sum * 256 + byte, 0);
  }

  skip(): void {
    this.octets(this.next);
  }
}

/** Throws `Malformed` for what is no UTF-8. */
export function textOf(octets: Uint8Array): string {
  try {
    return utf8.decode(octets);
  } catch {
    throw new Malformed('text that is no UTF-8');
  }
}
