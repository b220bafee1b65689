/** Regions without a server around them: the region's own link to the hub, into a copy that tells when it had what. */
import { once } from 'node:events';
import type { Client } from '../../src/client/client.ts';
import type { DelayedLink } from '../../src/cli/up/delayed-link.ts';
import { parseAddress } from '../../src/config/address.ts';
import type { Cluster } from '../../src/core/cluster.ts';
import { silent } from '../../src/lib/log.ts';
import { Secret } from '../../src/lib/secret.ts';
import { decodeJoinToken } from '../../src/regions/join-token.ts';
import { RegionLink } from '../../src/regions/region-link.ts';
import { registry } from '../../src/registry.ts';
import type { Store } from '../../src/storage/store.ts';
import { CopyInMemory } from './copy.ts';

/** The copy stood at this sequence of the hub's log from then on, in `performance.now()`. */
interface Moved {
  readonly sequence: number;
  readonly at: number;
}

export class Follower implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #moved: Moved[] = [];
  readonly #changes = new EventTarget();

  private constructor(cluster: Cluster, store: Store) {
    this.#cluster = cluster;
    // After the link's own observer, and so with what reads of the copy show once this batch is published.
    store.observe(() => {
      const { sequence } = this;
      if (sequence === undefined || sequence === this.#moved.at(-1)?.sequence) return;
      this.#moved.push({ sequence, at: performance.now() });
      this.#changes.dispatchEvent(new Event('moved'));
    });
  }

  /** Where the copy stands in the hub's log. */
  get sequence(): number | undefined {
    const [position] = Object.values(this.#cluster.link?.followed() ?? {});
    return position?.sequence;
  }

  /** Adds the region at the hub and joins with its token; `through` is the way to the hub, else its own address. */
  static async join(hub: Client, name: string, paths: readonly string[], through?: DelayedLink): Promise<Follower> {
    const added = await hub.write(`sys/regions/${name}`, { paths });
    const token = String((added?.data as { readonly join_token?: unknown } | undefined)?.join_token);
    const address =
      through === undefined ? parseAddress(decodeJoinToken(token).hub) : { host: '127.0.0.1', port: through.port };
    const store = new CopyInMemory();
    const config = { name, hub: address, join_token_file: undefined, join_token: new Secret(token) };
    const cluster = await RegionLink.open({ store, registry, config, log: silent });
    return new Follower(cluster, store);
  }

  /** Resolves once its copy stands at that sequence of the hub's log, or beyond; 0: once it stands anywhere. */
  async reached(sequence: number): Promise<void> {
    while ((this.sequence ?? -1) < sequence) await once(this.#changes, 'moved');
  }

  /** For sequences in rising order: when each was in the copy. */
  *appliedAt(sequences: Iterable<number>): Generator<number> {
    let next = 0;
    for (const sequence of sequences) {
      while ((this.#moved[next]?.sequence ?? Number.POSITIVE_INFINITY) < sequence) next += 1;
      yield this.#moved[next]?.at ?? Number.NaN;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }
}
