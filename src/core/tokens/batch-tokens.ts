/**
 * Batch tokens: nothing of them is stored. The token itself holds its record, encrypted; so making and checking one writes
 * nothing, and it can be neither renewed, revoked nor counted. It ends with its time, its parent, its mount or its namespace.
 */
import { fail } from '../../errors.ts';
import { BoundedMap } from '../../lib/bounded-map.ts';
import { decryptGcm, encryptGcm } from '../../lib/crypto/aes-gcm.ts';
import { deriveKey, sha256Base64, type KeyObject } from '../../lib/crypto/hash.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { decodeRecord, encodeRecord } from '../../lib/record.ts';
import type { Snapshot, Transaction } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import { tokenEnding, tokenKeyIn, type Token, type TokenRecord } from './token.ts';

const PREFIX = 'hvb.';
const SALT_BYTES = 32;
/** Some proxies pass headers of 8 KiB and no more. */
const LONGEST = 8_000;
const CACHE_LIMIT = 20_000;

/** The purpose of the node's key from which those of its batch tokens are derived. */
export const BATCH_TOKENS = 'batch-tokens';
const AGE = keys.salt(BATCH_TOKENS);

/** Ends all batch tokens of before, which no list names: after a restore, say. */
export function endBatchTokens(tx: Transaction): void {
  tx.put(AGE, Buffer.from(randomBytes(SALT_BYTES)));
}

/** What batch tokens are encrypted under since they were last ended. */
export function batchTokenKey(snapshot: Snapshot, nodeKey: KeyObject): KeyObject {
  return deriveKey(nodeKey, BATCH_TOKENS, snapshot.get(AGE));
}

export const isBatchToken = (id: string): boolean => id.startsWith(PREFIX);

export class BatchTokens {
  readonly #key: KeyObject;
  /** By the SHA-256 of the token: a token in use is decrypted once. */
  readonly #known = new BoundedMap<string, Token>(CACHE_LIMIT);

  constructor(key: KeyObject) {
    this.#key = key;
  }

  [Symbol.dispose](): void {
    this.#known.clear();
  }

  /** Throws `badRequest` when it would be too long to be sent. */
  make(record: TokenRecord, namespace: string): { readonly id: string; readonly token: Token } {
    // A key of its own for each: no number of tokens is too many for a random nonce.
    const salt = Buffer.from(randomBytes(SALT_BYTES));
    const sealed = encryptGcm(this.#keyOf(salt), encodeRecord(record), aad(namespace));
    const id = `${PREFIX}${Buffer.concat([salt, sealed]).toString('base64url')}${tokenEnding(namespace)}`;
    if (id.length > LONGEST) {
      const what = 'a batch token holds its policies and metadata itself, and these are too long';
      throw fail('badRequest', `${what}: use a service token`);
    }
    return { id, token: tokenOf(sha256Base64(id), namespace, record) };
  }

  /** undefined: not made by this node, not of this namespace, or from before all were ended. Its time may be over. */
  open(id: string, namespace: string): Token | undefined {
    if (id.length > LONGEST) return undefined;
    const digest = sha256Base64(id);
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const end = id.length - tokenEnding(namespace).length;
    const text = id.slice(PREFIX.length, end);
    const bytes = Buffer.from(text, 'base64url');
    // One token has one form: what decodes to the same bytes in another way is none.
    if (bytes.length <= SALT_BYTES || bytes.toString('base64url') !== text) return undefined;
    const salt = bytes.subarray(0, SALT_BYTES);
    const plain = decryptGcm(this.#keyOf(salt), bytes.subarray(SALT_BYTES), aad(namespace));
    if (plain === undefined) return undefined;
    const token = tokenOf(digest, namespace, decodeRecord<TokenRecord>(plain));
    this.#known.set(digest, token);
    return token;
  }

  #keyOf(salt: Uint8Array): KeyObject {
    return deriveKey(this.#key, 'token', salt);
  }
}

const aad = (namespace: string): Buffer => Buffer.from(`batch-token:${namespace}`);

/** Its key finds nothing in the store: no path there has such a name. */
const tokenOf = (digest: string, namespace: string, record: TokenRecord): Token => ({
  key: tokenKeyIn(namespace, `batch/${digest}`),
  namespace,
  record,
});
