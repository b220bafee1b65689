import { X509Certificate } from 'node:crypto';

export interface CertificateTime {
  /** As OpenSSL writes it, such as `CN=authority`. */
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

/** Of the first certificate in a PEM text. */
export function certificateTime(pem: string): CertificateTime {
  const { issuer, validFromDate, validToDate } = new X509Certificate(pem);
  return { issuer, from: validFromDate.getTime(), to: validToDate.getTime() };
}
