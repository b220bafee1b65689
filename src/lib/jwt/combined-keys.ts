/** The keys of several issuers as one: a token of any of them holds. */
import { KeyList, type KeySource } from './keys.ts';
import { ServerUnavailable } from '../outgoing/unavailable.ts';

type Settled = PromiseSettledResult<KeyList | undefined>;

const isHere = (one: Settled): one is PromiseFulfilledResult<KeyList | undefined> => one.status === 'fulfilled';

class CombinedKeys implements KeySource {
  readonly #sources: readonly KeySource[];
  /** What the list that was last given is made of. */
  #parts: readonly (KeyList | undefined)[] = [];
  #list: KeyList | undefined;

  constructor(sources: readonly KeySource[]) {
    this.#sources = sources;
  }

  readonly current = async (signal: AbortSignal): Promise<KeyList> => {
    const settled = await Promise.allSettled(this.#sources.map((source) => source.current(signal)));
    // One that is down does not take the others with it.
    if (!settled.some(isHere)) throw reasonOf(settled);
    return this.#of(settled.map((one) => (isHere(one) ? one.value : undefined)));
  };

  readonly newer = async (than: KeyList, signal: AbortSignal): Promise<KeyList | undefined> => {
    if (this.#list !== undefined && this.#list !== than) return this.#list;
    const parts = this.#parts;
    const asked = parts.map(async (part, at) => {
      const source = this.#sources[at];
      return part === undefined ? source?.current(signal) : source?.newer(part, signal);
    });
    const settled: readonly Settled[] = await Promise.allSettled(asked);
    const next = this.#of(settled.map((one, at) => (isHere(one) ? (one.value ?? parts[at]) : parts[at])));
    if (next !== than) return next;
    if (!settled.every(isHere)) throw reasonOf(settled);
    return undefined;
  };

  /** The same list for the same parts. */
  #of(parts: readonly (KeyList | undefined)[]): KeyList {
    if (this.#list !== undefined && parts.every((part, at) => part === this.#parts[at])) return this.#list;
    this.#parts = parts;
    this.#list = new KeyList(parts.flatMap((part) => part?.keys ?? []));
    return this.#list;
  }
}

function reasonOf(settled: readonly Settled[]): Error {
  const failed = settled.find((one) => one.status === 'rejected');
  const reason: unknown = failed?.reason;
  return reason instanceof Error ? reason : new ServerUnavailable('unknown');
}

/** Of at least one. */
export function combinedKeys(sources: readonly KeySource[]): KeySource {
  return new CombinedKeys(sources);
}
