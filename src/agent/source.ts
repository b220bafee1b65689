/** What the server says about a secret: that it is there, that it is not, that we may not know, or nothing. */
import { ApiError } from '../client/api-error.ts';
import type { Client } from '../client/client.ts';
import type { Envelope } from '../client/envelope.ts';
import { isObject } from '../client/json.ts';
import { explain } from '../client/explain.ts';
import type { SecretData } from './render.ts';

/** What is asked of the server. */
export interface Question {
  readonly kind: 'read' | 'list';
  readonly path: string;
  /** Whether its absence is an answer, too: then nothing waits for it, and nobody is told. */
  readonly optional: boolean;
}

/** What it is known by: for a plain read its path, as in events and acknowledgements. */
export const keyOf = ({ kind, path }: Question): string => (kind === 'read' ? path : `LIST ${path}`);

/** Whether changes of what is asked for can be pushed: those of lists, of chosen versions and of the server's own paths cannot. */
export const isPushed = ({ kind, path }: Question): boolean => kind === 'read' && !/^sys\/|\?/.test(path);

/** How long what was read may be used, where the server says so. */
export interface Lease {
  readonly id: string;
  readonly seconds: number;
  readonly renewable: boolean;
}

export interface Found {
  readonly data: SecretData;
  readonly version: number | undefined;
  /** Of KV version 2, what stands beside `data`. */
  readonly metadata?: SecretData | undefined;
  readonly lease?: Lease | undefined;
}

export type Answer =
  | ({ readonly kind: 'found' } & Found)
  /** Deleted, or never there. */
  | { readonly kind: 'missing'; readonly destroyed: boolean }
  | { readonly kind: 'denied' }
  /** The server's words against the request itself. */
  | { readonly kind: 'failed'; readonly why: string }
  /** `behind`: it has not reached what we have seen already. */
  | { readonly kind: 'unreachable'; readonly why: string; readonly behind: boolean };

const WAITS = 'a policy asks that others approve each read (control group), which an agent cannot wait for';

/** Reads any path, a secret of KV version 1 or 2 among others. Rejects only with the signal's reason. */
export async function readSecret(client: Client, question: Question, signal: AbortSignal): Promise<Answer> {
  try {
    const found = await asked(client, question, signal);
    // Nobody asked for a wrapped reply: the secret may well be there.
    if (found?.wrap_info !== undefined) return { kind: 'failed', why: WAITS };
    const data = found?.data ?? undefined;
    if (data === undefined) return { kind: 'missing', destroyed: false };
    return { ...versioned(data), ...leaseOf(found) };
  } catch (error) {
    signal.throwIfAborted();
    const why = explain(error);
    if (!(error instanceof ApiError)) return { kind: 'unreachable', why, behind: false };
    if (error.status === 401 || error.status === 403) return { kind: 'denied' };
    const lasting = error.status < 500 && ![408, 412, 429].includes(error.status);
    return lasting ? { kind: 'failed', why } : { kind: 'unreachable', why, behind: error.status === 412 };
  }
}

function asked(client: Client, { kind, path }: Question, signal: AbortSignal): Promise<Envelope | undefined> {
  if (kind === 'list') return client.list(path, { signal });
  const at = path.indexOf('?');
  if (at < 0) return client.read(path, { signal });
  return client.read(path.slice(0, at), { signal, query: Object.fromEntries(new URLSearchParams(path.slice(at))) });
}

function leaseOf(found: Envelope | undefined): { readonly lease?: Lease } {
  if (found === undefined || found.lease_id === '' || !(found.lease_duration > 0)) return {};
  return { lease: { id: found.lease_id, seconds: found.lease_duration, renewable: found.renewable } };
}

/** Version 2 answers with `data` beside `metadata`; where a version was deleted, `data` is null. */
function versioned(found: SecretData): Answer {
  const { data, metadata } = found;
  if (!isObject(metadata) || !('created_time' in metadata) || typeof metadata['version'] !== 'number') {
    return { kind: 'found', data: found, version: undefined };
  }
  if (isObject(data)) return { kind: 'found', data, version: metadata['version'], metadata };
  return { kind: 'missing', destroyed: metadata['destroyed'] === true };
}
