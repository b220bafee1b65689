/** Requests whose body is large and not read yet: what a rate limit refuses anyway is refused without it (CVE-2025-12044). */
import { isLockstepError } from '../../errors.ts';
import type { Outcome, Request } from '../../framework/request.ts';
import type { RequestServices } from '../services.ts';
import { lookUp } from './access.ts';
import { countedOf } from './counted.ts';
import { isInline } from './inline.ts';
import { failure, withStanding } from './pipeline.ts';

/** undefined: nothing is said yet, the body is to be read. */
export function refusedUnread(services: RequestServices, request: Request): Outcome | undefined {
  const { quotas } = services;
  if (!quotas.active) return undefined;
  try {
    const asked = lookUp(services, request);
    // It is counted by whom its login turns out to be.
    if (isInline(asked)) return undefined;
    const { headers, refusal } = quotas.admitUnread(countedOf(asked)) ?? {};
    if (refusal === undefined) return undefined;
    return withStanding(services, { ...failure(request, refusal), headers: { ...headers } });
  } catch (error) {
    // What is wrong with it is said once it is served.
    if (isLockstepError(error)) return undefined;
    throw error;
  }
}
