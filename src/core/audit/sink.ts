/** From a device as it was asked for to what the broker writes to. */
import type { Writable } from 'node:stream';
import { join } from 'node:path';
import { sha256, takeKey } from '../../lib/crypto/hash.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { FollowedDevice, KnownDevice } from './known-device.ts';
import type { AuditSink } from './broker.ts';
import type { ParsedDevice } from './devices/kind.ts';
import { kindOf } from './devices/kinds.ts';
import { Hasher } from './hasher.ts';
import type { DevicePermissions } from './options.ts';
import { spoolCipher } from './spool/cipher.ts';
import type { DeliveryMeter } from './spool/courier.ts';

/** What the configuration says about all devices, in a form that crosses threads. */
export interface DeviceSettings {
  /** What a device made through the API may do. */
  readonly allowed: DevicePermissions;
  /** Whether the configuration's devices may have a prefix. */
  readonly prefixing: boolean;
  /** Where remote devices keep what is not delivered, and how many bytes of it each. */
  readonly spool: { readonly folder: string; readonly limit: number };
}

/** What waits for one device to be delivered. */
export interface Lag {
  readonly bytes: () => number;
  readonly milliseconds: () => number;
}

export interface SinkOptions extends DeviceSettings {
  /** With plaintext values. */
  readonly store: Store;
  readonly stdout: Writable;
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
  /** What deliveries of a device are reported to; undefined on threads that deliver nothing. */
  readonly deliveries?: ((path: string, lag: Lag) => DeliveryMeter) | undefined;
}

const KEY_BYTES = 32;
const NOTHING: DevicePermissions = { paths: [], addresses: [], variables: undefined, prefixing: false };
const nobody: DeliveryMeter = { delivered: () => undefined, failed: () => undefined };

/** Where the key of a device's hashes lies. */
export const saltOf = (path: string): string => keys.salt(`audit/${path}`);

/**
 * Throws `badRequest` and `permissionDenied` that name the option and the remedy. `allowed`: of those made through the API.
 */
export async function parseDevice(
  { type, options, declared, variables = {} }: KnownDevice,
  { allowed, prefixing }: Pick<DeviceSettings, 'prefixing'> & Partial<DeviceSettings>,
): Promise<ParsedDevice> {
  const anything: DevicePermissions = { paths: 'any', addresses: 'any', variables, prefixing };
  const parse = await kindOf(type);
  return parse(options, declared ? anything : (allowed ?? NOTHING));
}

/** Throws as `parseDevice`, and `badRequest` when it cannot be opened. */
export async function openSink(device: FollowedDevice, using: SinkOptions): Promise<AuditSink> {
  const { path, shared } = device;
  const { warn, stdout, store, deliveries } = using;
  const parsed = await parseDevice(device, using);
  const key = takeKey(await keyOf(store, path));
  const opened = await parsed.open({
    ...{ warn, stdout, shared },
    spool: {
      folder: spoolOf(path, using),
      limit: using.spool.limit,
      cipher: parsed.format.raw ? spoolCipher(key) : undefined,
      meter: (lag) => deliveries?.(path, lag) ?? nobody,
    },
  });
  return { path, device: opened, format: parsed.format, hasher: new Hasher(key) };
}

/** Of a remote device. */
export const spoolOf = (path: string, { spool }: DeviceSettings): string => join(spool.folder, spoolName(path));

/** A folder's name for a device's path: people know it, and no two are the same. */
function spoolName(path: string): string {
  const shown = path
    .slice(0, -1)
    .replaceAll(/[^\w-]/g, '_')
    .slice(0, 64);
  return `${shown}-${sha256(path).toString('hex').slice(0, 16)}`;
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
