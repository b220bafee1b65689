/** What one run of a profile may do, all that it calls included: counted, so that the same run ends alike. */
import { fail } from '../../errors.ts';

export interface ProfileBounds {
  readonly requests: number;
  /** Of everything that was asked, answered and worked out, in characters of its JSON. */
  readonly size: number;
  /** Characters that programs and templates are given to read. */
  readonly read: number;
  /** Units of all CEL programs together (docs/adr/0031-cel.md). */
  readonly cel: number;
}

export const PROFILE_BOUNDS: ProfileBounds = {
  requests: 256,
  size: 8 * 1024 * 1024,
  read: 64 * 1024 * 1024,
  cel: 500_000,
};

export class ProfileBudget {
  readonly #bounds: ProfileBounds;
  #requests = 0;
  #size = 0;
  #read = 0;
  #cel = 0;

  constructor(bounds: ProfileBounds = PROFILE_BOUNDS) {
    this.#bounds = bounds;
  }

  get requests(): number {
    return this.#requests;
  }

  /** Throws `badRequest`, as the others do, once there is nothing left. */
  request(): void {
    this.#requests += 1;
    if (this.#requests > this.#bounds.requests) {
      throw fail('badRequest', `more than ${String(this.#bounds.requests)} requests in one run`);
    }
  }

  /** Answers how much it is. */
  keep(value: unknown): number {
    const size = sizeOf(value);
    this.#size += size;
    if (this.#size > this.#bounds.size) {
      throw fail('badRequest', `requests, replies and values are larger than ${String(this.#bounds.size)} together`);
    }
    return size;
  }

  read(size: number): void {
    this.#read += size;
    if (this.#read > this.#bounds.read) {
      throw fail('badRequest', 'programs and templates read too much: let them be fewer, or the replies smaller');
    }
  }

  get cel(): number {
    return this.#bounds.cel - this.#cel;
  }

  spendCel(units: number): void {
    this.#cel += units;
  }
}

const sizeOf = (value: unknown): number =>
  typeof value === 'string' ? value.length : (JSON.stringify(value) ?? '').length;
