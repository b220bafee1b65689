/**
 * `seal/wrapped`: the unseal key as each seal wrapped it, with auto-unseal only. JSON in clear. Each entry is bound to
 * itself alone, so that one that is damaged leaves the others to open the node.
 */
import { fail } from '../errors.ts';

export const WRAPPED_KEY = 'seal/wrapped';
const FORMAT = 1;

export interface WrappedKey {
  /** Of the seal, as its configuration names it. */
  readonly name: string;
  /** `static`, `transit`, … */
  readonly type: string;
  readonly wrapped: Uint8Array;
}

export function encodeWrapped(keys: readonly WrappedKey[]): Uint8Array {
  const shown = keys.map(({ name, type, wrapped }) => ({ name, type, wrapped: Buffer.from(wrapped).toString('hex') }));
  return Buffer.from(JSON.stringify({ version: FORMAT, keys: shown }));
}

/** Throws `formatVersion`, or `corrupt` for what `encodeWrapped` never wrote. */
export function decodeWrapped(stored: Uint8Array): readonly WrappedKey[] {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(stored));
  } catch {
    throw damaged();
  }
  const { version, keys } = (found ?? {}) as { readonly version?: unknown; readonly keys?: unknown };
  if (Number.isInteger(version) && version !== FORMAT) {
    throw fail('formatVersion', `${WRAPPED_KEY} has format version ${String(version)}, this release reads ${FORMAT}`);
  }
  if (version !== FORMAT || !Array.isArray(keys)) throw damaged();
  return keys.map(entry);
}

function entry(found: unknown): WrappedKey {
  const { name, type, wrapped } = (found ?? {}) as Partial<Record<keyof WrappedKey, unknown>>;
  if (typeof name !== 'string' || typeof type !== 'string' || typeof wrapped !== 'string') throw damaged();
  // What is no hex stays an entry, which its seal then finds damaged: it must not cost the others.
  return { name, type, wrapped: /^(?:[0-9a-f]{2})*$/.test(wrapped) ? Buffer.from(wrapped, 'hex') : Buffer.alloc(0) };
}

function damaged(): Error {
  return fail('corrupt', `${WRAPPED_KEY} is damaged: restore it from a backup`);
}
