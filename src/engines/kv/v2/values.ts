/** Values of KV version 2: paths, version numbers, times, custom metadata. */
import { fail } from '../../../errors.ts';
import { field } from '../../../framework/field.ts';

export const isoTime = (ms: number): string => new Date(ms).toISOString();

export function secretPath(path: string): string {
  if (path === '' || path.endsWith('/')) throw fail('badRequest', 'path cannot be empty or end in a slash');
  return path;
}

/** Positive whole numbers. Throws `badRequest` when there are none. */
export function versionNumbers(given: readonly string[] | undefined): readonly number[] {
  const numbers = (given ?? []).map((text) => field.integer('').coerce(text, 'versions') ?? 0);
  if (numbers.length === 0) throw fail('badRequest', 'no version number provided');
  if (numbers.some((number) => number < 1)) throw fail('badRequest', 'version numbers start at 1');
  return numbers;
}

const MOST_KEYS = 64;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 512;
const PRINTABLE = /^[^\p{Cc}\p{Cs}]*$/u;

/** Vault's limits: 64 keys of at most 128 bytes, values of at most 512 bytes, printable. */
export function checkCustomMetadata(custom: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(custom);
  if (entries.length > MOST_KEYS) {
    throw fail('badRequest', `custom_metadata validation failed: at most ${String(MOST_KEYS)} keys are kept`);
  }
  for (const [key, value] of entries) {
    if (key === '' || Buffer.byteLength(key) > LONGEST_KEY || !PRINTABLE.test(key)) {
      throw fail(
        'badRequest',
        `custom_metadata validation failed: a key is empty, not printable or over ${String(LONGEST_KEY)} bytes`,
      );
    }
    if (value === '' || Buffer.byteLength(value) > LONGEST_VALUE || !PRINTABLE.test(value)) {
      throw fail(
        'badRequest',
        `custom_metadata validation failed: the value of "${key}" is empty, not printable or over ${String(LONGEST_VALUE)} bytes`,
      );
    }
  }
  return custom;
}
