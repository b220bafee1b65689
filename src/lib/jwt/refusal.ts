/** Why a token was refused. The outside gets one answer; which check failed is for the log alone. */
import { LockstepError } from '../../errors.ts';

export type Check =
  | 'malformed'
  | 'algorithm'
  | 'key'
  | 'signature'
  | 'no time'
  | 'expired'
  | 'not yet valid'
  | 'issued in the future'
  | 'too old'
  | 'issuer'
  | 'audience'
  | 'subject'
  | 'claim'
  | 'review';

/** What everybody is told. */
export const REFUSED = 'the token is not accepted';

/** `message` is the one answer; `detail`, which names no value of the token, is for the audit. */
export class TokenRefused extends LockstepError {
  readonly check: Check;

  constructor(check: Check, why: string, options?: ErrorOptions) {
    super('invalidCredentials', REFUSED, { ...options, detail: `${check}: ${why}` });
    this.name = 'TokenRefused';
    this.check = check;
  }
}
