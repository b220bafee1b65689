/** Proofs of what was read last, for the stream that is open: digests alone are kept, never what was read. */
import type { Proofs, Subscription } from '../../client/subscription.ts';

/** Bytes of proofs in one acknowledgement; the server takes 256 KiB. */
const MOST_PROVED = 128 * 1024;
const PER_PROOF = 128;

export class Proved {
  #stream: Pick<Subscription, 'digest'> | undefined;
  #paths: ReadonlySet<string> = new Set();
  readonly #proofs = new Map<string, Proofs[string]>();

  /** From now on, of these paths, on this stream; undefined: on none. */
  begin(stream: Pick<Subscription, 'digest'> | undefined, paths: readonly string[]): void {
    this.#stream = stream;
    this.#paths = new Set(paths);
    this.#proofs.clear();
  }

  read(path: string, canonical: string, version: number | undefined): void {
    if (this.#stream === undefined || !this.#paths.has(path)) return;
    this.#proofs.set(path, { version, digest: this.#stream.digest(canonical) });
  }

  /** Those that fit into one acknowledgement, each once. */
  take(): Proofs {
    const taken: Record<string, Proofs[string]> = {};
    let size = 0;
    for (const [path, proof] of this.#proofs) {
      size += PER_PROOF + 2 * path.length;
      if (size > MOST_PROVED) break;
      taken[path] = proof;
      this.#proofs.delete(path);
    }
    return taken;
  }
}
