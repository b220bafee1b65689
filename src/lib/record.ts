/** Records are JSON in UTF-8. What is written is read back under the same type: the caller names it. */
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeRecord(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

export function decodeRecord<T>(bytes: Uint8Array): T {
  return JSON.parse(decoder.decode(bytes)) as T;
}

/** undefined in, undefined out. */
export function decodeFound<T>(bytes: Uint8Array | undefined): T | undefined {
  return bytes === undefined ? undefined : decodeRecord<T>(bytes);
}
