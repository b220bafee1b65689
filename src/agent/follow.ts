/**
 * Keeps the files in step with the server: reads everything once, then what is pushed, and everything again now and then.
 * What is in place is acknowledged, by an index that came on the stream.
 */
import { ApiError } from '../client/api-error.ts';
import type { Client } from '../client/client.ts';
import { ConnectionError } from '../client/connection-error.ts';
import { Subscription, type Frame, type Proofs } from '../client/subscription.ts';
import { allDone } from '../lib/all-done.ts';
import { fullJitter, type Backoff } from '../lib/backoff.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Logger } from '../lib/log.ts';
import type { Authentication, SignedIn } from './auth.ts';
import { pause, type Clock } from './clock.ts';
import { explain } from '../client/explain.ts';
import type { SecretFiles } from './files.ts';
import type { Metrics } from './metrics.ts';
import { covers, pushedPaths, subscriptionPaths } from '../client/pushed.ts';
import { readSecret, renewLease, type Answer } from './source.ts';

export interface FollowerOptions {
  /** Makes a client that remembers the indexes it has seen. */
  readonly connect: () => Client;
  readonly auth: Authentication;
  readonly files: SecretFiles;
  readonly consumer: string;
  /** Seconds. */
  readonly pollInterval: number;
  /** Reads at once. */
  readonly width: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Called after each reading, before what it brought is acknowledged. */
  readonly applied: () => Promise<void>;
  /** Called after everything was read, well or not. */
  readonly synced: () => Promise<void>;
}

const reconnect: Backoff = { base: 200, cap: 30_000 };
const retry: Backoff = { base: 500, cap: 30_000 };
/** Milliseconds. */
const lasting = 10_000;
/** So often in a row the server may be behind what we have seen, before we believe that its history was replaced. */
const mostBehind = 5;
/** How long acknowledgements are left out after the server could make nothing of one. */
const muteMs = 600_000;

interface OpenStream {
  readonly stream: Subscription;
  /** All that was to be told of when it was opened. */
  readonly asked: ReadonlySet<string>;
  /** The paths that it tells of; of others nothing may be acknowledged. */
  readonly pushed: ReadonlySet<string>;
  /** The newest index that came in an event or a mark: only such a one can be acknowledged. */
  index: string | undefined;
  /** What is not proved on this stream yet. */
  unproved: Set<string>;
  /** Nothing is acknowledged. */
  readonly mute: boolean;
}

export class Follower {
  readonly #options: FollowerOptions;
  #client: Client;
  /** Everything up to it is in place; what comes after it is asked for. */
  #applied: string | undefined;
  /** Paths whose last reading is not in place. */
  readonly #unsettled = new Set<string>();
  #behind = 0;
  /** What awaits acknowledgement on the stream, until all that came before is in place. */
  #open: OpenStream | undefined;
  #nudge = new AbortController();
  #muteUntil = Number.NEGATIVE_INFINITY;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#client = options.connect();
  }

  /** Runs until the signal is aborted, and what was begun by then is done. */
  async run(outer: AbortSignal): Promise<void> {
    const failing = new AbortController();
    const signal = AbortSignal.any([outer, failing.signal]);
    const endsAll = (work: Promise<void>): Promise<void> =>
      work.catch((error: unknown) => {
        failing.abort(error);
        throw error;
      });
    try {
      const session = await this.#options.auth.signedIn(signal);
      this.#options.files.leases.signedIn(session);
      // The index is taken before anything is read: what changes from now on is pushed.
      const pushed = await this.#pushed(session, signal).catch(() => undefined);
      this.#applied = pushed?.index;
      await this.#readAll(signal);
      await allDone([endsAll(this.#poll(signal)), endsAll(this.#stream(signal))]);
    } catch (error) {
      if (!outer.aborted) throw error;
    } finally {
      this.#client.close();
    }
  }

  /** Looks again at what is not in place, at once. */
  nudge(): void {
    this.#nudge.abort();
    this.#nudge = new AbortController();
  }

  #pushed(session: SignedIn, signal: AbortSignal) {
    const { files, log } = this.#options;
    return pushedPaths(this.#client.with({ token: session.token.expose() }), { paths: files.pushedPaths, log, signal });
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { clock, pollInterval, auth, files } = this.#options;
    const interval = (): number => clock.now() + pollInterval * 1000 * (0.9 + 0.2 * clock.random());
    let due = interval();
    let tries = 0;
    while (!signal.aborted) {
      tries = this.#unsettled.size === 0 ? 0 : tries + 1;
      const soon = tries === 0 ? Number.POSITIVE_INFINITY : fullJitter(retry, tries, clock.random());
      // What fails is tried again in its time, a lease that is due among it; those of others do not wait for it.
      const lease = files.leases.next(this.#unsettled) * 1000;
      await pause(clock, Math.min(Math.max(0, due - clock.now()), soon, lease), signal, this.#nudge.signal);
      files.leases.signedIn(await auth.signedIn(signal));
      if (clock.now() >= due) {
        await this.#readAll(signal);
        due = interval();
      } else {
        await this.#read([...new Set([...this.#unsettled, ...files.leases.due])], signal);
        this.#acknowledge();
      }
    }
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const { files } = this.#options;
    await files.renewImpure();
    files.takeUnread();
    await this.#read([...new Set([...this.#unsettled, ...files.duePaths])], signal);
    this.#acknowledge();
    await this.#options.synced();
  }

  /** Reads the paths, and what comes to be asked for by what they hold. */
  async #read(paths: readonly string[], signal: AbortSignal): Promise<void> {
    const { files, width } = this.#options;
    let waiting = [...paths];
    const work = async (): Promise<void> => {
      for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) await this.#readOne(path, signal);
    };
    while (waiting.length > 0) {
      await allDone(Array.from({ length: width }, work));
      waiting = [...files.takeUnread()];
    }
    await this.#options.applied();
    for (const path of this.#unsettled) if (files.question(path) === undefined) this.#unsettled.delete(path);
    if (this.#behind >= mostBehind) this.#forgetIndexes('the server stays behind what it has shown before');
    const asked = this.#open?.asked;
    // A stream tells of what it was opened for: another is opened, from the same index on.
    if (asked !== undefined && files.pushedPaths.some((path) => !asked.has(path))) this.#open?.stream.close();
  }

  async #readOne(path: string, signal: AbortSignal): Promise<void> {
    const settled = await this.#options.files.refresh(path, async () => {
      const answer = await this.#ask(path, signal);
      if (answer.kind === 'unreachable' && answer.behind) this.#behind += 1;
      else if (answer.kind !== 'unreachable') this.#behind = 0;
      return answer;
    });
    if (settled) {
      this.#unsettled.delete(path);
    } else if (!this.#unsettled.has(path)) {
      this.#unsettled.add(path);
      this.nudge();
    }
  }

  async #ask(path: string, signal: AbortSignal): Promise<Answer> {
    const session = await this.#options.auth.signedIn(signal);
    const question = this.#options.files.question(path);
    if (question === undefined) return { kind: 'missing', destroyed: false };
    const client = this.#client.with({ token: session.token.expose() });
    const answer =
      this.#inPlace(path, session) ??
      (await this.#kept(path, { client, session }, signal)) ??
      (await readSecret({ client, holder: session }, question, signal));
    if (answer.kind !== 'denied') return answer;
    const token = await this.#options.auth.doubt(session);
    if (token === 'valid') return answer;
    return { kind: 'unreachable', why: 'the token is not accepted', behind: false };
  }

  /** What an earlier agent had made, as long as that may be used; looked at once. */
  #inPlace(path: string, session: SignedIn): Answer | undefined {
    const { leases } = this.#options.files;
    const found = leases.get(path) === undefined ? this.#options.files.question(path)?.inPlace?.() : undefined;
    if (found === undefined) return undefined;
    const { data, seconds, age } = found;
    const lease = { id: '', seconds, age, renewable: false, first: seconds, holder: session };
    return leases.isOver(lease) ? undefined : { kind: 'found', data, version: undefined, lease };
  }

  /** What is held under a lease is not asked for while that lasts, or goes on; undefined: it is to be read. */
  async #kept(
    path: string,
    { client, session }: { readonly client: Client; readonly session: SignedIn },
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const held = this.#options.files.leases.get(path);
    if (held === undefined) return undefined;
    const { lease, due } = held;
    if (!due) return { kind: 'kept' };
    if (!lease.renewable || lease.holder !== session) return undefined;
    return renewLease(client, lease, signal);
  }

  /** Another history: what was seen of the old one means nothing in it. */
  #forgetIndexes(why: string): void {
    this.#options.log.warn('starting anew from what the server has now', { why });
    this.#client.close();
    this.#client = this.#options.connect();
    this.#behind = 0;
    this.#applied = undefined;
  }

  async #stream(signal: AbortSignal): Promise<void> {
    const { auth, clock, log, metrics, pollInterval } = this.#options;
    let tries = 0;
    while (!signal.aborted) {
      const session = await auth.signedIn(signal);
      let wait: 'short' | 'long' = 'short';
      try {
        tries += 1;
        const begun = clock.now();
        wait = await this.#once(session, signal);
        // One that ends soon after its beginning may do so for ever: then the pauses grow.
        if (clock.now() - begun >= lasting) tries = 0;
      } catch (error) {
        signal.throwIfAborted();
        wait = await this.#refused(error, session);
        log.warn('changes are not pushed', { error: explain(error) });
      } finally {
        metrics.set('stream_connected', 0);
        this.#open = undefined;
      }
      const ms = wait === 'long' ? pollInterval * 1000 : fullJitter(reconnect, tries, clock.random());
      await pause(clock, ms, signal);
    }
  }

  /** How soon to try again after the stream could not be opened. */
  async #refused(error: unknown, session: SignedIn): Promise<'short' | 'long'> {
    if (error instanceof ConnectionError) return error.code === 'UNSUPPORTED' ? 'long' : 'short';
    if (!(error instanceof ApiError)) return 'short';
    if (error.status === 401 || error.status === 403) {
      // The paths were allowed a moment ago: it may be the consumer's name, which another has taken.
      return (await this.#options.auth.doubt(session)) === 'valid' ? this.#mute() : 'short';
    }
    return [400, 404, 405, 501].includes(error.status) ? 'long' : 'short';
  }

  /** One stream from its beginning to its end. */
  async #once(session: SignedIn, signal: AbortSignal): Promise<'short' | 'long'> {
    const { consumer, log, metrics } = this.#options;
    const asked = new Set(this.#options.files.pushedPaths);
    const pushed = await this.#pushed(session, signal);
    if (pushed.paths.length === 0) return 'long';
    const index = this.#applied;
    const settings = { ...this.#client.settings, token: session.token.expose() };
    const paths = subscriptionPaths(pushed.paths);
    const own = this.#muted ? undefined : consumer;
    const stream = await Subscription.open(settings, { paths, index, consumer: own }, signal);
    try {
      metrics.set('stream_connected', 1);
      log.info('changes are pushed', { paths: pushed.paths.length, resumed: stream.welcome.resumed });
      const resumed = stream.welcome.resumed && index !== undefined;
      if (!resumed) {
        if (index !== undefined) this.#forgetIndexes('the history does not reach back');
        this.#client.observe(stream.welcome.index);
        await this.#readAll(signal);
      }
      const told = new Set(pushed.paths);
      // Everything is proved once on each stream.
      this.#open = { stream, asked, pushed: told, index: undefined, unproved: new Set(told), mute: own === undefined };
      return await this.#drain(stream, session, signal);
    } finally {
      stream.close();
    }
  }

  async #drain(stream: Subscription, session: SignedIn, signal: AbortSignal): Promise<'short' | 'long'> {
    for (;;) {
      const frames = await stream.take();
      signal.throwIfAborted();
      if (frames.length === 0) return 'short';
      await this.#applyFrames(frames, signal);
      const closing = frames.find((frame) => frame.kind === 'closing');
      if (closing !== undefined) return this.#closed(closing, session);
    }
  }

  async #applyFrames(frames: readonly Frame[], signal: AbortSignal): Promise<void> {
    const { metrics, clock, files } = this.#options;
    const begun = clock.now();
    const events = frames.filter((frame) => frame.kind === 'event');
    const changed = new Set(events.flatMap(({ path }) => files.pushedPaths.filter((own) => covers(path, own))));
    const last = frames.findLast((frame) => frame.kind !== 'closing');
    if (last === undefined) return;
    if (changed.size > 0) {
      // The reads carry the newest index that was pushed: no node may answer with something older.
      this.#client.observe(last.index);
      await this.#read([...changed], signal);
      metrics.add('events_total', {}, events.length);
      metrics.add('apply_seconds_sum', {}, ((clock.now() - begun) / 1000) * changed.size);
      metrics.add('apply_seconds_count', {}, changed.size);
    }
    const open = this.#open;
    if (open !== undefined) {
      open.index = last.index;
      for (const path of changed) if (open.pushed.has(path)) open.unproved.add(path);
    }
    this.#acknowledge();
  }

  /** Acknowledges the newest index of the stream, if everything up to it is in place. */
  #acknowledge(): void {
    const open = this.#open;
    if (open?.index === undefined || this.#unsettled.size > 0) return;
    if (open.index === this.#applied && (open.unproved.size === 0 || open.mute)) return;
    failpoint('agent.before-acknowledge');
    this.#applied = open.index;
    if (open.mute) return;
    const { proofs, left } = provable(open.stream, open.unproved, this.#options.files);
    open.stream.acknowledge(open.index, proofs);
    open.unproved = left;
    this.#options.metrics.add('acknowledgements_total');
  }

  async #closed({ reason, resume }: Frame & { kind: 'closing' }, session: SignedIn): Promise<'short' | 'long'> {
    const { log, auth } = this.#options;
    log.warn('the server ended the stream of changes', { reason });
    this.#applied ??= resume;
    if (reason === 'revoked') await auth.doubt(session);
    // What we hold differs from what the server has: nothing of ours can be believed.
    if (reason === 'badAck') this.#applied = undefined;
    return reason === 'invalid' ? this.#mute() : 'short';
  }

  /** Changes are pushed also to those who acknowledge nothing: that is tried before giving up for a while. */
  #mute(): 'short' | 'long' {
    if (this.#muted) return 'long';
    this.#options.log.warn('going on without acknowledgements', { consumer: this.#options.consumer });
    this.#muteUntil = this.#options.clock.now() + muteMs;
    return 'short';
  }

  get #muted(): boolean {
    return this.#options.clock.now() < this.#muteUntil;
  }
}

/** Bytes of proofs in one acknowledgement; the server takes 256 KiB. */
const mostProved = 128 * 1024;
const perProof = 128;

/** The proofs of what is in place, and the paths that must wait for the next acknowledgement. */
function provable(
  stream: Subscription,
  paths: ReadonlySet<string>,
  files: SecretFiles,
): { readonly proofs: Proofs; readonly left: Set<string> } {
  const proofs: Record<string, Proofs[string]> = {};
  const left = new Set(paths);
  let size = 0;
  for (const path of paths) {
    size += perProof + 2 * path.length;
    if (size > mostProved) break;
    left.delete(path);
    const held = files.inPlace(path);
    if (held === undefined) continue;
    proofs[path] = { version: held.version, digest: stream.digest(held.canonical.expose()) };
  }
  return { proofs, left };
}
