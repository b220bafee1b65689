// @peculiar/x509 asks for it to be there first.
import 'reflect-metadata';
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate } from '@peculiar/x509';

export interface Problem {
  readonly problem: string;
  readonly remedy: string;
}

/** When the first certificate of a PEM chain ends, milliseconds since the epoch. */
export function endOfCertificate(pem: Buffer): number {
  return new X509Certificate(pem.toString('latin1')).notAfter.getTime();
}

/** What clients will dislike about the first certificate of a PEM chain. `now` in milliseconds. */
export function inspectCertificate(pem: Buffer, now: number = Date.now()): readonly Problem[] {
  const certificate = new X509Certificate(pem.toString('latin1'));
  const problems: Problem[] = [];
  const usage = certificate.getExtension(KeyUsagesExtension);
  // RFC 5280 4.2.1.3. OpenSSL's clients, Node's and Python's, look (INVALID_PURPOSE); Go's do not.
  if (usage !== null && (usage.usages & KeyUsageFlags.digitalSignature) === 0) {
    problems.push({
      problem:
        'the certificate lacks the key usage digitalSignature: many clients refuse it, Node with INVALID_PURPOSE',
      remedy: 'issue it anew with keyUsage = digitalSignature (for RSA also keyEncipherment)',
    });
  }
  if (certificate.notAfter.getTime() <= now) {
    problems.push({
      problem: 'the certificate has expired: clients will refuse it',
      remedy: `it ended at ${certificate.notAfter.toISOString()}: replace the files, they are read anew by themselves`,
    });
  } else if (certificate.notBefore.getTime() > now) {
    problems.push({
      problem: 'the certificate is not valid yet: clients will refuse it',
      remedy: `it begins at ${certificate.notBefore.toISOString()}: check the clock of this machine`,
    });
  }
  return problems;
}
