/** What went wrong with an API server, told apart, in words that may stand in a condition. */
import { KubernetesProblem } from '../../kube/problem.ts';
import { ProviderProblem, type ProblemKind } from '../contract.ts';

const UNPROCESSABLE = 422;

function kindOf(status: number | undefined): ProblemKind {
  if (status === undefined || status === 429 || status >= 500) return 'unreachable';
  return status === 401 || status === 403 ? 'denied' : 'invalid';
}

/** `doing`: what was tried, as `read "db"`. */
export function problemOf(error: unknown, doing: string): unknown {
  if (!(error instanceof KubernetesProblem)) return error;
  // A credential that could not be had says more than that nothing was asked.
  if (error.cause instanceof ProviderProblem) return error.cause;
  const { status, fields } = error;
  // An API server that finds a Secret invalid repeats what it was given.
  const said = status === UNPROCESSABLE ? `it is not valid there: ${[...new Set(fields)].join(', ')}` : error.message;
  return new ProviderProblem(kindOf(status), `cannot ${doing}: ${said}`, { cause: error });
}

/** The API server's own word that this object is not there; a 404 of anything else is none. */
export const isGone = (error: unknown): boolean =>
  error instanceof KubernetesProblem && error.status === 404 && error.reason === 'NotFound';
