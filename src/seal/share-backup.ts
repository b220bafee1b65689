/**
 * Shares that were encrypted to PGP keys, kept for those who lose theirs: format version, then JSON encrypted under a key
 * derived from the root key.
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { decryptGcm, encryptGcm } from '../lib/crypto/aes-gcm.ts';
import { deriveKey } from '../lib/crypto/hash.ts';
import { decodeRecord } from '../lib/record.ts';

export type ShareKind = 'root' | 'recovery';
export const BACKUP_KEYS: Readonly<Record<ShareKind, string>> = {
  root: 'seal/backup',
  recovery: 'seal/recovery-backup',
};

export interface ShareBackup {
  /** Names the rekey that made them. */
  readonly nonce: string;
  /** Fingerprint of the PGP key to the encrypted shares, hex. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
}

const FORMAT = 1;
const INFO = 'lockstep share backup';

const associated = (kind: ShareKind): Uint8Array => Buffer.from(`lockstep ${BACKUP_KEYS[kind]}`);

export function encodeBackup(root: KeyObject, kind: ShareKind, backup: ShareBackup): Uint8Array {
  return encrypted(root, kind, Buffer.from(JSON.stringify(backup)));
}

/** Throws `corrupt`. */
export function decodeBackup(root: KeyObject, kind: ShareKind, stored: Uint8Array): ShareBackup {
  return decodeRecord<ShareBackup>(decrypted(root, kind, stored), BACKUP_KEYS[kind]);
}

function encrypted(root: KeyObject, kind: ShareKind, clear: Uint8Array): Uint8Array {
  const record = encryptGcm(deriveKey(root, INFO), clear, associated(kind), 1);
  record.writeUInt8(FORMAT, 0);
  return record;
}

function decrypted(root: KeyObject, kind: ShareKind, stored: Uint8Array): Buffer {
  const clear = stored[0] === FORMAT ? decryptGcm(deriveKey(root, INFO), stored, associated(kind), 1) : undefined;
  if (clear === undefined) throw fail('corrupt', `${BACKUP_KEYS[kind]} is damaged: delete the backup`);
  return clear;
}
