import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

export interface ServedPair {
  /** PEM, the leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

/** Why the pair cannot be served for all these names at a moment (milliseconds since the epoch); undefined where it can. */
export function flawIn({ chain, key }: ServedPair, names: readonly string[], now: number): string | undefined {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(chain);
  } catch {
    return 'it is no certificate in PEM';
  }
  if (!leaf.checkPrivateKey(createPrivateKey(key))) return 'it is of another key';
  const has = (name: string): boolean =>
    (isIP(name) === 0 ? leaf.checkHost(name, { subject: 'never' }) : leaf.checkIP(name)) !== undefined;
  const missing = names.find((name) => !has(name));
  if (missing !== undefined) return `it is not for ${missing}`;
  return leaf.validToDate.getTime() <= now ? `it ended at ${leaf.validToDate.toISOString()}` : undefined;
}
