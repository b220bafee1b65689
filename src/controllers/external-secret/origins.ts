/** Where what was read for an ExternalSecret is from: what its status says of it. */
import type { Origin } from '../../providers/contract.ts';
import type { StoreName } from '../secret-store/clients.ts';
import type { Source } from './definition.ts';

/** A status is read by everybody who watches: beyond so many, the first ones stand for the rest. */
const MOST = 64;
/** Seconds: a region hears its hub many times within it. */
const CURRENT = 60;

export class Origins {
  readonly #sources = new Map<string, Source>();
  #age = 0;

  /** For the reference by which that key is read. */
  of({ kind, name }: StoreName, key: string): (origin: Origin) => void {
    return ({ version, index, region, age = 0 }) => {
      const store = `${kind}/${name}`;
      this.#age = Math.max(this.#age, age);
      if (this.#sources.size >= MOST || (version === undefined && index === undefined && region === undefined)) return;
      this.#sources.set(`${store} ${key}`, {
        ...{ store, key },
        ...(version === undefined ? {} : { version }),
        ...(index === undefined ? {} : { index }),
        ...(region === undefined ? {} : { region }),
      });
    };
  }

  /** In the order in which they were read first. */
  get sources(): readonly Source[] {
    return [...this.#sources.values()];
  }

  /** Milliseconds since the epoch: since when a region that answered has not heard its hub; undefined: all of them do. */
  staleSince(now: number): number | undefined {
    return this.#age < CURRENT ? undefined : now - this.#age * 1_000;
  }
}
