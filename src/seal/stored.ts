/**
 * What the seal stores outside the barrier, beside the keyring:
 *
 * - `seal/config`: JSON in clear: how the seal was set up.
 * - `seal/root`: the root key under the unseal key (`envelope.ts`), bound to `seal/config`, so that a changed byte in
 *   either keeps the root key closed. Its head is empty; in version 1 it is the unseal key as the only seal wrapped it.
 * - `seal/wrapped`: the unseal key under each seal (`wrapped.ts`), with auto-unseal only.
 * - `seal/recovery`: proof of the recovery key, with auto-unseal only: format version, then, encrypted under a key that
 *   is derived from the root key, a random key and the HMAC under it of the recovery key. So the root key can change
 *   without the recovery key. Before version 2: the HMAC alone, under the derived key.
 * - `seal/backup`, `seal/recovery-backup`: shares encrypted to PGP keys (`share-backup.ts`).
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { decryptGcm, encryptGcm } from '../lib/crypto/aes-gcm.ts';
import { deriveKey, equalSecret, hmacSha256, takeKey } from '../lib/crypto/hash.ts';
import type { Snapshot } from '../storage/store.ts';
import { decryptEnvelope, encryptEnvelope, envelopeHead } from './envelope.ts';
import { KEY_BYTES, newKey } from './keyring.ts';
import type { Split } from './shamir/shares.ts';
import { decodeWrapped, WRAPPED_KEY, type WrappedKey } from './wrapped.ts';

export const CONFIG_KEY = 'seal/config';
export const ROOT_KEY = 'seal/root';
export const RECOVERY_KEY = 'seal/recovery';

/** Derives, from the root key, the key of `seal/recovery`. */
const RECOVERY_INFO = 'lockstep recovery key';
const RECOVERY_LABEL = Buffer.from(`lockstep ${RECOVERY_KEY}`);
const RECOVERY_FORMAT = 2;

const FORMAT = 1;
/** Of `seal/root`. */
const ROOT_FORMAT = 2;

export interface SealConfig extends Split {
  readonly version: number;
  readonly type: string;
  /** Names this initialisation. */
  readonly nonce: string;
}

/** The records that a root key takes, read at one moment. */
export interface Stored {
  readonly config: SealConfig;
  readonly configBytes: Uint8Array;
  readonly root: Uint8Array;
  /** Whether `root` is of version 1 and holds the wrapped key. */
  readonly old: boolean;
  /** Empty when people hold the unseal key. */
  readonly wrapped: readonly WrappedKey[];
}

export function encodeConfig(type: string, { shares, threshold }: Split, nonce: string): Uint8Array {
  const config: SealConfig = { version: FORMAT, type, shares, threshold, nonce };
  return Buffer.from(JSON.stringify(config));
}

/** Throws `formatVersion`, or `corrupt` for what `encodeConfig` never wrote. */
export function decodeConfig(stored: Uint8Array): SealConfig {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(stored));
  } catch {
    found = undefined;
  }
  const { version, type, shares, threshold, nonce } = (found ?? {}) as Partial<Record<keyof SealConfig, unknown>>;
  if (Number.isInteger(version) && version !== FORMAT) {
    throw fail('formatVersion', `${CONFIG_KEY} has format version ${String(version)}, this release reads ${FORMAT}`);
  }
  if (version !== FORMAT || typeof type !== 'string' || typeof nonce !== 'string') throw damaged(CONFIG_KEY);
  const split = { shares: count(shares), threshold: count(threshold) };
  if (split.threshold > split.shares) throw damaged(CONFIG_KEY);
  return { version, type, nonce, ...split };
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 255) throw damaged(CONFIG_KEY);
  return value;
}

export interface RootBinding {
  readonly unsealKey: KeyObject;
  /** `seal/config` as stored. */
  readonly config: Uint8Array;
}

export function encryptRoot(root: KeyObject, { unsealKey, config }: RootBinding): Uint8Array {
  return encryptEnvelope(unsealKey, root, { format: ROOT_FORMAT, context: contextOf(config) });
}

/** undefined when key, `seal/config` and `seal/root` do not belong together. */
export function decryptRoot(stored: Uint8Array, unsealKey: KeyObject, config: Uint8Array): KeyObject | undefined {
  return decryptEnvelope(unsealKey, stored, contextOf(config));
}

/** What holds the seal, read at one moment; undefined before init. Throws `formatVersion` or `corrupt`. */
export function readStored(reads: Pick<Snapshot, 'get'>): Stored | undefined {
  const configBytes = reads.get(CONFIG_KEY);
  if (configBytes === undefined) return undefined;
  const config = decodeConfig(configBytes);
  const root = reads.get(ROOT_KEY);
  if (root === undefined) throw fail('corrupt', `${ROOT_KEY} is missing: restore it from a backup`);
  const old = headOf(root);
  const keys = reads.get(WRAPPED_KEY);
  // Copies: they are used after the snapshot has ended.
  return {
    ...{ config, configBytes: Uint8Array.from(configBytes), root: Uint8Array.from(root), old: old.length > 0 },
    wrapped:
      old.length > 0
        ? [{ name: config.type, type: config.type, wrapped: Uint8Array.from(old) }]
        : keys === undefined
          ? []
          : decodeWrapped(keys),
  };
}

/** Throws `formatVersion` or `corrupt`. */
function headOf(stored: Uint8Array): Uint8Array {
  const [version] = stored;
  if (version !== ROOT_FORMAT && version !== FORMAT) {
    throw fail(
      'formatVersion',
      `${ROOT_KEY} has format version ${version ?? 'none'}, this release reads ${FORMAT} and ${ROOT_FORMAT}`,
    );
  }
  const head = envelopeHead(stored);
  if (head === undefined || (version === ROOT_FORMAT && head.length > 0)) throw damaged(ROOT_KEY);
  return head;
}

/** Whoever can write to the disk cannot make a recovery key of their own: the proof is under the root key. */
export function encodeRecovery(root: KeyObject, recoveryKey: Uint8Array): Uint8Array {
  const key = newKey();
  const clear = Buffer.concat([key.export(), hmacSha256(key, recoveryKey)]);
  return underRoot(root, clear);
}

/** Throws `corrupt` when the record is damaged or missing. */
export function isRecoveryKey(root: KeyObject, recoveryKey: Uint8Array, stored: Uint8Array | undefined): boolean {
  const clear = openRecovery(root, stored);
  const proof = clear.subarray(KEY_BYTES);
  return equalSecret(hmacSha256(takeKey(clear.subarray(0, KEY_BYTES)), recoveryKey), proof);
}

/** The same proof under another root key. */
export function moveRecovery(from: KeyObject, to: KeyObject, stored: Uint8Array | undefined): Uint8Array {
  return underRoot(to, openRecovery(from, stored));
}

function underRoot(root: KeyObject, clear: Uint8Array): Uint8Array {
  const record = encryptGcm(deriveKey(root, RECOVERY_INFO), clear, RECOVERY_LABEL, 1);
  clear.fill(0);
  record.writeUInt8(RECOVERY_FORMAT, 0);
  return record;
}

/** Key and proof. */
function openRecovery(root: KeyObject, stored: Uint8Array | undefined): Uint8Array {
  if (stored === undefined) throw fail('corrupt', `${RECOVERY_KEY} is missing: restore it from a backup`);
  const derived = deriveKey(root, RECOVERY_INFO);
  if (stored.length === KEY_BYTES) return Buffer.concat([derived.export(), stored]);
  const clear = stored[0] === RECOVERY_FORMAT ? decryptGcm(derived, stored, RECOVERY_LABEL, 1) : undefined;
  if (clear?.length !== 2 * KEY_BYTES) throw damaged(RECOVERY_KEY);
  return clear;
}

function contextOf(config: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(config.length);
  return Buffer.concat([Buffer.from(`lockstep ${ROOT_KEY}`), length, config]);
}

function damaged(key: string): Error {
  return fail('corrupt', `${key} is damaged: restore it from a backup`);
}
