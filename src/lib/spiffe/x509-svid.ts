/** What makes a certificate an X.509-SVID of a workload (SPIFFE X.509-SVID specification, sections 2 to 5). */
import { textsOf, type Certificate } from '../x509/certificate.ts';
import { CertificateRefused } from '../x509/refusal.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';

const refuse = (why: string): CertificateRefused => new CertificateRefused('not an SVID', why);

/** Whose it says that it is; nobody has verified that. Throws `CertificateRefused`. */
export function idOfSvid(certificate: Certificate): SpiffeId {
  // Section 2: exactly one, whatever the others are.
  const [text, ...others] = textsOf(certificate, 'uri');
  if (text === undefined || others.length > 0) throw refuse('it has not exactly one URI as its name');
  const id = parseSpiffeId(text);
  if (id === undefined) throw refuse('its URI is no SPIFFE ID');
  // Section 5.2: a leaf has a path, is no authority, and its key signs nothing but handshakes.
  if (id.path === '') throw refuse('its SPIFFE ID names a trust domain and no workload');
  const { isAuthority, keyUsage } = certificate;
  if (isAuthority) throw refuse('it is that of an authority');
  if (keyUsage?.includes('digitalSignature') !== true) throw refuse('its key usage lacks digitalSignature');
  if (keyUsage.includes('keyCertSign') || keyUsage.includes('cRLSign')) throw refuse('its key may sign certificates');
  return id;
}
