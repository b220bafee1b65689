/** A certificate, its key and its authorities in one text (RFC 7468), told apart by what they are. */
import { createPrivateKey, X509Certificate } from 'node:crypto';

export interface PemBundle {
  /** PEM, as the rest; empty where there is none. */
  readonly certificate: string;
  readonly key: string;
  readonly authorities: readonly string[];
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;

/** Each authority once. Throws where a block that says it is one is no certificate. */
export function bundleOf(text: string): PemBundle {
  const authorities = new Set<string>();
  let [certificate, key] = ['', ''];
  for (const [block, type = ''] of text.matchAll(BLOCK)) {
    const pem = `${block}\n`;
    if (type.endsWith('PRIVATE KEY')) key = pem;
    else if (type !== 'CERTIFICATE') continue;
    else if (new X509Certificate(block).ca) authorities.add(pem);
    else certificate = pem;
  }
  return { certificate, key, authorities: [...authorities] };
}

interface Lifetime {
  readonly seconds: number;
  /** Seconds of it that are over; negative before it holds. */
  readonly age: number;
}

/** `now` in milliseconds since the epoch. Throws where it is no certificate. */
export const lifetimeOf = (certificate: string, now: number): Lifetime =>
  lifetimeIn(new X509Certificate(certificate), now);

function lifetimeIn({ validFrom, validTo }: X509Certificate, now: number): Lifetime {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return { seconds: (to - from) / 1_000, age: (now - from) / 1_000 };
}

/**
 * Seconds for which the certificate holds, and how many of them are over at `now` (milliseconds since the epoch). Undefined where the key is not its
 * own; throws where one of them is missing.
 */
export function ownLifetime({ certificate, key }: PemBundle, now: number): Lifetime | undefined {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(createPrivateKey(key))) return undefined;
  return lifetimeIn(parsed, now);
}
