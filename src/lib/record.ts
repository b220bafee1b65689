/** Records are JSON in UTF-8. What is written is read back under the same type: the caller names it. */
export function encodeRecord(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

export function decodeRecord<T>(bytes: Uint8Array): T {
  // What the barrier gives is what was written: no need to look for broken UTF-8.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return JSON.parse(text) as T;
}

/** undefined in, undefined out. */
export function decodeFound<T>(bytes: Uint8Array | undefined): T | undefined {
  return bytes === undefined ? undefined : decodeRecord<T>(bytes);
}
