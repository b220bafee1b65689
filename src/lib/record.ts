import { fail } from '../errors.ts';

/** Records are JSON in UTF-8. What is written is read back under the same type: the caller names it. */
export function encodeRecord(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** A transaction of a store. */
interface Puts {
  put(key: string, value: Uint8Array, decoded: { readonly record: object; readonly bytes: number }): void;
}

/**
 * Writes a record that is no secret and is read often: whoever keeps it decoded has it as it is now, and need not read it.
 * `stored`: what is encoded, where its reader makes `record` of something shorter.
 */
export function putRecord(tx: Puts, key: string, record: object, stored: object = record): void {
  const value = encodeRecord(stored);
  tx.put(key, value, { record, bytes: value.length });
}

/** Throws `corrupt`, which names `key`, where it is given, and the remedy; never the bytes, which may be a secret. */
export function decodeRecord<T>(bytes: Uint8Array, key?: string): T {
  // What the barrier gives is what was written: no need to look for broken UTF-8.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without the cause: a parser's message quotes what it read.
    throw damaged(key);
  }
  // No record is, and its reader would fail where nothing names it.
  if (value === null) throw damaged(key);
  return value as T;
}

/** undefined in, undefined out. Throws as `decodeRecord`. */
export function decodeFound<T>(bytes: Uint8Array | undefined, key?: string): T | undefined {
  return bytes === undefined ? undefined : decodeRecord<T>(bytes, key);
}

/** What a record is read from: a store, a snapshot, a transaction, a mount's part of one. */
interface Source {
  readonly get: (key: string) => Uint8Array | undefined;
  /** The key in the whole store, where `key` is one of a part of it: the one that `lockstep server -recovery` knows. */
  readonly fullKey?: (key: string) => string;
}

/** The record of a key; undefined where there is none. Throws `corrupt`, which names the key, also for what is no object. */
export function recordAt<T extends object>(from: Source, key: string): T | undefined {
  return found<T>(from, key, 'object');
}

/** The same of a record that is a text: an id, or another key. */
export function textAt(from: Source, key: string): string | undefined {
  return found<string>(from, key, 'string');
}

/** What `decode` makes of the record of a key, told by its name in the whole store; undefined where there is none. */
export function decodedAt<T>(from: Source, key: string, decode: (bytes: Uint8Array, name: string) => T): T | undefined {
  const bytes = from.get(key);
  return bytes === undefined ? undefined : decode(bytes, from.fullKey?.(key) ?? key);
}

function found<T>(from: Source, key: string, kind: 'object' | 'string'): T | undefined {
  return decodedAt(from, key, (bytes, name) => {
    const value = decodeRecord<T>(bytes, name);
    if (typeof value !== kind) throw damaged(name, `it is no ${kind === 'object' ? 'object' : 'text'}`);
    return value;
  });
}

/** `corrupt`, with the remedy. `why`: what is wrong with the record, without its content. */
export function damaged(key: string | undefined, why = 'it does not decode') {
  const which = key === undefined ? 'a stored record' : `the record ${key}`;
  return fail(
    'corrupt',
    `${which} is damaged, ${why}: mend it with \`lockstep server -recovery\` or restore a snapshot`,
  );
}
