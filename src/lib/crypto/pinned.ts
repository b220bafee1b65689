/**
 * Memory for key bytes. V8 keeps typed arrays of up to 64 bytes inside its heap, where the collector copies them about;
 * wiping such a one leaves old copies behind. An array that is given its buffer lies outside and stays in place.
 */

/** `size` zero bytes. */
export function pinned(size: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(size));
}

export function pinnedCopy(bytes: Uint8Array): Uint8Array {
  const copy = pinned(bytes.length);
  copy.set(bytes);
  return copy;
}
