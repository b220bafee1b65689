/**
 * Shares and tokens encrypted to the people who shall hold them (OpenPGP, RFC 9580), as Vault does: what is encrypted is
 * the text (a share in hex), the result binary. The library is loaded when the first key is read.
 */
import { isLockstepError, fail } from '../errors.ts';

export interface PgpKey {
  /** Hex, lower case. */
  readonly fingerprint: string;
  readonly encrypt: (text: string) => Promise<Uint8Array>;
}

/** What a request may hold of one key; the largest in use are a few hundred kilobytes. */
const MAX_KEY_TEXT = 1 << 20;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A public key, binary in base64 or armoured. Throws `badRequest`, also for one that nothing can be encrypted to. */
export async function readPgpKey(name: string, text: string): Promise<PgpKey> {
  if (text.length > MAX_KEY_TEXT) throw fail('badRequest', `${name}: a PGP key has at most ${MAX_KEY_TEXT} characters`);
  const { createMessage, encrypt, readKey } = await import('openpgp');
  const armored = text.includes('-----BEGIN PGP');
  const binaryKey = armored ? undefined : bytesOf(name, text);
  try {
    const key = await (binaryKey === undefined ? readKey({ armoredKey: text }) : readKey({ binaryKey }));
    if (key.isPrivate()) throw fail('badRequest', `${name}: this is a private key, and no secret any more: replace it`);
    await key.getEncryptionKey();
    return {
      fingerprint: key.getFingerprint(),
      encrypt: async (clear) => {
        const message = await createMessage({ text: clear });
        // Declared as a stream or bytes: of a text it gives bytes.
        const encrypted: unknown = await encrypt({ message, encryptionKeys: key, format: 'binary' });
        return encrypted as Uint8Array;
      },
    };
  } catch (error) {
    if (isLockstepError(error)) throw error;
    throw fail('badRequest', `${name}: error parsing PGP key: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

function bytesOf(name: string, text: string): Uint8Array {
  const dense = text.replaceAll(/\s/g, '');
  if (BASE64.test(dense)) return Buffer.from(dense, 'base64');
  throw fail('badRequest', `${name}: error decoding given PGP key: a public key in base64 is expected`);
}

/** One for each share. Throws `badRequest`. */
export async function readPgpKeys(
  name: string,
  texts: readonly string[] | undefined,
  shares: number,
): Promise<readonly PgpKey[]> {
  if (texts === undefined || texts.length === 0) return [];
  if (texts.length !== shares) {
    throw fail('badRequest', `incorrect number of PGP keys: "${name}" has ${texts.length}, there are ${shares} shares`);
  }
  const keys: PgpKey[] = [];
  for (const [at, text] of texts.entries()) keys.push(await readPgpKey(`${name}[${at}]`, text));
  return keys;
}
