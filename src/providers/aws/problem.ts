/** What went wrong with AWS, told apart, in words that may stand in a condition. */
import { ProviderProblem, type ProblemKind } from '../contract.ts';

const DENIED =
  /AccessDenied|NotAuthorized|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|ExpiredToken|IncompleteSignature|MissingAuthenticationToken|InvalidAccessKeyId|IDPRejectedClaim|InvalidIdentityToken|AuthFailure|OptInRequired|DecryptionFailure|InvalidKeyId/;
const PASSING =
  /Throttl|TooManyRequests|RequestLimit|LimitExceeded|Timeout|ServiceUnavailable|InternalS|InternalFailure/;

interface ServiceError extends Error {
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

export const named = (error: unknown, ...names: readonly string[]): boolean =>
  error instanceof Error && names.includes(error.name);

function kindOf({ name, $fault, $metadata = {} }: ServiceError): ProblemKind {
  const { httpStatusCode: status = 0 } = $metadata;
  if (DENIED.test(name) || status === 401 || status === 403) return 'denied';
  if (name === 'CredentialsProviderError') return 'invalid';
  return PASSING.test(name) || $fault !== 'client' ? 'unreachable' : 'invalid';
}

/** `doing`: what was tried, as `read "db"`. The signal's reason stays itself. */
export function problemOf(error: unknown, doing: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof ProviderProblem || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const said = [error.name, code, error.message.slice(0, 300)].filter((each) => each !== '').join(': ');
  return new ProviderProblem(kindOf(error), `cannot ${doing}: AWS: ${said}`, { cause: error });
}
