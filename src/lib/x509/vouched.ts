/**
 * Which of the certificates that a stranger shows are worth reading: OpenSSL, which costs little, says who signed them before the
 * rest of them is looked at. What stands in a certificate of nobody's costs its maker nothing.
 */
import { isSignedBy, namesIssuer, openCertificate, type X509Certificate } from '../crypto/certificate-signature.ts';
import { parseCertificate, type Certificate } from './certificate.ts';
import { pathBounds } from './certification-path.ts';
import { CertificateRefused } from './refusal.ts';

interface Unread {
  readonly der: Uint8Array;
  readonly opened: X509Certificate;
}

function opened(der: Uint8Array): Unread {
  const certificate = openCertificate(der);
  if (certificate === undefined) throw new CertificateRefused('malformed', 'it is no certificate in DER');
  return { der, opened: certificate };
}

/**
 * Those of `shown`, in their order, that an anchor has signed or another one of them that an anchor vouches for, or that are
 * anchors. Nothing else is verified. Throws `CertificateRefused` for more than anybody shows, and for what is none.
 */
export function vouchedFor(shown: readonly Uint8Array[], anchors: readonly Certificate[]): readonly Certificate[] {
  if (shown.length > pathBounds.intermediates + 1) {
    throw new CertificateRefused('work', `more than ${String(pathBounds.intermediates + 1)} certificates were shown`);
  }
  const unread = new Set(shown.map(opened));
  const read = new Map<string, Certificate>();
  let issuers = anchors;
  let tried = 0;
  const isSigned = (subject: X509Certificate, issuer: X509Certificate): boolean => {
    if (!namesIssuer(subject, issuer) || tried >= pathBounds.issuers) return false;
    tried += 1;
    return isSignedBy(subject, issuer);
  };
  while (issuers.length > 0) {
    const vouched = [...unread].filter(({ opened: subject }) =>
      issuers.some(
        (issuer) => subject.fingerprint256 === issuer.opened.fingerprint256 || isSigned(subject, issuer.opened),
      ),
    );
    const found = vouched.map((each) => {
      unread.delete(each);
      return parseCertificate(each.der);
    });
    for (const each of found) read.set(each.opened.fingerprint256, each);
    issuers = found.filter(({ isAuthority }) => isAuthority);
  }
  return shown.flatMap((der) => read.get(opened(der).opened.fingerprint256) ?? []);
}
