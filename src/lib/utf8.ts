/** The text of bytes that are UTF-8, a byte order mark included; undefined for others. */
export function utf8Text(value: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return undefined;
  }
}
