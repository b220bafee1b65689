import { LockstepError } from '../../errors.ts';

/**
 * Another server cannot be asked, or does not answer as it should: nothing is said of who logs in, and trying again later can
 * help. `detail`: what went wrong on the way there.
 */
export class ServerUnavailable extends LockstepError {
  constructor(detail: string, options?: ErrorOptions) {
    super('issuerUnreachable', undefined, { ...options, detail });
    this.name = 'ServerUnavailable';
  }
}
