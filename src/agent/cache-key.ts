/** Where the key of the cache comes from. A key beside its ciphertext protects nothing. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import type { CacheConfig } from '../config/agent.ts';
import { fail } from '../errors.ts';
import { deriveKey, takeKey, type KeyObject } from '../lib/crypto/hash.ts';
import type { Secret } from '../lib/secret.ts';
import { isMemoryBacked } from './place.ts';

const shortestKey = 32;
const longestKey = 4096;
/** A secret-id that somebody chose may be guessable; what the server makes has 36 characters. */
const shortestSecret = 32;
const purpose = 'lockstep agent cache, format 1';

/**
 * The key of the cache. Throws `unsafeKey` for a key file that does not keep its key from who can read the cache, and
 * for a login secret that may be guessed.
 */
export async function cacheKey(config: CacheConfig, durable: Secret<string> | undefined): Promise<KeyObject> {
  if (config.key_file !== undefined) return deriveKey(await readKey(config.key_file, config.path), purpose);
  const secret = durable?.expose() ?? '';
  if (secret.length < shortestSecret) {
    throw fail('unsafeKey', `the secret-id has fewer than ${shortestSecret} characters: give a key_file`);
  }
  return deriveKey(takeKey(Buffer.from(secret)), purpose);
}

async function readKey(path: string, cache: string): Promise<KeyObject> {
  const place = await realpath(path);
  if (dirname(place) === cache || place.startsWith(`${cache}${sep}`)) {
    throw fail('unsafeKey', `the key file ${path} lies beside the cache: keep it on a volume in memory`);
  }
  if (!(await isMemoryBacked(dirname(place)))) {
    throw fail('unsafeKey', `the key file ${path} lies on a disk: keep it on a volume in memory (tmpfs, ramfs)`);
  }
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw fail('unsafeKey', `the key file ${path} is not a file`);
    if ((stats.mode & 0o007) !== 0) throw fail('unsafeKey', `everybody can read the key file ${path}: chmod o-rwx`);
    if (stats.size < shortestKey || stats.size > longestKey) {
      throw fail('unsafeKey', `the key file ${path} must hold ${shortestKey} to ${longestKey} bytes`);
    }
    return takeKey(await file.readFile());
  } finally {
    await file.close();
  }
}
