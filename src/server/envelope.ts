/** Vault's reply formats: the envelope, bare objects, raw bytes and errors. One serialisation a reply. */
import { envelope } from '../framework/envelope.ts';
import type { Reply } from '../framework/reply.ts';
import type { Outcome } from '../framework/request.ts';

export interface Encoded {
  readonly status: number;
  /** Made anew for each reply: the connection's own are added to it. */
  readonly headers: Record<string, string>;
  /** Absent: no body, and no `Content-Length` (204). */
  readonly body: string | Uint8Array | undefined;
  /** The body piece by piece, without a `Content-Length`. */
  readonly stream?: AsyncIterable<string>;
  /** Instead of a body: see `Reply.file`. */
  readonly file?: string;
}

const json = 'application/json';
/** Seconds. What is refused for lack of room or of a seal is worth another try soon. */
const retryAfter = '1';

export function encodeOutcome(outcome: Outcome): Encoded {
  const { reply } = outcome;
  const headers: Record<string, string> = { 'Cache-Control': 'no-store' };
  if (reply?.headers !== undefined) Object.assign(headers, reply.headers);
  Object.assign(headers, outcome.headers);
  // A refusal that a standard gives its own form has a reply beside it.
  const isUsual = outcome.errors !== undefined && reply?.bare === undefined;
  if (isUsual) return encodeErrors(outcome.status, outcome.errors, headers);
  const own = reply === undefined ? undefined : unenveloped(outcome.status, reply, headers);
  if (own !== undefined) return own;
  if (isSilent(outcome)) return { status: outcome.status, headers, body: undefined };
  if (outcome.status >= 400 && isBare(outcome)) return encodeErrors(outcome.status, [], headers);
  return withBody(outcome.status, envelope(outcome), json, headers);
}

/** 204; and "accepted" with nothing to say has no body either, as by Vault. */
function isSilent({ status, reply, warnings }: Outcome): boolean {
  return status === 204 || (status === 202 && reply?.data === undefined && warnings === null);
}

function unenveloped(status: number, reply: Reply, headers: Record<string, string>): Encoded | undefined {
  const { raw, bare, stream, file } = reply;
  if (raw !== undefined) return withBody(status, raw.body, raw.contentType, headers);
  if (bare !== undefined) return withBody(status, `${JSON.stringify(bare)}\n`, json, headers);
  const streamed = stream ?? file;
  if (streamed === undefined) return undefined;
  headers['Content-Type'] ??= streamed.contentType;
  return {
    status,
    headers,
    body: undefined,
    ...(stream === undefined ? { file: file?.path ?? '' } : { stream: stream.body }),
  };
}

export function encodeErrors(
  status: number,
  errors: readonly string[],
  headers: Record<string, string> = { 'Cache-Control': 'no-store' },
): Encoded {
  if (status === 429 || status === 503) headers['Retry-After'] ??= retryAfter;
  return withBody(status, `${JSON.stringify({ errors })}\n`, json, headers);
}

/** A 404 that carries data (a deleted version of a KV v2 secret) or warnings is an envelope; any other is an error. */
function isBare({ reply, warnings, auth, wrapInfo }: Outcome): boolean {
  return reply?.data === undefined && warnings === null && auth === null && wrapInfo === null;
}

function withBody(
  status: number,
  body: string | Uint8Array,
  contentType: string,
  headers: Record<string, string>,
): Encoded {
  headers['Content-Type'] ??= contentType;
  return { status, headers, body };
}
