/** Requests to a service of AWS: its client is loaded and opened at the first, and opened anew where keys were refused. */
import { ProviderProblem } from '../contract.ts';
import { MOST_FOUND, tooMany } from '../in-turns.ts';
import { kept, type Kept } from '../kept.ts';
import { problemOf } from './problem.ts';

interface ServiceClient {
  readonly destroy: () => void;
}

/** What each request is sent with. */
export interface Abort {
  readonly abortSignal: AbortSignal;
}

export class AwsSession<Client extends ServiceClient> {
  readonly #client: Kept<Client>;
  readonly #opened = new Set<Client>();

  constructor(open: () => Promise<Client>) {
    this.#client = kept(async () => {
      const client = await open();
      this.#opened.add(client);
      return client;
    }, Number.POSITIVE_INFINITY);
  }

  /** Rejects with `ProviderProblem`, or the signal's reason. `doing` names it for a message. */
  async ask<T>(doing: string, signal: AbortSignal, work: (client: Client, abort: Abort) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work(await this.#client.get(), { abortSignal: signal });
    } catch (error) {
      const problem = problemOf(error, doing, signal);
      // Keys may be others by now: the next request reads them anew.
      if (problem instanceof ProviderProblem && problem.kind === 'denied') this.#client.drop();
      throw problem;
    }
  }

  close(): void {
    for (const each of this.#opened) each.destroy();
    this.#opened.clear();
  }
}

interface Page<T> {
  readonly items: readonly T[] | undefined;
  readonly next: string | undefined;
}

/** `ask` is given what its request says of the page. Rejects with `ProviderProblem` where there is too much. */
export async function allPages<T>(
  ask: (which: { readonly NextToken?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let next: string | undefined;
  do {
    const page: Page<T> = await ask(next === undefined ? {} : { NextToken: next });
    all.push(...(page.items ?? []));
    if (all.length > MOST_FOUND) throw tooMany();
    ({ next } = page);
  } while (next !== undefined && next !== '');
  return all;
}
