/** Keys of others in the forms that they come in: PEM, JWK (RFC 7517), and what RSA decrypts with them. */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  X509Certificate,
} from 'node:crypto';

/** DER of PKCS #8; undefined for what is no key without a passphrase. `type` is the block's: `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`. */
export function pkcs8Of(der: Uint8Array, type: string): Uint8Array | undefined {
  // Labels are often wrong: as Go, what is within decides.
  const forms = ['pkcs1', 'pkcs8', 'sec1'] as const;
  if (!type.endsWith('PRIVATE KEY') || type.startsWith('ENCRYPTED')) return undefined;
  for (const form of forms) {
    try {
      const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: form });
      return key.export({ type: 'pkcs8', format: 'der' });
    } catch {
      // The next form.
    }
  }
  return undefined;
}

/** PEM of PKCS #8; undefined for what is no RSA key in PEM without a passphrase. */
export function pkcs8Pem(pem: string): string | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key.export({ type: 'pkcs8', format: 'pem' }) : undefined;
  } catch {
    return undefined;
  }
}

/** A private key as a JWK (RFC 7517); undefined for what is none in PEM without a passphrase. */
export function privateJwk(pem: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return { ...createPrivateKey(pem).export({ format: 'jwk' }) };
  } catch {
    return undefined;
  }
}

/** DER of the first certificate in PEM; undefined where there is none. */
export function certificateDer(pem: string): Uint8Array | undefined {
  const [block = ''] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(pem) ?? [];
  try {
    return new X509Certificate(block).raw;
  } catch {
    return undefined;
  }
}

/** PEM of SubjectPublicKeyInfo or PKCS #8; undefined for what is no key of that kind. */
export function pemOfJwk(jwk: Readonly<Record<string, unknown>>, kind: 'public' | 'private'): string | undefined {
  // Of a private key Node would give the public half: whoever asks for one should be told.
  if ('d' in jwk !== (kind === 'private')) return undefined;
  try {
    const given = { key: jwk as never, format: 'jwk' } as const;
    if (kind === 'public') return createPublicKey(given).export({ type: 'spki', format: 'pem' });
    return createPrivateKey(given).export({ type: 'pkcs8', format: 'pem' });
  } catch {
    return undefined;
  }
}

/** RSAES-OAEP (RFC 8017) without a label, its mask by the same hash; undefined where it does not decrypt. `key`: PKCS #8. */
export function rsaOaepDecrypted(
  key: Uint8Array,
  hash: 'sha1' | 'sha256' | 'sha512',
  data: Uint8Array,
): Uint8Array | undefined {
  try {
    const opened: KeyObject = createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
    if (opened.asymmetricKeyType !== 'rsa') return undefined;
    return privateDecrypt({ key: opened, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, data);
  } catch {
    return undefined;
  }
}

const SHOWN = ['serialNumber', 'CN', 'postalCode', 'street', 'ST', 'L', 'OU', 'O', 'C'] as const;

/** The subject in one line, the narrowest name first (RFC 4514), as Go's `pkix.Name` has it; empty for a name of none of these. */
export function subjectText(certificate: Uint8Array): string {
  const names = new X509Certificate(certificate).toLegacyObject().subject as unknown as Record<
    string,
    string | string[]
  >;
  return SHOWN.filter((each) => names[each] !== undefined)
    .map((each) =>
      [names[each] ?? []]
        .flat()
        .map((value) => `${each.toUpperCase()}=${escapedValue(value)}`)
        .join('+'),
    )
    .join(',');
}

const escapedValue = (value: string): string =>
  value.replaceAll(/[,+"\\<>;]/g, String.raw`\$&`).replace(/^[# ]| $/g, String.raw`\$&`);
