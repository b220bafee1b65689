/** Why a certificate was refused. The outside gets one answer; which check failed is for the audit alone. */
import { LockstepError } from '../../errors.ts';

export type Check =
  | 'malformed'
  | 'name'
  | 'critical extension'
  | 'expired'
  | 'not yet valid'
  | 'no path'
  | 'path length'
  | 'not an authority'
  | 'signature'
  | 'weak algorithm'
  | 'extended key usage'
  | 'name constraint'
  | 'work'
  | 'revoked'
  | 'revocation unknown'
  | 'not an SVID'
  | 'role';

/** What everybody is told, as upstream tells it. */
export const REFUSED = 'invalid certificate or no client certificate supplied';

/** `detail`, which holds no text that the certificate chose, is for the audit. */
export class CertificateRefused extends LockstepError {
  readonly check: Check;

  constructor(check: Check, why: string, options?: ErrorOptions) {
    super('invalidCredentials', REFUSED, { ...options, detail: `${check}: ${why}` });
    this.name = 'CertificateRefused';
    this.check = check;
  }
}
