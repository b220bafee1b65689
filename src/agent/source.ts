/** What the server says about a secret: that it is there, that it is not, that we may not know, or nothing. */
import { ApiError } from '../client/api-error.ts';
import type { Client } from '../client/client.ts';
import { isObject } from '../client/json.ts';
import { explain } from '../client/explain.ts';
import type { SecretData } from './render.ts';

export type Answer =
  | { readonly kind: 'found'; readonly data: SecretData; readonly version: number | undefined }
  /** Deleted, or never there. */
  | { readonly kind: 'missing'; readonly destroyed: boolean }
  | { readonly kind: 'denied' }
  /** The server's words against the request itself. */
  | { readonly kind: 'failed'; readonly why: string }
  /** `behind`: it has not reached what we have seen already. */
  | { readonly kind: 'unreachable'; readonly why: string; readonly behind: boolean };

const WAITS = 'a policy asks that others approve each read (control group), which an agent cannot wait for';

/** Reads a secret of KV version 1 or 2. Rejects only with the signal's reason. */
export async function readSecret(client: Client, path: string, signal: AbortSignal): Promise<Answer> {
  try {
    const found = await client.read(path, { signal });
    // Nobody asked for a wrapped reply: the secret may well be there.
    if (found?.wrap_info !== undefined) return { kind: 'failed', why: WAITS };
    const data = found?.data ?? undefined;
    return data === undefined ? { kind: 'missing', destroyed: false } : versioned(data);
  } catch (error) {
    signal.throwIfAborted();
    const why = explain(error);
    if (!(error instanceof ApiError)) return { kind: 'unreachable', why, behind: false };
    if (error.status === 401 || error.status === 403) return { kind: 'denied' };
    const lasting = error.status < 500 && ![408, 412, 429].includes(error.status);
    return lasting ? { kind: 'failed', why } : { kind: 'unreachable', why, behind: error.status === 412 };
  }
}

/** Version 2 answers with `data` beside `metadata`; where a version was deleted, `data` is null. */
function versioned(found: SecretData): Answer {
  const { data, metadata } = found;
  if (!isObject(metadata) || !('created_time' in metadata) || typeof metadata['version'] !== 'number') {
    return { kind: 'found', data: found, version: undefined };
  }
  if (isObject(data)) return { kind: 'found', data, version: metadata['version'] };
  return { kind: 'missing', destroyed: metadata['destroyed'] === true };
}
