import { ApiError } from './api-error.ts';
import { ConnectionError } from './connection-error.ts';
import { toEnvelope, type Envelope } from './envelope.ts';
import { isObject, parseJson } from './json.ts';
import type { WireReply, WireRequest } from './transport.ts';

/** Bytes of a foreign body that a message repeats. */
const longestRaw = 1_000;

/** Throws `ApiError` for a status of 400 and more. */
export function throwIfRefused(reply: WireReply, request: WireRequest, url: string): void {
  if (reply.status < 400) return;
  const body = tryParse(reply.body);
  const fields = isObject(body) ? body : {};
  throw new ApiError({
    method: request.method,
    url,
    status: reply.status,
    errors: texts(fields['errors']),
    warnings: texts(fields['warnings']),
    raw: Array.isArray(fields['errors']) ? undefined : reply.body.slice(0, longestRaw).trimEnd(),
    retryAfterMs: parseRetryAfter(header(reply, 'retry-after')),
  });
}

export function namesReason(reply: WireReply): boolean {
  const body = tryParse(reply.body);
  return isObject(body) && texts(body['errors']).length > 0;
}

/** Undefined when the server answered without content. Throws `ConnectionError` when it is not the API that answered. */
export function readEnvelope(reply: WireReply, address: string): Envelope | undefined {
  if (reply.status === 204 || reply.body.trim() === '') return undefined;
  try {
    return toEnvelope(parseJson(reply.body));
  } catch (error) {
    throw notJson(reply, address, error);
  }
}

/**
 * Reads a 404. Undefined when nothing is there; a deleted version of a secret still carries its metadata. A 404 that is
 * not the API's own (a proxy's page) says nothing about the secret: it throws `ConnectionError`.
 */
export function readMissing(reply: WireReply, address: string): Envelope | undefined {
  const body = tryParse(reply.body);
  if (!isObject(body)) throw notJson(reply, address);
  const envelope = toEnvelope(body);
  return envelope.data !== null || (envelope.warnings?.length ?? 0) > 0 ? envelope : undefined;
}

function notJson(reply: WireReply, address: string, cause?: unknown): ConnectionError {
  const type = header(reply, 'content-type') ?? 'no content type';
  const hint = `it answered with something else than the API's JSON (${type}): is this the address of the server?`;
  return unusable(address, hint, 'NOT_JSON', cause);
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function tryParse(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** Seconds or an HTTP date (RFC 9110, section 10.2.3). */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

export function header(reply: WireReply, name: string): string | undefined {
  const value = reply.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function unusable(address: string, why: string, code: string, cause?: unknown): ConnectionError {
  return new ConnectionError(`${address}: ${why}`, { code, transient: false, sent: true }, { cause });
}
