/** Requests that no approval can be waited for: they are refused, and never done without one. */
import { fail, type LockstepError } from '../../errors.ts';
import type { Operation } from '../../framework/path.ts';
import { operationOf, type Access } from '../requests/access.ts';
import { snapshotUse } from '../requests/from-snapshot.ts';
import type { RequestServices } from '../services.ts';

/** About the calling token itself, which is not kept; and what approvals are given and used with. */
const OF_ITSELF = /^(sys\/(wrapping|control-group|internal)\/|sys\/capabilities-self$|auth\/token\/[a-z]+-self$)/;

/** Undefined when it can wait. */
export function cannotWait(services: RequestServices, access: Access): LockstepError | undefined {
  const why = wrongRequest(services, access) ?? wrongToken(access);
  if (why === undefined) return undefined;
  return fail('badRequest', `"${access.request.path.replace(/\/$/, '')}" needs an approval, and ${why}`);
}

function wrongRequest(services: RequestServices, { request, match }: Access): string | undefined {
  const path = request.path.replace(/\/$/, '');
  if (OF_ITSELF.test(path)) return 'nothing can wait there: take the control group off this path';
  if (request.upload !== undefined || request.rawBody !== undefined) return 'a body that is not JSON is not kept';
  if (snapshotUse(request) !== undefined) return 'what is asked of a loaded snapshot cannot wait for one';
  const operation = match === undefined ? undefined : operationOf(match.path, request);
  return operation === undefined ? undefined : wrongOperation(services, operation);
}

function wrongOperation({ forward }: RequestServices, operation: Operation<never, unknown>): string | undefined {
  if (operation.form !== undefined || operation.otherReplies !== undefined) {
    return 'its reply is no JSON envelope that could be given later';
  }
  if (operation.writes === 'shared' && forward !== undefined) {
    return 'the hub does this write, and knows nothing of approvals given in a region: ask the hub';
  }
  return undefined;
}

function wrongToken({ token, control }: Access): string | undefined {
  if (token === undefined || token.record.type === 'batch') return 'a batch token cannot wait: use a service token';
  if (token.record.numUses === -1) {
    return 'the token had one use left, and the request would end with it: use another token';
  }
  if (token.record.entity === '' && control?.factors.some(({ selfAllowed }) => !selfAllowed) === true) {
    return 'a token without an entity could be its own approver: log in by an auth method that gives one';
  }
  return undefined;
}
