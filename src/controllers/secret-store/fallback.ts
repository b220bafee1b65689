/**
 * Stores that stand in for one that does not answer, in their order. Only an outage moves on to the next: what a store says is
 * said, and who is denied is denied. What a stand-in lacks may be there all the same, so that is no answer.
 */
import type { Breaker } from '../../lib/breaker.ts';
import { ProviderProblem, type Found, type ProviderClient, type Query } from '../../providers/contract.ts';
import { membersAt, type Members } from '../../providers/members.ts';

export interface Candidate {
  /** As messages call it: `SecretStore "eu"`. */
  readonly name: string;
  /** Throws `ProviderProblem` where it may not be used. */
  readonly open: () => ProviderClient;
  /** Shared by all who ask this store. */
  readonly breaker: Breaker;
}

/** Milliseconds that one of several is waited for; then the next is asked. */
const WAIT_MS = 10_000;
const CHECK_MS = 5_000;

const isOutage = (error: unknown): error is ProviderProblem =>
  error instanceof ProviderProblem && error.kind === 'unreachable';

type Ask<T> = (client: ProviderClient, signal: AbortSignal) => Promise<T>;

class Ordered {
  readonly #candidates: readonly Candidate[];
  readonly #wait: number;

  constructor(candidates: readonly Candidate[], wait: number) {
    this.#candidates = candidates;
    this.#wait = wait;
  }

  /** `isThere`: whether what a stand-in says can be believed. */
  async ask<T>(ask: Ask<T>, isThere: (answer: T) => boolean, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const why: string[] = [];
    const checks: Promise<boolean>[] = [];
    for (const [at, candidate] of this.#candidates.entries()) {
      if (candidate.breaker.state !== 'closed') {
        if (candidate.breaker.state === 'due') checks.push(recovered(candidate));
        why.push(`${candidate.name} did not answer a moment ago`);
        continue;
      }
      const answer = await tried(candidate, ask, { first: at === 0, wait: this.#wait, signal });
      if ('problem' in answer) why.push(`${candidate.name}: ${answer.problem.message}`);
      else if (at === 0 || isThere(answer.value)) return answer.value;
      else why.push(`${candidate.name}, which stands in for it, has it not`);
    }
    // Nobody is left to serve meanwhile: whoever comes back serves.
    if ((await Promise.all(checks)).includes(true)) return this.ask(ask, isThere, signal);
    throw new ProviderProblem('unreachable', why.join('; '));
  }
}

const find: (query: Query) => Ask<Members> = (query) => (client, signal) => {
  if (client.find === undefined) throw new ProviderProblem('invalid', 'this provider cannot find secrets by name');
  return client.find(query, signal);
};

/**
 * Answers by the first that does. The first is the store itself: it alone is written to. Throws `ProviderProblem` where that
 * cannot work. `wait`: milliseconds.
 */
export function withFallbacks(candidates: readonly Candidate[], wait = WAIT_MS): ProviderClient {
  const own = candidates[0]?.open();
  if (own === undefined) throw new TypeError('a store is its own first candidate');
  const ordered = new Ordered(candidates, wait);
  const isFound = ({ found }: Found<unknown>): boolean => found;
  return {
    check: (signal) => own.check(signal),
    read: (reference, signal) => ordered.ask((client, limit) => client.read(reference, limit), isFound, signal),
    members: (reference, signal) =>
      ordered.ask((client, limit) => membersAt(client, reference, limit), isFound, signal),
    find: (query, signal) => ordered.ask(find(query), ({ size }) => size > 0, signal),
    ...(own.push === undefined ? {} : { push: own.push.bind(own) }),
    ...(own.checkMetadata === undefined ? {} : { checkMetadata: own.checkMetadata.bind(own) }),
    ...(own.has === undefined ? {} : { has: own.has.bind(own) }),
    ...(own.remove === undefined ? {} : { remove: own.remove.bind(own) }),
    // Those that it asks are closed with their stores.
    close: () => undefined,
  };
}

interface Trying {
  readonly first: boolean;
  readonly wait: number;
  readonly signal: AbortSignal;
}

async function tried<T>(candidate: Candidate, ask: Ask<T>, { first, wait, signal }: Trying) {
  const late = AbortSignal.timeout(wait);
  try {
    const value = await ask(candidate.open(), AbortSignal.any([signal, late]));
    candidate.breaker.succeeded();
    return { value };
  } catch (error) {
    signal.throwIfAborted();
    const problem = late.aborted
      ? new ProviderProblem('unreachable', `no answer in ${String(wait / 1000)} s`, { cause: error })
      : error;
    // What is wrong with a stand-in is no word on the secret; what the store itself says is.
    if (isOutage(problem)) candidate.breaker.failed();
    else if (first || !(problem instanceof ProviderProblem)) throw problem;
    return { problem };
  }
}

const checking = new WeakMap<Breaker, Promise<boolean>>();

/** Whether it answers again; one look at a time, for all who ask. */
function recovered({ breaker, open }: Candidate): Promise<boolean> {
  const under = checking.get(breaker);
  if (under !== undefined) return under;
  const look = async (): Promise<boolean> => {
    try {
      await open().check(AbortSignal.timeout(CHECK_MS));
      breaker.succeeded();
      return true;
    } catch (error) {
      // A refusal is an answer: what is asked next says more.
      if (error instanceof ProviderProblem && !isOutage(error)) breaker.succeeded();
      else breaker.failed();
      return breaker.state === 'closed';
    } finally {
      checking.delete(breaker);
    }
  };
  const made = look();
  checking.set(breaker, made);
  return made;
}
