/** Keys and certificates as Azure Key Vault imports them, from what a Secret holds. */
import { isObject } from '../../client/json.ts';
import { certificateDer, privateJwk } from '../../lib/crypto/private-keys.ts';
import { PasswordBasedProblem, readPkcs12 } from '../../lib/crypto/pkcs12.ts';
import { ProviderProblem } from '../contract.ts';

type Json = Readonly<Record<string, unknown>>;

export interface Imported {
  /** What is sent. */
  readonly body: Json;
  /** Whether the object that is there is made of the same. */
  readonly same: (held: Json) => boolean;
}

const unsuitable = (message: string): ProviderProblem => new ProviderProblem('unsuitable', message);
/** Files that ask for more rounds than any tool makes are broken off. */
const NO_PASSWORD = {
  text: '',
  spend: (rounds: number): void => {
    if (rounds > 2_000_000) throw new PasswordBasedProblem('it asks for too many rounds');
  },
};
const PEM = 'application/x-pem-file';

/** PEM of an RSA or EC key. Throws `ProviderProblem`, which does not repeat it. */
export function importedKey(key: string, value: Uint8Array): Imported {
  const jwk = privateJwk(Buffer.from(value).toString('utf8'));
  if (jwk === undefined || !['RSA', 'EC'].includes(String(jwk['kty']))) {
    throw unsuitable(`cannot write "${key}": the value is no private key (RSA or EC) in PEM`);
  }
  const parts = ['kty', 'n', 'e', 'crv', 'x', 'y'] as const;
  return {
    body: { key: jwk },
    same: ({ key: held }) => isObject(held) && parts.every((part) => held[part] === jwk[part]),
  };
}

/** DER of its certificate; undefined: it is none of these forms. */
function pfxCertificate(value: Uint8Array): Uint8Array | undefined {
  try {
    return readPkcs12(value, NO_PASSWORD).certificates[0];
  } catch (error) {
    if (error instanceof PasswordBasedProblem) return undefined;
    throw error;
  }
}

/** PEM of a certificate and its key, or PKCS #12 without a password. Throws `ProviderProblem`, which does not repeat it. */
export function importedCertificate(key: string, value: Uint8Array): Imported {
  const text = Buffer.from(value).toString('utf8');
  const isPem = text.includes('-----BEGIN');
  const der = isPem ? certificateDer(text) : pfxCertificate(value);
  if (der === undefined) {
    const forms = 'a certificate with its key, in PEM, or in PKCS #12 without a password';
    throw unsuitable(`cannot write "${key}": the value is not ${forms}`);
  }
  const cer = Buffer.from(der).toString('base64');
  return {
    // PEM in base64 too: Azure's own clients send it so, and name it by the policy.
    body: {
      value: Buffer.from(value).toString('base64'),
      ...(isPem ? { policy: { secret_props: { contentType: PEM } } } : {}),
    },
    same: (held) => held['cer'] === cer,
  };
}
