/** What the server says about a secret: that it is there, that it is not, that we may not know, or nothing. */
import { ApiError } from '../client/api-error.ts';
import type { Client } from '../client/client.ts';
import type { Envelope } from '../client/envelope.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import { isObject } from '../client/json.ts';
import { explain } from '../client/explain.ts';
import { leaseOf, leaseOfMade, withoutAnswer, type Lease } from './leases.ts';
import type { SecretData } from './render.ts';

/** What is asked of the server. */
export interface Question {
  /** `write` makes something, with each asking another. */
  readonly kind: 'read' | 'list' | 'write';
  readonly path: string;
  /** What a `write` sends. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** The file whose content stands for an answer; it is asked for this file alone. */
  readonly file?: string | undefined;
  /** Looks at that file, before anything is made. */
  readonly inPlace?: () => InPlace | undefined;
  /** Whether its absence is an answer, too: then nothing waits for it, and nobody is told. */
  readonly optional: boolean;
}

/** What was made before, and how much of its time has passed. Seconds. */
export interface InPlace {
  readonly data: SecretData;
  readonly seconds: number;
  readonly age: number;
}

/** What it is known by: for a plain read its path, as in events and acknowledgements. It shows nothing of a body. */
export function keyOf({ kind, path, body, file }: Question): string {
  if (kind === 'read') return path;
  return kind === 'list' ? `LIST ${path}` : `WRITE ${path} ${sha256(canonicalJson({ body, file })).toString('hex')}`;
}

/** Whether changes of what is asked for can be pushed: those of lists, of chosen versions and of the server's own paths cannot. */
export const isPushed = ({ kind, path }: Question): boolean => kind === 'read' && !/^sys\/|\?/.test(path);

export interface Found {
  readonly data: SecretData;
  readonly version: number | undefined;
  /** Of KV version 2, what stands beside `data`. */
  readonly metadata?: SecretData | undefined;
  readonly lease?: Lease | undefined;
}

export type Answer =
  | ({ readonly kind: 'found' } & Found)
  /** What is held stays, from now on under this lease; without one, as it was. */
  | { readonly kind: 'kept'; readonly lease?: Lease }
  /** Deleted, or never there. */
  | { readonly kind: 'missing'; readonly destroyed: boolean; readonly lease?: Lease }
  | { readonly kind: 'denied' }
  /** The server's words against the request itself. */
  | { readonly kind: 'failed'; readonly why: string }
  /** `behind`: it has not reached what we have seen already. */
  | { readonly kind: 'unreachable'; readonly why: string; readonly behind: boolean };

const WAITS = 'a policy asks that others approve each read (control group), which an agent cannot wait for';

/** Who asks: leases that come of it are the session's. */
export interface Asking {
  readonly client: Client;
  readonly holder: object;
}

/** Reads any path, a secret of KV version 1 or 2 among others. Rejects only with the signal's reason. */
export async function readSecret({ client, holder }: Asking, question: Question, signal: AbortSignal): Promise<Answer> {
  try {
    const found = await asked(client, question, signal);
    // Nobody asked for a wrapped reply: the secret may well be there.
    if (found?.wrap_info !== undefined) return { kind: 'failed', why: WAITS };
    const data = found?.data ?? undefined;
    if (found === undefined || data === undefined) {
      // It was done all the same, and would be with each new connection.
      return {
        kind: 'missing',
        destroyed: false,
        ...(question.kind === 'write' ? { lease: withoutAnswer(holder) } : {}),
      };
    }
    if (question.kind === 'write')
      return { kind: 'found', data, version: undefined, lease: leaseOfMade(found, holder, Date.now()) };
    return versioned(data, leaseOf(found, holder));
  } catch (error) {
    signal.throwIfAborted();
    return unanswered(error);
  }
}

/** Renews the lease of what is held; undefined where that goes on no longer: then it is to be read anew. Rejects as `readSecret`. */
export async function renewLease(client: Client, lease: Lease, signal: AbortSignal): Promise<Answer | undefined> {
  try {
    const body = { lease_id: lease.id, increment: lease.first };
    const reply = await client.write('sys/leases/renew', body, { signal, replay: 'safe' });
    const { lease_duration: seconds = 0, renewable = false } = reply ?? {};
    // What is no number is less as well.
    return seconds >= Math.max(1, lease.first / 2)
      ? { kind: 'kept', lease: { ...lease, seconds, renewable } }
      : undefined;
  } catch (error) {
    signal.throwIfAborted();
    const answer = unanswered(error);
    return answer.kind === 'unreachable' ? answer : undefined;
  }
}

function unanswered(error: unknown): Answer {
  const why = explain(error);
  if (!(error instanceof ApiError)) return { kind: 'unreachable', why, behind: false };
  if (error.status === 401 || error.status === 403) return { kind: 'denied' };
  const lasting = error.status < 500 && ![408, 412, 429].includes(error.status);
  return lasting ? { kind: 'failed', why } : { kind: 'unreachable', why, behind: error.status === 412 };
}

function asked(client: Client, { kind, path, body }: Question, signal: AbortSignal): Promise<Envelope | undefined> {
  if (kind === 'list') return client.list(path, { signal });
  if (kind === 'write') return client.write(path, body, { signal });
  const at = path.indexOf('?');
  if (at < 0) return client.read(path, { signal });
  return client.read(path.slice(0, at), { signal, query: Object.fromEntries(new URLSearchParams(path.slice(at))) });
}

/** Version 2 answers with `data` beside `metadata`; where a version was deleted, `data` is null. */
function versioned(found: SecretData, lease: Lease | undefined): Answer {
  const { data, metadata } = found;
  if (!isObject(metadata) || !('created_time' in metadata) || typeof metadata['version'] !== 'number') {
    return { kind: 'found', data: found, version: undefined, lease };
  }
  if (isObject(data)) return { kind: 'found', data, version: metadata['version'], metadata, lease };
  return { kind: 'missing', destroyed: metadata['destroyed'] === true };
}
