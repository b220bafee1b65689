/** Shares that people give one after the other until there are enough. */
import { fail } from '../errors.ts';
import { equalSecret } from '../lib/crypto/hash.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import { combineShares, shareBytes, type Split } from './shamir/shares.ts';

export class GivenShares {
  #shares: Uint8Array[] = [];

  get count(): number {
    return this.#shares.length;
  }

  get all(): readonly Uint8Array[] {
    return this.#shares;
  }

  /** False when it was given before: it is not counted again. Its bytes stay the caller's to wipe. Throws `badRequest`. */
  add(share: Uint8Array | undefined, split: Split): boolean {
    const expected = shareBytes(split);
    if (share?.length !== expected) {
      throw fail('badRequest', `'key' must be a share of ${expected} bytes, in hex or base64`);
    }
    // No early end: the time tells nothing of which share it equals.
    let known = false;
    for (const given of this.#shares) known = equalSecret(share, given) || known;
    if (!known) this.#shares.push(pinnedCopy(share));
    return !known;
  }

  /** The key that they give, right or wrong (`combineShares`); they are forgotten. */
  async combine(split: Split): Promise<Uint8Array | undefined> {
    try {
      return await combineShares(this.#shares, split);
    } finally {
      this.forget();
    }
  }

  forget(): void {
    for (const share of this.#shares) share.fill(0);
    this.#shares = [];
  }
}
