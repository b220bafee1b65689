/**
 * How a cluster's publisher says which keys the cluster has: the key set as a JWT, signed by a key of the publisher's own whose
 * public half is in the header. Who that key belongs to, a token for `publisherAudience` says.
 */
import type { JWK } from 'jose';

/** The one audience of a token that stands for the signing key of that thumbprint (RFC 7638). No login takes such a token. */
export const publisherAudience = (thumbprint: string): string => `lockstep-keys:${thumbprint}`;

/** Seconds. */
const LIFE = 600;

export interface PublicationSigner {
  readonly thumbprint: string;
  /** `mount`: the request path of the mount that it is for, `auth/prod-eu/`. `now`: milliseconds since the epoch. */
  readonly sign: (keys: readonly unknown[], mount: string, now: number) => Promise<string>;
}

/** With a new key, which leaves this process never. */
export async function publicationSigner(): Promise<PublicationSigner> {
  const { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } = await import('jose');
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const { x = '', y = '' } = await exportJWK(publicKey);
  const jwk: JWK = { kty: 'EC', crv: 'P-256', x, y };
  return {
    thumbprint: await calculateJwkThumbprint(jwk),
    sign: (keys, mount, now) =>
      new SignJWT({ jwks: { keys }, aud: mount, iat: now / 1_000, exp: now / 1_000 + LIFE })
        .setProtectedHeader({ alg: 'ES256', typ: 'lockstep-keys+jwt', jwk })
        .sign(privateKey),
  };
}
