/**
 * Follows the stream of changes of a node: what changed is handed on, and acknowledged once it is in place. A stream that
 * ends is opened anew where it ended; the interval at which everything is read again stays as the safety net.
 */
import { once } from 'node:events';
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import { ConnectionError } from '../../client/connection-error.ts';
import { explain } from '../../client/explain.ts';
import { covers, mayFollow, subscriptionPaths } from '../../client/pushed.ts';
import { Subscription, type Frame } from '../../client/subscription.ts';
import { fullJitter, type Backoff } from '../../lib/backoff.ts';
import { pause } from '../../lib/pause.ts';
import type { Following } from '../contract.ts';
import type { VaultClient } from '../vault/provider.ts';
import type { Proved } from './proved.ts';

export interface FollowOptions {
  readonly client: Pick<VaultClient, 'client' | 'pathOf'>;
  readonly proved: Proved;
  readonly following: Following;
}

const RECONNECT: Backoff = { base: 200, cap: 30_000 };
/** Milliseconds: a stream that lasted so long was a good one. */
const LASTING = 10_000;
/** Between two tries at a server that does not push, or not to us. */
const REFUSED = 60_000;
/** Keys that come together are waited for so long before the stream is opened anew. */
const GATHER = 250;

const isPrefix = (path: string): boolean => path.endsWith('*');

class Follower {
  readonly #options: FollowOptions;
  readonly #signal: AbortSignal;
  /** Everything up to it is in place; what comes after it is asked for. */
  #applied: string | undefined;
  /** The paths that the last stream told of. */
  #told: ReadonlySet<string> = new Set();
  /** The paths that the present stream, or the one that is being opened, is for. */
  #asked: ReadonlySet<string> = new Set();
  /** Keys by their path. */
  #keys: ReadonlyMap<string, readonly string[]> = new Map();
  #folders: readonly string[] = [];
  /** The stream that is open. */
  #stream: Subscription | undefined;
  /** Everything up to it was told of to those whom it concerns; undefined: nothing on this stream. */
  #reached: string | undefined;
  /** Aborted when the keys are others. */
  #same = new AbortController();
  /** The server knows somebody else by our name: nothing is acknowledged. */
  #nameless = false;

  constructor(options: FollowOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    options.following.onKeys(() => {
      this.#keysChanged();
    }, signal);
  }

  async run(): Promise<void> {
    let tries = 0;
    while (!this.#signal.aborted) {
      const begun = performance.now();
      let rest = 0;
      try {
        if (this.#paths().length === 0) await aborted(AbortSignal.any([this.#same.signal, this.#signal]));
        else await this.#once();
        tries = performance.now() - begun >= LASTING || this.#same.signal.aborted ? 0 : tries + 1;
        rest = tries === 0 ? GATHER : fullJitter(RECONNECT, tries, Math.random());
      } catch (error) {
        if (this.#signal.aborted) return;
        rest = this.#same.signal.aborted ? GATHER : this.#failed(error, ++tries);
      }
      await pause(rest, this.#signal);
      this.#same = new AbortController();
    }
  }

  /** Milliseconds until it is tried again. */
  #failed(error: unknown, tries: number): number {
    this.#options.following.state(false, explain(error));
    return this.#refused(error) ? REFUSED : fullJitter(RECONNECT, tries, Math.random());
  }

  /** Whether trying again soon is of no use. */
  #refused(error: unknown): boolean {
    if (error instanceof ConnectionError) return error.code === 'UNSUPPORTED';
    if (!(error instanceof ApiError)) return false;
    if (error.status !== 401 && error.status !== 403) return [400, 404, 405, 501].includes(error.status);
    // The paths were allowed a moment ago: it may be the name, which another has taken.
    const again = !this.#nameless;
    this.#nameless = true;
    return !again;
  }

  #paths(): readonly string[] {
    const { client, following } = this.#options;
    const byPath = new Map<string, string[]>();
    for (const key of new Set(following.keys())) {
      const path = client.pathOf(key);
      const known = byPath.get(path);
      if (known === undefined) byPath.set(path, [key]);
      else known.push(key);
    }
    this.#keys = byPath;
    this.#folders = [...byPath.keys()].filter(isPrefix);
    return [...byPath.keys()];
  }

  #keysChanged(): void {
    if (this.#paths().some((path) => !this.#asked.has(path))) this.#same.abort();
  }

  /** One stream from its beginning to its end. */
  async #once(): Promise<void> {
    const { client: vault, following, proved } = this.#options;
    const wanted = this.#paths();
    this.#asked = new Set(wanted);
    const client = await vault.client(this.#signal);
    const { paths } = await mayFollow(client, wanted, this.#signal);
    if (paths.length === 0)
      throw new Error('no capability "subscribe" on any secret: changes are noticed when they are due');
    const consumer = this.#nameless ? undefined : following.consumer;
    const index = this.#applied;
    const stream = await Subscription.open(
      client.settings,
      { paths: subscriptionPaths(paths), index, consumer },
      AbortSignal.any([this.#signal, this.#same.signal]),
    );
    try {
      proved.begin(
        stream,
        paths.filter((path) => !isPrefix(path)),
      );
      const resumed = stream.welcome.resumed && index !== undefined;
      const fresh = paths.filter((path) => !resumed || !this.#told.has(path));
      this.#told = this.#asked;
      client.observe(stream.welcome.index);
      following.state(
        true,
        paths.length < wanted.length ? 'not of all keys: see the capability "subscribe"' : undefined,
      );
      this.#stream = stream;
      const acknowledge = (): void => {
        this.#acknowledge(stream, consumer !== undefined);
      };
      this.#tell(fresh, stream, acknowledge);
      await this.#drain(stream, client, acknowledge);
    } finally {
      this.#stream = undefined;
      this.#reached = undefined;
      proved.begin(undefined, []);
      stream.close();
    }
    if (!this.#same.signal.aborted) following.state(false, 'the stream of changes ended');
  }

  /** Nothing is waited for: one secret that is long on its way holds up no other. */
  async #drain(stream: Subscription, client: Client, acknowledge: () => void): Promise<void> {
    for (;;) {
      const frames = await stream.take();
      this.#signal.throwIfAborted();
      const last = frames.findLast((frame) => frame.kind !== 'closing');
      if (last !== undefined) {
        client.observe(last.index);
        const told = frames.flatMap((frame) => (frame.kind === 'event' ? [frame.path] : []));
        this.#tell(told, stream, acknowledge);
        this.#reached = last.index;
      }
      acknowledge();
      const closing = frames.find((frame) => frame.kind === 'closing');
      if (closing !== undefined) this.#closed(closing);
      if (closing !== undefined || frames.length === 0) return;
    }
  }

  /** What was reached, once everything that was told of is in place. */
  #acknowledge(stream: Subscription, acknowledges: boolean): void {
    if (stream !== this.#stream || this.#reached === undefined || !this.#options.following.settled()) return;
    this.#applied = this.#reached;
    if (acknowledges) stream.acknowledge(this.#reached, this.#options.proved.take());
  }

  #closed({ reason, resume }: Frame & { readonly kind: 'closing' }): void {
    this.#applied ??= resume;
    // What we hold differs from what the server has: nothing of ours can be believed.
    if (reason === 'badAck') this.#applied = undefined;
    if (reason === 'invalid') this.#nameless = true;
  }

  /** To whom it concerns, at once: from now on they are not settled before they were read anew. */
  #tell(told: readonly string[], stream: Subscription, acknowledge: () => void): void {
    const keys = this.#concerned(told);
    if (keys.length === 0) return;
    this.#options.following.changed(keys).then(acknowledge, () => stream.close());
  }

  #concerned(told: readonly string[]): readonly string[] {
    const { client, following } = this.#options;
    if (told.some(isPrefix))
      return following.keys().filter((key) => told.some((path) => covers(path, client.pathOf(key))));
    const paths = told.flatMap((path) => [path, ...this.#folders.filter((folder) => covers(path, folder))]);
    return [...new Set(paths)].flatMap((path) => this.#keys.get(path) ?? []);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** Resolves when the signal is aborted. */
export function follow(options: FollowOptions, signal: AbortSignal): Promise<void> {
  return new Follower(options, signal).run();
}
