/** What was approved is done: the request as it was sent, by the rights of who asked as they are now, once. */
import { fail, isLockstepError, type LockstepError } from '../../errors.ts';
import type { Call } from '../../framework/call.ts';
import { envelope } from '../../framework/envelope.ts';
import type { Outcome } from '../../framework/request.ts';
import type { Reply } from '../../framework/reply.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { deferredAccess, type Access } from '../requests/access.ts';
import { asFailure, failure, run } from '../requests/pipeline.ts';
import type { Services } from '../services.ts';
import { wrapped } from '../wrapping/wrapped.ts';
import type { Found } from './control-groups.ts';
import { revived, type Waiting } from './waiting.ts';

const NOT_YET =
  'request needs further approval: sys/control-group/authorize gives it, sys/control-group/request says how it stands';

/** The request of who asked, judged by today's policies. Throws `badRequest` when its token is gone. */
function accessOf(services: Services, { request, tokenKey }: Waiting, signal: Call['signal']): Access {
  const namespace = services.namespaces.byId(request.namespace);
  const token = services.controls.tokenOf(tokenKey);
  if (namespace === undefined || token === undefined) {
    throw fail('badRequest', 'the token that asked is revoked or over, and the request with it: ask anew');
  }
  return deferredAccess(services, { request: revived(request, signal), namespace, token });
}

/** Whether all approvals are there that the policies ask for: those of then, and those of now. */
function isApproved({ controls }: Services, { waiting }: Found, { control }: Access): boolean {
  return controls.isApproved(waiting, control === undefined ? [] : controls.factorsOf(control));
}

/** As `sys/control-group/request` says it: what would be found now. */
export function isApprovedNow(services: Services, found: Found, { signal }: Pick<Call, 'signal'>): boolean {
  if (found.waiting.released !== undefined) return true;
  return isApproved(services, found, accessOf(services, found.waiting, signal));
}

/**
 * The reply of the request that `found` stands for. Throws `badRequest` while approvals are missing, and what the requester
 * would be told where it has lost the right meanwhile: then nothing is used up. From the moment it is taken it counts as
 * done, however it ends.
 */
export async function release(services: Services, found: Found, call: Pick<Call, 'signal'>): Promise<Reply> {
  const { controls, audit } = services;
  controls.assertWaits(found);
  const access = { ...accessOf(services, found.waiting, call.signal), released: found.token.record.accessor };
  if (!isApproved(services, found, access)) throw fail('badRequest', NOT_YET);
  if (access.error !== undefined) throw access.error;
  // On record before anything is used up or done.
  await audit.request(access);
  const { outcome, error } = await done(services, found, access);
  await audit.response(access, outcome);
  if (error !== undefined) throw error;
  return replyOf(outcome);
}

interface Done {
  readonly outcome: Outcome;
  readonly error?: LockstepError;
}

async function done(services: Services, found: Found, access: Access): Promise<Done> {
  const failed = (thrown: unknown): Done => {
    const error = asFailure(services, access.request, thrown);
    return { outcome: failure(access.request, error), error };
  };
  try {
    await services.controls.take(found);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return failed(error);
  }
  failpoint('control.taken');
  let result: Done;
  try {
    result = { outcome: await wrapped(services, access, await run(services, access)) };
  } catch (error) {
    result = failed(error);
  }
  failpoint('control.done');
  await services.controls.finish(found);
  return result;
}

/** In the form in which it would have been sent. */
function replyOf(outcome: Outcome): Reply {
  const { reply, status, headers } = outcome;
  if (status === 404 && reply?.data === undefined) throw fail('notFound');
  if (status === 204) return { status, headers };
  return { status, headers, raw: { contentType: 'application/json', body: envelope(outcome) } };
}
