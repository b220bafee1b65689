/** The shell of one region's stream at the hub: sockets and storage around `hub-stream.ts`, no decisions. */
import type { ServerHttp2Stream } from 'node:http2';
import { failpoint } from '../lib/failpoint.ts';
import { TokenBucket, type Rate } from '../lib/token-bucket.ts';
import type { Batch, Position, Store } from '../storage/store.ts';
import { decodeRegionFrame, framePieces, FrameSplitter, MAX_REGION_FRAME } from './codec.ts';
import { hubStream } from './hub-stream.ts';
import type { AuditEvent, HubEvent, HubInput, HubOutput, HubStream, HubStreamConfig, PageResult } from './hub-state.ts';
import { locate } from './locate.ts';
import { sharedBytes, type LogTail } from './log-tail.ts';
import type { HubFrame, RefuseReason, Roster, RosterEntry } from './protocol.ts';
import type { ViewHistory } from './view-history.ts';
import { WireError } from './wire.ts';
import type { Machine } from '../lib/machine.ts';

export interface HubSessionEvents {
  readonly greeted: (instance: string, local: Position) => void;
  readonly acknowledged: (position: Position) => void;
  readonly consumer: (consumer: string, position: Position, digest: Uint8Array) => void;
  readonly roster: (part: Roster['part'], entries: readonly RosterEntry[]) => void;
  readonly audit: (event: AuditEvent, detail: string) => void;
  /** Something of ours broke; the stream ends. */
  readonly failed: (error: unknown) => void;
  readonly closed: (reason: RefuseReason | 'ended') => void;
}

export interface HubSessionOptions {
  readonly store: Store;
  readonly stream: ServerHttp2Stream;
  readonly history: ViewHistory;
  readonly tail: LogTail;
  readonly config: HubStreamConfig;
  /** Hashes of the log's chain as the region sees them (`ClusterAuthority.blind`). */
  readonly blind: (hash: Uint8Array) => Uint8Array;
  readonly events: HubSessionEvents;
}

const TICK_MS = 500;
/** How long the last frame of a stream may take to be read. */
const LINGER_MS = 3_000;
/** Frames that are taken at once, then a second: a faster region is read more slowly, as a slow network would. */
const FRAMES: Rate = { burst: 8_192, perSecond: 4_096 };

export class HubSession {
  readonly #options: HubSessionOptions;
  readonly #machine: Machine<HubStream, HubInput, HubOutput>;
  readonly #abort = new AbortController();
  readonly #splitter = new FrameSplitter(MAX_REGION_FRAME);
  readonly #inputs: HubEvent[] = [];
  readonly #ticks: NodeJS.Timeout;
  readonly #frames = new TokenBucket(FRAMES, performance.now());
  #state: HubStream;
  #stepping = false;
  #over = false;

  constructor(options: HubSessionOptions) {
    this.#options = options;
    const { store, history, config, stream } = options;
    const start = { today: history.today(config.region), tip: store.position, now: performance.now() };
    this.#machine = hubStream(config, start);
    this.#state = this.#machine.initial;
    stream.on('data', (chunk: Buffer) => {
      this.#received(chunk);
    });
    stream.on('drain', () => {
      this.feed({ type: 'drained' });
    });
    // A region that says no more has no use for what it would still be told.
    for (const event of ['end', 'close']) {
      stream.once(event, () => {
        this.feed({ type: 'ended' });
      });
    }
    this.#ticks = setInterval(() => {
      this.feed({ type: 'tick' });
    }, TICK_MS);
  }

  get region(): string {
    return this.#options.config.region;
  }

  /** When a frame of the region came last, in `performance.now()`. */
  get heardAt(): number {
    return this.#state.heardAt;
  }

  stop(reason: RefuseReason): void {
    this.feed({ type: 'stop', reason });
  }

  /** Inputs are taken one at a time; what an output brings about is taken after it. */
  feed(event: HubEvent): void {
    this.#inputs.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    const { stream } = this.#options;
    // What one input brings about leaves in one piece.
    stream.cork();
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const input = { ...next, now: performance.now(), wall: Date.now() };
        const { state, outputs } = this.#machine.step(this.#state, input);
        this.#state = state;
        for (const output of outputs) this.#do(output);
      }
    } catch (error) {
      this.#broken(error);
    } finally {
      this.#stepping = false;
      stream.uncork();
    }
  }

  #received(chunk: Buffer): void {
    if (this.#over) return;
    let count = 0;
    try {
      for (const frame of this.#splitter.push(chunk)) {
        count += 1;
        this.feed({ type: 'frame', frame: decodeRegionFrame(frame) });
      }
    } catch (error) {
      this.feed({ type: 'badFrame', problem: error instanceof WireError ? error.message : 'unreadable' });
    }
    this.#slow(count);
  }

  #slow(frames: number): void {
    const wait = this.#frames.owe(performance.now(), frames);
    if (wait === 0 || this.#over) return;
    const { stream } = this.#options;
    stream.pause();
    setTimeout(() => stream.resume(), wait).unref();
  }

  /** Something of ours: it ends this stream alone, and the region is not told what it was. */
  #broken(error: unknown): void {
    this.#options.events.failed(error);
    this.#close('ended');
  }

  #do(output: HubOutput): void {
    const { events, stream } = this.#options;
    switch (output.type) {
      case 'send':
        if (!stream.writable) return;
        failpoint('hub.before-send');
        this.#send(output.frame);
        failpoint('hub.after-send');
        return;
      case 'locate':
        this.#locate(output).catch((error: unknown) => {
          this.#broken(error);
        });
        return;
      case 'readLog':
        this.#readLog(output.read, output.from);
        return;
      case 'readPage':
        // Others come in between: pages of which nothing is in view need no credit, and would follow each other at once.
        setImmediate(() => {
          this.#readPage(output);
        });
        return;
      case 'greeted':
        events.greeted(output.instance, output.local);
        return;
      case 'acknowledged':
        events.acknowledged(output.position);
        return;
      case 'consumer':
        events.consumer(output.consumer, output.position, output.digest);
        return;
      case 'roster':
        events.roster(output.part, output.entries);
        return;
      case 'audit':
        events.audit(output.event, output.detail);
        return;
      case 'close':
        this.#close(output.reason);
    }
  }

  #send(frame: HubFrame): void {
    const { stream } = this.#options;
    let room = true;
    for (const piece of framePieces(frame)) room = stream.write(piece);
    if (!room) this.feed({ type: 'blocked' });
  }

  #close(reason: RefuseReason | 'ended'): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#ticks);
    this.#abort.abort();
    const { stream, events } = this.#options;
    // The region need not end its side, nor read the last frame. A reset at once could overtake that.
    const gone = setTimeout(() => stream.destroy(), LINGER_MS).unref();
    stream.once('close', () => {
      clearTimeout(gone);
    });
    if (stream.writable) stream.end();
    stream.resume();
    events.closed(reason);
  }

  async #locate({ cursor }: Extract<HubOutput, { type: 'locate' }>): Promise<void> {
    const { history } = this.#options;
    const place = locate(this.#shownLog(), cursor);
    if (place === 'here' && history.at(cursor.position, this.region) === undefined) {
      const keys = await this.#ruleKeysAfter(cursor.position).catch(() => undefined);
      if (keys !== undefined) history.reachBack(cursor.position, keys);
    }
    this.feed({ type: 'located', place, rule: history.at(cursor.position, this.region) });
  }

  /** The hub's history with the hashes that regions see. */
  #shownLog(): Parameters<typeof locate>[0] {
    const { store, blind } = this.#options;
    return {
      ...{ log: store.log, position: store.position, oldest: store.oldest },
      hashAt: (position) => {
        const hash = store.hashAt(position);
        return hash === undefined ? undefined : blind(hash);
      },
    };
  }

  /** Of all that the log holds after `from`, the keys that can change a rule: a log may be larger than the memory. */
  async #ruleKeysAfter(from: Position): Promise<readonly string[]> {
    const { store, config } = this.#options;
    const tip = store.position;
    const found: string[] = [];
    if (from.sequence >= tip.sequence) return found;
    for await (const { writes, position } of store.changes(from, this.#abort.signal)) {
      for (const { key } of writes) {
        if (config.layout.mountRecord(key) !== undefined || config.layout.regionRecord(key) !== undefined)
          found.push(key);
      }
      // One is enough: the history does not reach back behind it.
      if (found.length > 0 || position.sequence >= tip.sequence) break;
    }
    return found;
  }

  #readLog(read: number, from: Position): void {
    const { store, tail } = this.#options;
    const batches = tail.after(from);
    if (batches === undefined) void this.#readBack(read, from);
    else this.feed({ type: 'log', read, batches, tip: store.position });
  }

  async #readBack(read: number, from: Position): Promise<void> {
    const { store, config } = this.#options;
    try {
      const batches = await this.#batches(from, config.batches, config.bytes);
      this.feed({ type: 'log', read, batches, tip: store.position });
    } catch {
      this.feed({ type: 'logGone', read });
    }
  }

  /** What the log holds now after `from`, within the limits. */
  async #batches(from: Position, most: number, bytes: number): Promise<readonly Batch[]> {
    const { store } = this.#options;
    const tip = store.position;
    const found: Batch[] = [];
    if (from.epoch === tip.epoch && from.sequence >= tip.sequence) return found;
    let size = 0;
    for await (const batch of store.changes(from, this.#abort.signal)) {
      found.push({ ...batch, hash: this.#options.blind(batch.hash) });
      size += sharedBytes(batch);
      if (batch.position.sequence >= tip.sequence || found.length >= most || size >= bytes) break;
    }
    return found;
  }

  #readPage(asked: Extract<HubOutput, { type: 'readPage' }>): void {
    if (this.#over) return;
    try {
      this.feed({ type: 'page', page: this.#page(asked) });
    } catch (error) {
      this.#broken(error);
    }
  }

  #page({ read, prefix, after }: Extract<HubOutput, { type: 'readPage' }>): PageResult {
    const { store, history, config } = this.#options;
    using snapshot = store.snapshot();
    const limit = config.records;
    const names = snapshot.list(prefix, { limit: limit + 1, ...(after === undefined ? {} : { after }) });
    const records: { readonly key: string; readonly value: Uint8Array | undefined }[] = [];
    let size = 0;
    for (const key of names.slice(0, limit)) {
      const value = config.layout.isApart?.(key) === true ? undefined : snapshot.get(key);
      records.push({ key, value });
      size += key.length + (value?.length ?? 0);
      if (size >= config.bytes) break;
    }
    const { position } = snapshot;
    const hash = this.#options.blind(store.hashAt(position) ?? store.hash);
    const rule = history.at(position, this.region) ?? history.today(this.region);
    return { read, position, hash, rule, records, more: records.length < names.length };
  }
}
