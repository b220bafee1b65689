/** What a directory answers (RFC 4511), read strictly. */
import { BerReader, Malformed, tags } from './ber.ts';

/** Of requests that have one answer or end with one. */
export const operations = { bind: 0x61, search: 0x65, extended: 0x78 } as const;
export type Operation = keyof typeof operations;

const ENTRY = 0x64;
const REFERENCE = 0x73;
const CONTROLS = 0xa0;

/** RFC 2696: results by pages. */
const PAGED = '1.2.840.113556.1.4.319';

export interface Entry {
  readonly dn: string;
  /** By the name of the attribute in lower case. */
  readonly attributes: ReadonlyMap<string, readonly Buffer[]>;
}

export interface Result {
  /** RFC 4511 section 4.1.9: 0 is success. */
  readonly code: number;
  /** Of a search by pages: where the next one begins; undefined at the end. */
  readonly cookie: Buffer | undefined;
}

export type Answer = { readonly id: number } & (
  | { readonly kind: 'entry'; readonly entry: Entry }
  /** Leads to another directory: followed by nobody. */
  | { readonly kind: 'reference' }
  | { readonly kind: 'result'; readonly of: Operation; readonly result: Result }
);

function entryOf(reader: BerReader): Entry {
  const dn = reader.text();
  const attributes = new Map<string, readonly Buffer[]>();
  const list = reader.inside();
  while (list.next !== undefined) {
    const attribute = list.inside();
    const name = attribute.text().toLowerCase();
    const values = attribute.inside(tags.set);
    const found: Buffer[] = [];
    while (values.next !== undefined) found.push(values.octets());
    attributes.set(name, found);
  }
  return { dn, attributes };
}

/** The cookie of a page, among the controls of an answer. */
function cookieOf(message: BerReader): Buffer | undefined {
  if (message.next !== CONTROLS) return undefined;
  const controls = message.inside(CONTROLS);
  while (controls.next !== undefined) {
    const control = controls.inside();
    const type = control.text();
    if (control.next === tags.boolean) control.skip();
    if (type !== PAGED || control.next === undefined) continue;
    const value = new BerReader(control.octets()).inside();
    value.integer();
    const cookie = value.octets();
    return cookie.length === 0 ? undefined : cookie;
  }
  return undefined;
}

const operationOf = (tag: number | undefined): Operation | undefined => {
  if (tag === operations.bind) return 'bind';
  if (tag === operations.search) return 'search';
  return tag === operations.extended ? 'extended' : undefined;
};

/** One whole message. Throws `Malformed`. */
export function answerOf(bytes: Buffer): Answer {
  const message = new BerReader(bytes).inside();
  const id = message.integer();
  const tag = message.next;
  if (tag === ENTRY) return { id, kind: 'entry', entry: entryOf(message.inside(tag)) };
  if (tag === REFERENCE) return { id, kind: 'reference' };
  const of = operationOf(tag);
  if (of === undefined || tag === undefined) throw new Malformed('an operation that nobody asked for');
  const code = message.inside(tag).integer(tags.enumerated);
  return { id, kind: 'result', of, result: { code, cookie: cookieOf(message) } };
}
