/** From a device as it was asked for to what the broker writes to. */
import type { Writable } from 'node:stream';
import { fail } from '../../errors.ts';
import { takeKey } from '../../lib/crypto/hash.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { FollowedDevice } from './known-device.ts';
import type { AuditSink } from './broker.ts';
import { openFileDevice } from './devices/file/device.ts';
import { parseFileOptions, type FilePermissions } from './devices/file/options.ts';
import { Hasher } from './hasher.ts';

export interface SinkOptions {
  /** With plaintext values. */
  readonly store: Store;
  /** What a device made through the API may do. */
  readonly allowed: FilePermissions;
  /** Whether the configuration's devices may have a prefix. */
  readonly prefixing: boolean;
  readonly stdout: Writable;
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

const KEY_BYTES = 32;

/** Where the key of a device's hashes lies. */
export const saltOf = (path: string): string => keys.salt(`audit/${path}`);

/** Throws `badRequest` and `permissionDenied` that name the option and the remedy. */
export async function openSink(device: FollowedDevice, using: SinkOptions): Promise<AuditSink> {
  const { path, type, options, declared, shared } = device;
  if (type !== 'file') throw fail('badRequest', `unknown backend type: "${type}" (this version has: file)`);
  const { allowed, prefixing, warn, stdout, store } = using;
  const parsed = parseFileOptions(options, declared ? { paths: 'any', prefixing } : allowed);
  const hasher = new Hasher(takeKey(await keyOf(store, path)));
  return { path, device: await openFileDevice(parsed, { warn, stdout, shared }), format: parsed.format, hasher };
}

/** A copy of the device's key, made when it is asked for first. */
async function keyOf(store: Store, path: string): Promise<Uint8Array> {
  const found = store.get(saltOf(path));
  if (found !== undefined) return Buffer.from(found);
  const { value } = await store.transact((tx) => madeKey(tx, path));
  return value;
}

function madeKey(tx: Transaction, path: string): Uint8Array {
  const found = tx.get(saltOf(path));
  if (found !== undefined) return Buffer.from(found);
  const made = randomBytes(KEY_BYTES);
  tx.put(saltOf(path), Buffer.from(made));
  return made;
}
