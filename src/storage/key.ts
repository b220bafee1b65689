import { fail } from '../errors.ts';
import { MAX_KEY_BYTES } from './store.ts';

/** Whether a key fits into a store: no UTF-16 unit takes more than three bytes, so short keys need no count. */
export function fits(key: string): boolean {
  return key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES;
}

/** Refuses a key that no store takes: `keyTooLong`, or `badRequest` when it is empty or no Unicode text. */
export function checkKey(key: string): void {
  if (key === '') throw fail('badRequest', 'an empty storage key cannot be written');
  // A lone surrogate has no UTF-8 form: encoded, it would become another key.
  if (!key.isWellFormed()) throw fail('badRequest', 'a storage key holds a lone surrogate: it is no Unicode text');
  if (!fits(key)) {
    throw fail('keyTooLong', `the path takes ${Buffer.byteLength(key)} bytes in storage: at most ${MAX_KEY_BYTES} fit`);
  }
}

/** UTF-16 order is UTF-8 order except that surrogates (U+10000 and above) sort behind U+E000–U+FFFF. */
function rank(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800;
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}

/** Orders keys by their UTF-8 bytes without encoding them: negative, 0 or positive. */
export function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}
