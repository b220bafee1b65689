/** The directory cannot say: nothing is said of who logs in, and trying again later can help. */
import { LockstepError } from '../../errors.ts';

export class DirectoryUnavailable extends LockstepError {
  /** `detail`: what went wrong, for the audit. */
  constructor(detail: string, options?: ErrorOptions) {
    super('directoryUnavailable', undefined, { ...options, detail });
    this.name = 'DirectoryUnavailable';
  }
}

/** What RFC 4511 section 4.1.9 calls it, of those that operators meet. */
const names: Readonly<Record<number, string>> = {
  1: 'operationsError: it may want a bind before a search: set binddn and bindpass',
  2: 'protocolError',
  3: 'timeLimitExceeded',
  4: 'sizeLimitExceeded: it gives no more entries; set max_page_size',
  8: 'strongerAuthRequired: it may want TLS: use ldaps:// or starttls',
  10: 'referral: it leads to another directory, which is not followed',
  11: 'adminLimitExceeded',
  12: 'unavailableCriticalExtension: it has no paged results',
  13: 'confidentialityRequired: it wants TLS: use ldaps:// or starttls',
  32: 'noSuchObject: userdn or groupdn is not there, or may not be seen',
  34: 'invalidDNSyntax: binddn, userdn or groupdn is no DN',
  48: 'inappropriateAuthentication',
  49: 'invalidCredentials: of binddn and bindpass',
  50: 'insufficientAccessRights',
  51: 'busy',
  52: 'unavailable',
  53: 'unwillingToPerform',
  80: 'other',
};

export const codeName = (code: number): string => names[code] ?? `result code ${String(code)}`;
