/** What the audit is told of a request in recovery mode. */
import type { LockstepError } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import type { AuditedCall, AuditedMount, AuditedResponse } from '../audit/entry.ts';

const MOUNT: AuditedMount = {
  ...{ point: 'sys/', type: 'system', accessor: '', class: 'secret' },
  clearRequestKeys: ['encoding', 'after', 'limit', 'nonce'],
  // Names of records, which the path of a later request would show as well.
  clearResponseKeys: ['keys', 'nonce'],
};

/** Without the share that a request brings: not even its hash is of use to anybody. */
function dataOf({ body, query }: Request): JsonObject {
  const { key: _, ...rest }: JsonObject = { ...query, ...body };
  return rest;
}

export function auditedRequest(request: Request, refusal: LockstepError | undefined): AuditedCall {
  return {
    auth: {
      ...{ displayName: 'recovery', policies: [], tokenPolicies: [], entityId: '' },
      ...{ tokenType: 'recovery', tokenTtl: 0, issuedAt: 0, clientToken: request.token },
      policyResults: { allowed: refusal === undefined, grantingPolicies: [] },
    },
    request: {
      ...{ id: request.id, operation: request.verb, mount: MOUNT, clientToken: request.token },
      ...{ namespace: { id: 'root', path: '' }, path: request.path, data: dataOf(request) },
      ...{ remoteAddress: request.address, remotePort: request.port, wrapTtl: 0 },
    },
    error: refusal?.message,
  };
}

export function auditedReply({ reply, errors }: Outcome): AuditedResponse {
  const error = errors === undefined || errors.length === 0 ? undefined : errors.join('; ');
  return { data: error === undefined ? (reply?.data ?? reply?.bare) : { error }, error };
}
