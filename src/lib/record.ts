import { fail } from '../errors.ts';

/** Records are JSON in UTF-8. What is written is read back under the same type: the caller names it. */
export function encodeRecord(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** A transaction of a store. */
interface Puts {
  put(key: string, value: Uint8Array, decoded: { readonly record: object; readonly bytes: number }): void;
}

/** Writes a record that is no secret and is read often: whoever keeps it decoded has it as it is now, and need not read it. */
export function putRecord(tx: Puts, key: string, record: object): void {
  const value = encodeRecord(record);
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

function damaged(key: string | undefined) {
  const which = key === undefined ? 'a stored record' : `the record ${key}`;
  return fail(
    'corrupt',
    `${which} is damaged, it does not decode: mend it with \`lockstep server -recovery\` or restore a snapshot`,
  );
}
