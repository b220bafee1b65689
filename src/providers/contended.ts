/** Writes under check-and-set: whoever comes second looks again, and writes what then is to be written. */
import { ProviderProblem } from './contract.ts';

/** Looks at what is there, and writes; more than so many that write at once are told to come back. */
const TRIES = 8;

export interface Contended {
  /** What is written, as a message names it. */
  readonly key: string;
  /** Whether somebody else wrote between the look and the write. */
  readonly isConflict: (error: unknown) => boolean;
}

/** Calls `write` until nobody came between. Rejects as it does; with `ProviderProblem` when there is no end of it. */
export async function contended<T>({ key, isConflict }: Contended, write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (tries < TRIES) continue;
      const why = `cannot write "${key}": others write it at the same time: try again`;
      throw new ProviderProblem('unreachable', why, { cause: error });
    }
  }
}
