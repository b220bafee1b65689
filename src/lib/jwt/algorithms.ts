/** Signature algorithms of tokens (RFC 7518, 8037): those with public keys alone. `none` and HMAC are no choice at all. */
const RSA = { kty: 'RSA' } as const;

const SHAPES: Readonly<Record<string, { readonly kty: string; readonly crv?: string }>> = {
  RS256: RSA,
  RS384: RSA,
  RS512: RSA,
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  PS256: RSA,
  PS384: RSA,
  PS512: RSA,
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
};

/** In the order in which they are told. */
export const algorithms: readonly string[] = Object.keys(SHAPES);

export function isAlgorithm(name: string): boolean {
  return Object.hasOwn(SHAPES, name);
}

/** Whether a key of this type and curve can have signed by the algorithm. */
export function suits(algorithm: string, { kty, crv }: { readonly kty?: unknown; readonly crv?: unknown }): boolean {
  const shape = isAlgorithm(algorithm) ? SHAPES[algorithm] : undefined;
  return shape !== undefined && shape.kty === kty && (shape.crv === undefined || shape.crv === crv);
}

/** RFC 9864 gave `EdDSA` with this curve a name of its own, which keys may carry. */
export const sameAlgorithm = (algorithm: string, ofKey: string): boolean =>
  algorithm === ofKey || (algorithm === 'EdDSA' && ofKey === 'Ed25519');
