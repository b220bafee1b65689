/** What all parts of an import share. */
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import type { Data } from '../pairs.ts';
import type { Filter } from './filter.ts';
import type { Kind, Report } from './report.ts';
import type { State } from './state.ts';

export type Mode = 'copy' | 'dry-run' | 'verify';

export interface Run {
  readonly mode: Mode;
  /** The source wins where the target was written by somebody else. */
  readonly overwrite: boolean;
  readonly parallel: number;
  readonly filter: Filter;
  readonly state: State;
  readonly report: Report;
  readonly now: () => number;
  /** The target, where the import begins. */
  readonly root: Client;
}

/** A namespace on both sides. */
export interface Scope {
  /** From where the import begins, with a closing slash; empty there. */
  readonly path: string;
  readonly source: Client;
  /** Undefined while the target has no such namespace: in a dry run, nothing is made. */
  readonly target: Client | undefined;
}

/** For what contents stand in: it is made where the filter reaches something below it. */
export const structural = (run: Run): Run => ({ ...run, filter: { ...run.filter, takes: () => true } });

/** Undefined when nothing is there. */
export async function readData(client: Client | undefined, path: string): Promise<Data | undefined> {
  return (await client?.read(path))?.data ?? undefined;
}

/** The names that a list answers with; none where nothing is there. */
export async function namesAt(client: Client, path: string): Promise<readonly string[]> {
  const keys = (await client.list(path))?.data?.['keys'];
  return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
}

/** All that an import writes can be written twice, so a reply that was lost is asked for again. */
export const again = { replay: 'safe' } as const;

/** False where it was refused, which ends the one thing that it is about; a server that is away or sealed ends the import. */
export async function guarded(
  run: Run,
  about: { kind: Kind; path: string },
  work: () => Promise<void>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 503 || error.status === 429) throw error;
    run.report.add({ ...about, outcome: 'failed', reason: reasonOf(error) });
    return false;
  }
}

/** The server's own words and which side said them; they hold names, never values. */
export function reasonOf({ method, url, status, errors }: ApiError): string {
  const { origin } = new URL(url);
  return `${origin} answered ${String(status)} to ${method}: ${errors.join('; ').replaceAll(/\s+/g, ' ').slice(0, 300) || 'no reason'}`;
}
