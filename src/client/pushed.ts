/** Which paths' changes are pushed to us. */
import type { Logger } from '../lib/log.ts';
import { ApiError } from './api-error.ts';
import type { Client } from './client.ts';
import { explain } from './explain.ts';

export interface Pushed {
  readonly paths: readonly string[];
  /** What the node showed before anything was read; undefined where it could not be asked. */
  readonly index: string | undefined;
}

interface Question {
  readonly paths: readonly string[];
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * The paths that the token may subscribe to: the server leaves out events of any other silently, so that to acknowledge
 * those would be a lie. Rejects as `Client` does.
 */
export async function mayFollow(client: Client, paths: readonly string[], signal: AbortSignal): Promise<Pushed> {
  const options = { replay: 'safe', signal } as const;
  const reply = await client.request('POST', 'sys/capabilities-self', { paths }, options);
  const body = JSON.parse(reply.body) as { readonly data?: Readonly<Record<string, unknown>> };
  return { paths: paths.filter((path) => maySubscribe(body.data?.[path])), index: reply.index };
}

/** As `mayFollow`. Where it may not ask there are none: the paths are polled. Rejects when the server cannot be asked now. */
export async function pushedPaths(client: Client, { paths, log, signal }: Question): Promise<Pushed> {
  if (paths.length === 0) return { paths: [], index: undefined };
  try {
    const allowed = await mayFollow(client, paths, signal);
    if (allowed.paths.length < paths.length) {
      const lacking = paths.filter((path) => !allowed.paths.includes(path));
      log.warn('no capability "subscribe": changes are noticed by polling only', { paths: lacking });
    }
    return allowed;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status >= 500 || error.status === 429) throw error;
    log.warn('cannot ask for capabilities', { error: explain(error) });
    return { paths: [], index: undefined };
  }
}

function maySubscribe(capabilities: unknown): boolean {
  if (!Array.isArray(capabilities)) return false;
  return capabilities.includes('root') || (capabilities.includes('subscribe') && capabilities.includes('read'));
}

/** The server takes this many. */
const mostPaths = 256;

/** Too many paths are folded into the folders that hold them. */
export function subscriptionPaths(paths: readonly string[]): readonly string[] {
  let folded = [...paths];
  let depth = Math.max(...paths.map((path) => path.split('/').length)) - 1;
  while (folded.length > mostPaths && depth > 0) {
    const kept = depth;
    folded = [...new Set(folded.map((path) => fold(path, kept)))];
    depth -= 1;
  }
  return folded;
}

function fold(path: string, depth: number): string {
  const parts = path.split('/');
  return parts.length <= depth ? path : `${parts.slice(0, depth).join('/')}/*`;
}

/** Whether an event speaks of what is followed: by its name, as part of a mount that changed, or below a prefix (`…/*`). */
export function covers(told: string, own: string): boolean {
  if (told === own) return true;
  return (
    (told.endsWith('*') && own.startsWith(told.slice(0, -1))) ||
    (own.endsWith('*') && told.startsWith(own.slice(0, -1)))
  );
}
