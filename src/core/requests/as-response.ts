/** An outcome as requests that are made later can refer to it: OpenBao's form. */
import { rm } from 'node:fs/promises';
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Outcome } from '../../framework/request.ts';
import { refusalOf } from './refusal.ts';

/** As OpenBao's engine sees a response, and the lease beside it. `null`: nothing was there, or nothing was to be said. */
export function responseOf(outcome: Outcome): Promise<JsonObject | null> | JsonObject | null {
  const { errors, status, reply } = outcome;
  // That nothing is there is an answer.
  if (status === 404 && isEmpty(outcome)) return null;
  if (errors !== undefined || (status >= 400 && isEmpty(outcome))) throw refusalOf(outcome);
  if (reply?.stream !== undefined || reply?.file !== undefined) return unread(outcome);
  if (isEmpty(outcome) && outcome.warnings === null) return null;
  return responseFields({ ...outcome, data: dataOf(outcome) });
}

const dataOf = (outcome: Outcome): JsonObject | undefined =>
  outcome.reply?.data ?? outcome.reply?.bare ?? rawOf(outcome);

const isEmpty = (outcome: Outcome): boolean =>
  (outcome.errors ?? []).length === 0 &&
  dataOf(outcome) === undefined &&
  outcome.auth === null &&
  outcome.wrapInfo === null;

interface Shown extends Partial<
  Pick<Outcome, 'auth' | 'wrapInfo' | 'warnings' | 'leaseId' | 'leaseDuration' | 'renewable'>
> {
  readonly data: unknown;
}

export function responseFields({ data, auth, wrapInfo, warnings, ...lease }: Shown): JsonObject {
  const { leaseId = '', leaseDuration = 0, renewable = false } = lease;
  return {
    ...{ auth: auth ?? null, data: data ?? null, headers: null, redirect: '' },
    ...{ warnings: warnings ?? null, wrap_info: wrapInfo ?? null },
    ...{ lease_id: leaseId, lease_duration: leaseDuration, renewable },
  };
}

/** What is no JSON, as OpenBao's engine shows it. */
function rawOf({ status, reply }: Outcome): JsonObject | undefined {
  const raw = reply?.raw;
  if (raw === undefined) return undefined;
  const body = typeof raw.body === 'string' ? raw.body : Buffer.from(raw.body).toString('base64');
  return { http_content_type: raw.contentType, http_raw_body: body, http_status_code: status };
}

async function unread({ reply }: Outcome): Promise<never> {
  if (reply?.file !== undefined) await rm(reply.file.path, { force: true });
  await reply?.stream?.body[Symbol.asyncIterator]().return?.();
  throw fail('badRequest', 'the reply is a file or a stream, which no later request can refer to');
}
