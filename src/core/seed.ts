/** The first records of a node, written in the transaction that makes its keys: it is initialised with them or not at all. */
import { fail } from '../errors.ts';
import { deriveKey, takeKey, type KeyObject } from '../lib/crypto/hash.ts';
import { randomBytes } from '../lib/crypto/random.ts';
import type { Store, Transaction } from '../storage/store.ts';
import { keys, ROOT_NAMESPACE } from './keys.ts';
import { seedBuiltIn } from './mounts/mount-changes.ts';
import { putVersion } from './versions.ts';
import { FIRST_TOKEN_PATH } from './tokens/token.ts';
import { insertToken, type TokenSpec } from './tokens/new-tokens.ts';

const NODE_SECRET = 'node';
const SECRET_BYTES = 32;
/** The purpose of the key that tokens and accessors are stored under. */
export const TOKEN_KEYS = 'tokens';

export const ROOT_TOKEN: TokenSpec = {
  policies: ['root'],
  path: FIRST_TOKEN_PATH,
  meta: null,
  displayName: 'root',
  numUses: 0,
  ttl: 0,
  maxTtl: 0,
  explicitMaxTtl: 0,
  period: 0,
  renewable: false,
  boundCidrs: [],
  role: '',
  noDefaultPolicy: true,
};

/** The secret of this node, the built-in mounts and the root token, which is returned. */
export function seed(tx: Transaction, now: number): string {
  const secret = randomBytes(SECRET_BYTES);
  tx.put(keys.salt(NODE_SECRET), Buffer.from(secret));
  seedBuiltIn(tx, ROOT_NAMESPACE);
  putVersion(tx, now);
  return insertToken(tx, deriveKey(takeKey(secret), TOKEN_KEYS), ROOT_TOKEN, now).id;
}

/** Keys of this node, one for each purpose. */
export function nodeKeys(store: Store): (purpose: string) => KeyObject {
  using snapshot = store.snapshot();
  const found = snapshot.get(keys.salt(NODE_SECRET));
  if (found === undefined) throw fail('corrupt', `${keys.salt(NODE_SECRET)} is missing: restore it from a backup`);
  const secret = takeKey(Buffer.from(found));
  return (purpose) => deriveKey(secret, purpose);
}
