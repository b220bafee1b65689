/**
 * Auto-unseal by a 32-byte key that lies beside the configuration, with the parameters of OpenBao's seal of that name.
 * It is as safe as the place of that key: a memory-backed volume, a systemd credential, another secrets manager.
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../../errors.ts';
import { decryptGcm, encryptGcm } from '../../lib/crypto/aes-gcm.ts';
import { takeKey } from '../../lib/crypto/hash.ts';
import { KEY_BYTES } from '../keyring.ts';
import type { KeyWrapper, Seal } from '../seal.ts';
import { readKey, type Surroundings } from './key-source.ts';

/** `seal "static"` of the configuration. Both `previous_…` or neither: they unwrap what was wrapped before a change. */
export interface StaticSealConfig {
  readonly current_key_id: string;
  /** `file://<path>`, `env://<NAME>`, or the key itself in base64 or hex. */
  readonly current_key: string;
  readonly previous_key_id?: string | undefined;
  readonly previous_key?: string | undefined;
}

const FORMAT = 1;
const MAX_ID_BYTES = 255;

/** Throws `invalidConfig`, naming the parameter and the remedy. */
export async function openStaticSeal(config: StaticSealConfig, surroundings: Surroundings): Promise<Seal> {
  const keys = new Map<string, KeyObject>();
  const currentId = checkId('current_key_id', config.current_key_id);
  if (config.previous_key_id !== undefined || config.previous_key !== undefined) {
    const previousId = checkId('previous_key_id', config.previous_key_id);
    if (previousId === currentId) throw invalid('previous_key_id', 'must differ from current_key_id');
    keys.set(previousId, await readKey('previous_key', config.previous_key, surroundings));
  }
  const current = await readKey('current_key', config.current_key, surroundings);
  keys.set(currentId, current);
  return { type: 'static', wrapper: wrapperOf(keys, currentId, current), check: async () => 'healthy' };
}

function wrapperOf(keys: ReadonlyMap<string, KeyObject>, currentId: string, current: KeyObject): KeyWrapper {
  const label = Buffer.from(currentId);
  const header = Buffer.from([FORMAT, label.length, ...label]);
  return {
    wrap: async (key) => {
      const clear = key.export();
      const wrapped = encryptGcm(current, clear, associated(header), header.length);
      clear.fill(0);
      wrapped.set(header);
      return wrapped;
    },
    unwrap: async (wrapped) => {
      const id = idOf(wrapped);
      const key = keys.get(id);
      if (key === undefined) {
        const known = [...keys.keys()].join(', ');
        throw fail(
          'invalidConfig',
          `seal "static": the unseal key is wrapped by the key "${id}", the configuration has ${known}: name it as previous_key_id`,
        );
      }
      const start = 2 + Buffer.byteLength(id);
      const clear = decryptGcm(key, wrapped, associated(wrapped.subarray(0, start)), start);
      if (clear?.length !== KEY_BYTES) {
        throw fail(
          'corrupt',
          `seal "static": the key "${id}" does not open the stored unseal key: it is another key, or seal/root is damaged`,
        );
      }
      return takeKey(clear);
    },
    isCurrent: (wrapped) => idOf(wrapped) === currentId,
  };
}

function idOf(wrapped: Uint8Array): string {
  const [format, length = 0] = wrapped;
  if (format !== FORMAT) {
    throw fail('formatVersion', `seal "static": the wrapped key has format ${format ?? 'none'}, known is ${FORMAT}`);
  }
  return Buffer.from(wrapped.subarray(2, 2 + length)).toString();
}

function associated(header: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('lockstep static seal'), header]);
}

function checkId(name: string, id: string | undefined): string {
  if (id === undefined || id === '') throw invalid(name, 'is missing');
  if (Buffer.byteLength(id) > MAX_ID_BYTES) throw invalid(name, `is longer than ${MAX_ID_BYTES} bytes`);
  if (!id.isWellFormed()) throw invalid(name, 'is no valid Unicode');
  return id;
}

function invalid(name: string, what: string): Error {
  return fail('invalidConfig', `seal "static": ${name} ${what}`);
}
