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
  | 'claim';

/** What everybody is told. */
export const REFUSED = 'the token is not accepted';

/** `message` is the one answer. `check` and `detail` name no value of the token. */
export class TokenRefused extends LockstepError {
  readonly check: Check;
  readonly detail: string;

  constructor(check: Check, detail: string, options?: ErrorOptions) {
    super('invalidCredentials', REFUSED, options);
    this.name = 'TokenRefused';
    this.check = check;
    this.detail = detail;
  }
}

/** The issuer's keys cannot be had: nothing is said of the token, and trying again later can help. */
export class KeysUnavailable extends LockstepError {
  /** What went wrong on the way there. */
  readonly detail: string;

  constructor(detail: string, options?: ErrorOptions) {
    super('issuerUnreachable', undefined, options);
    this.name = 'KeysUnavailable';
    this.detail = detail;
  }
}
