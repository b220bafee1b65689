/** The certificates of roles, read. Import lazily: the libraries behind take a while to load. */
import { fail } from '../../errors.ts';
import { certificatesOfPem, parseCertificate, type Certificate } from '../../lib/x509/certificate.ts';
import { CertificateRefused } from '../../lib/x509/refusal.ts';
import type { CertRole } from './role.ts';

export interface Trusted {
  readonly certificates: readonly [Certificate, ...Certificate[]];
  readonly ocspAuthorities: readonly Certificate[];
}

/** Whether it is the certificate itself that logs in, and not one that it vouches for. */
export const isPinned = ({ certificates: [first] }: Trusted): boolean => !first.isAuthority;

function parsed(pem: string, name: string): readonly Certificate[] {
  try {
    return certificatesOfPem(pem).map(parseCertificate);
  } catch (error) {
    if (!(error instanceof CertificateRefused)) throw error;
    throw fail('badRequest', `failed to parse ${name}: ${error.detail ?? ''}`);
  }
}

const known = new WeakMap<CertRole, Trusted>();

/** Throws `badRequest` for what holds none, or one that cannot be read. */
export function trustedOf(role: CertRole): Trusted {
  const before = known.get(role);
  if (before !== undefined) return before;
  const [first, ...rest] = parsed(role.certificate, 'certificate');
  if (first === undefined) throw fail('badRequest', 'failed to parse certificate');
  const ocspAuthorities = parsed(role.ocsp.authorities, 'ocsp_ca_certificates');
  const trusted: Trusted = { certificates: [first, ...rest], ocspAuthorities };
  known.set(role, trusted);
  return trusted;
}

const CLIENT_USAGES = new Set(['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']);

/** Throws `badRequest` for a role that nobody could log in by. */
export function checkRole(role: CertRole): void {
  const trusted = trustedOf(role);
  const [first] = trusted.certificates;
  if (!isPinned(trusted)) return;
  if (first.extendedKeyUsage?.some((usage) => CLIENT_USAGES.has(usage)) === false) {
    throw fail('badRequest', 'nonCA certificates should have TLS client authentication set as an extended key usage');
  }
  const asked = role.ocsp.enabled && !role.ocsp.failOpen;
  if (asked && !trusted.ocspAuthorities.some(({ subject }) => subject === first.issuer)) {
    throw fail('badRequest', 'ocsp_enabled needs the issuer of this certificate among ocsp_ca_certificates');
  }
}
