/** What went wrong with a server of the Vault API, told apart, in words that may stand in a condition. */
import { ApiError } from '../../client/api-error.ts';
import { ConnectionError } from '../../client/connection-error.ts';
import { ProviderProblem, type ProblemKind } from '../contract.ts';

function kindOf(status: number): ProblemKind {
  if (status === 401 || status === 403) return 'denied';
  if (status === 408 || status === 412 || status === 429 || status === 472 || status === 473 || status >= 500) {
    return 'unreachable';
  }
  return 'invalid';
}

/** `doing`: what was tried, as `log in`. */
export function problemOf(error: unknown, doing: string): unknown {
  if (error instanceof ApiError) {
    const { status, errors } = error;
    const said = errors.length === 0 ? 'no reason given' : errors.join('; ').slice(0, 500);
    return new ProviderProblem(kindOf(status), `cannot ${doing}: the server answers ${String(status)}: ${said}`, {
      cause: error,
    });
  }
  // Where it may not go, as it was said there.
  if (error instanceof ConnectionError && error.cause instanceof ProviderProblem) return error.cause;
  if (error instanceof ConnectionError) {
    return new ProviderProblem('unreachable', `cannot ${doing}: ${error.message}`, { cause: error });
  }
  return error;
}
