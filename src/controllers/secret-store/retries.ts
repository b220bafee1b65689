/** `retrySettings` of a store: how often what it did not answer is asked again at once, before the controller's own pauses. */
import { isLockstepError } from '../../errors.ts';
import { durationMs } from '../../lib/duration.ts';
import { pause } from '../../lib/pause.ts';
import { ProviderProblem, type ProviderClient } from '../../providers/contract.ts';

export interface RetrySettings {
  readonly maxRetries?: number;
  /** A duration of Go; default 1s. */
  readonly retryInterval?: string;
}

/** Each is a request more of everybody who waits: a store that is away is not asked without end. */
const MOST = 10;

function millisecondsOf(retryInterval: string): number {
  try {
    return durationMs(retryInterval, 'retrySettings.retryInterval');
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    throw new ProviderProblem('invalid', error.message, { cause: error });
  }
}

const isOutage = (error: unknown): boolean => error instanceof ProviderProblem && error.kind === 'unreachable';

/**
 * The client as it is without settings. Reads are asked again, and the look at the store; writes are not, since nobody knows what became of the
 * first. Throws `ProviderProblem` for settings that are none.
 */
export function withRetries(client: ProviderClient, settings: RetrySettings = {}): ProviderClient {
  const { maxRetries = 0, retryInterval = '1s' } = settings;
  if (maxRetries < 0 || maxRetries > MOST)
    throw new ProviderProblem('invalid', `retrySettings.maxRetries is a number from 0 to ${String(MOST)}`);
  const interval = millisecondsOf(retryInterval);
  return maxRetries === 0 ? client : retrying(client, maxRetries, interval);
}

function retrying(client: ProviderClient, maxRetries: number, interval: number): ProviderClient {
  async function asked<T>(ask: () => Promise<T>, signal: AbortSignal, left = maxRetries): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (left === 0 || !isOutage(error)) throw error;
      await pause(interval, signal);
      if (signal.aborted) throw error;
      return asked(ask, signal, left - 1);
    }
  }
  const { members, find, push, checkMetadata, has, remove } = client;
  return {
    check: (signal) => asked(() => client.check(signal), signal),
    read: (reference, signal) => asked(() => client.read(reference, signal), signal),
    ...(members && { members: (reference, signal) => asked(() => members.call(client, reference, signal), signal) }),
    ...(find && { find: (query, signal) => asked(() => find.call(client, query, signal), signal) }),
    ...(has && { has: (name, signal) => asked(() => has.call(client, name, signal), signal) }),
    ...(push && { push: push.bind(client) }),
    ...(checkMetadata && { checkMetadata: checkMetadata.bind(client) }),
    ...(remove && { remove: remove.bind(client) }),
    close: () => {
      client.close();
    },
  };
}
