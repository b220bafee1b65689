/** Whether a certificate fits what a role asks of its names and extensions. */
import { AsnConvert } from '@peculiar/asn1-schema';
import { DirectoryString } from '@peculiar/asn1-x509';
import { matchesGlob } from '../../lib/glob.ts';
import { textsOf, type Certificate } from '../../lib/x509/certificate.ts';
import type { CertRole } from './role.ts';

const fitsOne = (patterns: readonly string[], names: readonly string[]): boolean =>
  patterns.length === 0 || patterns.some((pattern) => names.some((name) => matchesGlob(pattern, name)));

/** The text in a value of ASN.1 that is one; empty for any other, as upstream has it. */
export function textOfExtension(value: Uint8Array): string {
  const IA5_STRING = 0x16;
  const [tag, length = 0] = value;
  if (tag === IA5_STRING && length < 0x80) return Buffer.from(value.subarray(2)).toString('latin1');
  try {
    return AsnConvert.parse(value, DirectoryString).toString();
  } catch {
    return '';
  }
}

function hasExtension({ extensions }: Certificate, required: string): boolean {
  const isHex = required.startsWith('hex:');
  const rest = isHex ? required.slice(4) : required;
  const colon = rest.indexOf(':');
  const value = extensions.get(rest.slice(0, colon));
  if (value === undefined) return false;
  const pattern = rest.slice(colon + 1);
  return isHex
    ? matchesGlob(pattern.toLowerCase(), Buffer.from(value).toString('hex'))
    : matchesGlob(pattern, textOfExtension(value));
}

export function fitsRole(certificate: Certificate, role: CertRole): boolean {
  const { commonName, organizationalUnits } = certificate;
  const [dns, emails, uris] = [textsOf(certificate, 'dns'), textsOf(certificate, 'email'), textsOf(certificate, 'uri')];
  return (
    fitsOne(role.names, [commonName, ...dns, ...emails]) &&
    fitsOne(role.commonNames, [commonName]) &&
    fitsOne(role.dnsNames, dns) &&
    fitsOne(role.emails, emails) &&
    fitsOne(role.uris, uris) &&
    fitsOne(role.organizationalUnits, organizationalUnits) &&
    role.requiredExtensions.every((required) => hasExtension(certificate, required))
  );
}
