/**
 * Auto-unseal by a key of AWS KMS, with the parameters of Vault's seal of that name. It is as safe as that key's policy:
 * who may decrypt with it, and has the disk, has the data.
 */
import { fail } from '../../errors.ts';
import { serviceText, unwrapBy, wrapBy } from '../envelope.ts';
import type { Seal } from '../seal.ts';
import { AwsKms, type AwsKmsOptions, type Encrypted } from './service.ts';

const KIND = 'awskms';

/** Asks nobody yet. */
export function openAwsKmsSeal(options: AwsKmsOptions): Seal & Disposable {
  const service = new AwsKms(options);
  /** ARN of the key that the configuration means, as it was last met: an alias may be given to another key. */
  let newest: string | undefined;
  const learn = async (signal: AbortSignal): Promise<void> => {
    newest = (await service.encryptOnce(Buffer.from('lockstep'), signal)).keyId;
  };
  return {
    type: KIND,
    wrapper: {
      wrap: (key, signal) =>
        wrapBy(KIND, key, async (clear) => {
          const made = await service.encrypt(clear, signal);
          clear.fill(0);
          newest = made.keyId;
          return toText(made);
        }),
      unwrap: async (wrapped, signal) => {
        const key = await unwrapBy(KIND, wrapped, (text) => service.decrypt(fromText(text), signal));
        // What opens the node must not fail for what comes after; then the next check tells.
        if (newest === undefined) await learn(signal).catch(() => undefined);
        return key;
      },
      isCurrent: (wrapped) => newest === undefined || fromText(serviceText(KIND, wrapped)).keyId === newest,
    },
    check: async (signal) => {
      try {
        await learn(signal);
        return 'healthy';
      } catch {
        return 'unreachable';
      }
    },
    [Symbol.dispose]: () => {
      service[Symbol.dispose]();
    },
  };
}

/** The key is remembered: the configuration may name another one later. */
const toText = ({ keyId, blob }: Encrypted): string => `${keyId} ${Buffer.from(blob).toString('base64')}`;

function fromText(text: string): Encrypted {
  const [, keyId, blob] = /^([\x21-\x7e]+) ([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  if (keyId === undefined || blob === undefined) {
    throw fail('corrupt', `seal "${KIND}": the stored unseal key is damaged: restore seal/wrapped from a backup`);
  }
  return { keyId, blob: Buffer.from(blob, 'base64') };
}
