/** Certificates of authorities, as trust bundles carry them. */
import { X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificate when these bytes are one of an authority and nothing else; otherwise undefined. */
export function trustAnchor(der: Uint8Array): Uint8Array | undefined {
  try {
    const { ca, raw } = new X509Certificate(der);
    return ca && raw.equals(der) ? raw : undefined;
  } catch {
    return undefined;
  }
}

/** As PEM. */
export const pemOfAnchor = (der: Uint8Array): string => new X509Certificate(der).toString();

/** All of a PEM text; undefined where there is none, or one block that is not of an authority. */
export function trustAnchorsOfPem(text: string): readonly Uint8Array[] | undefined {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length < (text.match(/-----BEGIN /g)?.length ?? 0)) return undefined;
  try {
    const anchors = blocks.map((pem) => trustAnchor(new X509Certificate(pem).raw));
    return anchors.every((anchor) => anchor !== undefined) ? anchors : undefined;
  } catch {
    return undefined;
  }
}
