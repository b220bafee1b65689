/** A region's side of the cluster: it joins, follows the hub by `follower.ts`, and forwards what it may not write itself. */
import type { ClientHttp2Stream } from 'node:http2';
import type { RegionConfig } from '../config/server.ts';
import type { Cluster, HubLink } from '../core/cluster.ts';
import type { Index } from '../core/freshness.ts';
import { keys } from '../core/keys.ts';
import type { PluginRegistry } from '../core/registry-contract.ts';
import type { Access } from '../core/requests/access.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Outcome } from '../framework/request.ts';
import { randomBytes } from '../lib/crypto/random.ts';
import type { Logger } from '../lib/log.ts';
import { encodeRecord, recordAt } from '../lib/record.ts';
import type { SharedAge } from '../lib/threads/shared-age.ts';
import type { Store } from '../storage/store.ts';
import { HubConnection } from './cluster-client.ts';
import { decodeHubFrame, encodeFrame, FrameSplitter, lengthPrefixed, MAX_HUB_FRAME } from './codec.ts';
import { CopyStore } from './copy-store.ts';
import { follower } from './follower.ts';
import { ageOf, type Follower, type FollowerEvent, type FollowerInput, type FollowerOutput } from './follower-state.ts';
import { Forwarder } from './forwarder.ts';
import { RegionIdentity } from './region-identity.ts';
import { createLayout } from './layout.ts';
import type { Cursor, HubFrame, RegionFrame } from './protocol.ts';
import { followedBy, standingAt } from './standing.ts';
import { Vouching } from './vouching.ts';
import type { Machine } from '../lib/machine.ts';

export interface RegionLinkOptions {
  readonly store: Store;
  readonly registry: PluginRegistry;
  readonly config: RegionConfig;
  readonly log: Logger;
  /** For the threads of this node that read. */
  readonly age?: SharedAge | undefined;
}

const TICK_MS = 250;
const WINDOW = 4_194_304;
const INTERVAL_MS = 1_000;
/** A certificate is renewed when a third of its life is left. */
const RENEW_BEFORE_MS = 10 * 86_400_000;
const RENEW_AGAIN_MS = 60_000;

interface Open {
  readonly number: number;
  readonly hub: HubConnection;
  readonly stream: ClientHttp2Stream;
}

interface StoredAge {
  readonly age: number;
  readonly at: number;
}

export class RegionLink implements HubLink {
  readonly #options: RegionLinkOptions;
  readonly #copy: CopyStore;
  readonly #identity: RegionIdentity;
  readonly #machine: Machine<Follower, FollowerInput, FollowerOutput>;
  readonly #forwarder: Forwarder;
  readonly consumers: Vouching;
  readonly #inputs: FollowerEvent[] = [];
  readonly #observation: Disposable;
  #ticks: NodeJS.Timeout | undefined;
  #state: Follower;
  #stepping = false;
  #cursor: Cursor | undefined;
  #open: Open | undefined;
  #over = false;
  #renewAgain = 0;

  private constructor(options: RegionLinkOptions) {
    this.#options = options;
    this.#identity = new RegionIdentity(options);
    this.#copy = new CopyStore(options.store, createLayout(options.registry));
    this.#machine = follower({
      region: options.config.name,
      instance: randomBytes(16).toString('hex'),
      window: WINDOW,
      interval: INTERVAL_MS,
    });
    this.#state = this.#machine.initial;
    this.consumers = new Vouching((frame) => {
      this.#send(frame);
    });
    // With the batch itself, so that no reply carries an index other than that of what it read, and no waiter misses it.
    this.#observation = this.#copy.observe(({ cursor }) => {
      this.#cursor = cursor;
    });
    this.#forwarder = new Forwarder({
      connection: () => this.#open?.hub,
      shows: () => this.#cursor?.position,
    });
  }

  /** Serves what it holds at once; the hub is sought in the background. */
  static open(options: RegionLinkOptions): Promise<Cluster> {
    const link = new RegionLink(options);
    link.#start();
    return Promise.resolve({ link, [Symbol.asyncDispose]: () => link.#close() });
  }

  readonly forward = (access: Access): Promise<Outcome> => this.#forwarder.forward(access);

  readonly followed = (): Index => followedBy(this.#cursor);

  readonly standing = (): Readonly<Record<string, string>> => standingAt(this.#options.config.name, this.#age);

  readonly age = (): number => this.#age;

  readonly status = (): JsonObject => ({
    name: this.#options.config.name,
    connected: this.#state.link?.stage === 'following',
    index: this.#cursor?.position.sequence ?? null,
    age: Math.floor(this.#age / 1000),
  });

  get #age(): number {
    return ageOf(this.#state, performance.now());
  }

  #start(): void {
    const stored = this.#storedAge();
    // The first comes with the start: who is killed before the next one is due must not seem new.
    if (stored === undefined) void this.#persistAge(0);
    this.#cursor = this.#copy.read().cursor;
    this.#feed({ type: 'start', copy: this.#copy.read(), age: stored ?? 0 });
    this.#ticks = setInterval(() => {
      this.#feed({ type: 'tick' });
      this.#forwarder.tick();
      this.#renewWhenDue();
    }, TICK_MS);
    this.#feed({ type: 'tick' });
  }

  async #close(): Promise<void> {
    this.#over = true;
    this.#observation[Symbol.dispose]();
    clearInterval(this.#ticks);
    this.#feed({ type: 'stop' });
    this.#open?.hub[Symbol.dispose]();
    this.#open = undefined;
    await Promise.resolve();
  }

  /** Time goes on while the node is off, by the wall clock, never backwards. */
  #storedAge(): number | undefined {
    using snapshot = this.#options.store.snapshot();
    const found = recordAt<StoredAge>(snapshot, keys.hubAge);
    return found === undefined ? undefined : found.age + Math.max(0, Date.now() - found.at);
  }

  #feed(event: FollowerEvent): void {
    this.#inputs.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        // Spreads reconnections, no more.
        const input = { ...next, now: performance.now(), wall: Date.now(), random: Math.random() };
        const { state, outputs } = this.#machine.step(this.#state, input);
        this.#state = state;
        for (const output of outputs) this.#do(output);
        this.#options.age?.set(this.#age);
      }
    } finally {
      this.#stepping = false;
    }
  }

  #do(output: FollowerOutput): void {
    const { log } = this.#options;
    switch (output.type) {
      case 'connect':
        void this.#connect(output.connection);
        return;
      case 'send':
        if (this.#open?.number === output.connection) this.#sendOut(output.frame);
        return;
      case 'disconnect':
        if (this.#open?.number === output.connection) this.#drop();
        return;
      case 'store':
        void this.#store(output);
        return;
      case 'recover':
        this.#cursor = this.#copy.read().cursor;
        this.#feed({ type: 'start', copy: this.#copy.read(), age: this.#age });
        return;
      case 'shows':
        this.#forwarder.shown();
        return;
      case 'quarantine':
        log.error('the hub’s history is not the one that was copied', { reason: output.reason });
        return;
      case 'alarm':
        log.warn('the stream from the hub ended', { problem: output.problem, detail: output.detail });
        return;
      case 'persistAge':
        void this.#persistAge(output.age);
    }
  }

  async #persistAge(age: number): Promise<void> {
    const record: StoredAge = { age, at: Date.now() };
    await this.#options.store
      .transact((tx) => {
        tx.put(keys.hubAge, encodeRecord(record));
      })
      .catch(() => undefined);
  }

  async #store({ command, run }: Extract<FollowerOutput, { type: 'store' }>): Promise<void> {
    try {
      await this.#copy.run(run);
      this.#feed({ type: 'stored', command });
    } catch (error) {
      this.#options.log.error('the copy could not be changed', { error: error instanceof Error ? error.message : '' });
      this.#feed({ type: 'storeFailed', command });
    }
  }

  #sendOut(frame: RegionFrame): void {
    this.#send(frame);
    if (frame.type === 'ack' && frame.cursor !== undefined) this.consumers.showed(frame.cursor.position);
  }

  #send(frame: RegionFrame): void {
    const stream = this.#open?.stream;
    if (stream?.writable === true) stream.write(lengthPrefixed(encodeFrame(frame)));
  }

  #drop(): void {
    this.consumers.ended();
    this.#open?.stream.destroy();
    this.#open?.hub[Symbol.dispose]();
    this.#open = undefined;
  }

  async #connect(number: number): Promise<void> {
    const { config, store, log } = this.#options;
    try {
      const identity = await this.#identity.get();
      const hub = await HubConnection.open(config.hub, identity);
      if (this.#over) {
        hub[Symbol.dispose]();
        return;
      }
      this.#drop();
      const stream = hub.stream();
      this.#open = { number, hub, stream };
      this.#listen(number, stream);
      await responded(stream);
      this.#feed({ type: 'connected', connection: number, local: store.position });
    } catch (error) {
      if (isLockstepError(error, 'hubRefused')) this.#identity.forget();
      const known = isLockstepError(error) ? error.message : 'the hub cannot be reached';
      log.warn('not connected to the hub', { reason: known });
      this.#feed({ type: 'ended', connection: number });
    }
  }

  #received(number: number, frame: HubFrame, more: boolean): void {
    this.#feed({ type: 'frame', connection: number, frame, more });
    const { link } = this.#state;
    if (frame.type !== 'welcome' || link?.connection !== number || link.stage !== 'following') return;
    this.consumers.welcomed(link.nonce, frame.snapshot === undefined ? this.#cursor?.position : undefined);
  }

  #listen(number: number, stream: ClientHttp2Stream): void {
    const splitter = new FrameSplitter(MAX_HUB_FRAME);
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      try {
        const frames = splitter.push(chunk);
        for (const [at, frame] of frames.entries()) {
          this.#received(number, decodeHubFrame(frame), at + 1 < frames.length);
        }
      } catch (error) {
        const problem = error instanceof Error ? error.message : 'unreadable';
        this.#feed({ type: 'badFrame', connection: number, problem });
      }
    });
    stream.once('close', () => {
      if (this.#open?.number === number) this.consumers.ended();
      this.#feed({ type: 'ended', connection: number });
    });
  }

  /** Also of a connection that lives for long. The hub takes the old certificate until the new one was shown. */
  #renewWhenDue(): void {
    const identity = this.#identity.current;
    const hub = this.#open?.hub;
    const due = identity !== undefined && identity.notAfter - Date.now() <= RENEW_BEFORE_MS;
    if (!due || hub === undefined || performance.now() < this.#renewAgain) return;
    this.#renewAgain = performance.now() + RENEW_AGAIN_MS;
    this.#renew(hub).catch((error: unknown) => {
      this.#options.log.warn('the certificate of this region is not renewed', {
        reason: isLockstepError(error) ? error.message : 'the answer cannot be used',
      });
    });
  }

  async #renew(hub: HubConnection): Promise<void> {
    await this.#identity.renew(hub);
    // Comes back under the new one.
    if (this.#open?.hub === hub) this.#drop();
  }
}

function responded(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (): void => {
      reject(fail('hubUnreachable'));
    };
    stream.once('close', refused);
    stream.once('response', (headers) => {
      stream.removeListener('close', refused);
      if (headers[':status'] === 200) resolve();
      else
        reject(
          fail(
            'hubRefused',
            `the hub refused this region (${String(headers[':status'])}): was it removed or blocked? Add it anew at the hub and give it the new join token`,
          ),
        );
    });
  });
}
