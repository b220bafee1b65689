/** An outcome that refuses as an error again, where one request is made for another. */
import { LockstepError } from '../../errors.ts';
import type { Outcome } from '../../framework/request.ts';

/** Told by the code of its status, so that the request is answered as the one that was made for it. */
export function refusalOf({ status, errors = [], refusal }: Outcome): LockstepError {
  const code = CODES[status] ?? (status >= 400 && status < 500 ? 'badRequest' : 'internal');
  return new LockstepError(code, errors.join('; '), refusal === undefined ? undefined : { detail: refusal });
}

const CODES: Readonly<Record<number, LockstepError['code']>> = {
  400: 'badRequest',
  403: 'permissionDenied',
  404: 'notFound',
  405: 'unsupportedOperation',
  409: 'conflict',
  412: 'behindIndex',
  413: 'bodyTooLarge',
  415: 'unsupportedMediaType',
  429: 'tooManyRequests',
  503: 'timeout',
};
