/** The shells of the simulation: they keep what the machines ask for until a step of the history lets it happen. */

import type { StandingEvent, Standings } from '../../src/regions/convergence.ts';
import { stand } from '../../src/regions/convergence.ts';
import { decodeHubFrame, decodeRegionFrame, encodeFrame } from '../../src/regions/codec.ts';
import { follower } from '../../src/regions/follower.ts';
import type { Follower, FollowerEvent, FollowerOutput } from '../../src/regions/follower-state.ts';
import { hubStream } from '../../src/regions/hub-stream.ts';
import type { HubEvent, HubInput, HubOutput, HubStream } from '../../src/regions/hub-state.ts';
import { locate } from '../../src/regions/locate.ts';
import type { Machine } from '../../src/lib/machine.ts';
import type { HubFrame, Write } from '../../src/regions/protocol.ts';
import { ViewHistory } from '../../src/regions/view-history.ts';
import { layout } from './hub-model.ts';
import type { HubModel } from './hub-model.ts';
import { checkWire, must } from './invariants.ts';
import type { Random } from './random.ts';
import { RegionStore } from './region-store.ts';

export const WINDOW = 700;
const BATCHES = 4;
const RECORDS = 3;

/** What the histories reached, counted over a run: a simulator that never gets somewhere proves nothing about it. */
export const seen = new Map<string, number>();

export function saw(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

export interface Clock {
  now: number;
  wall: number;
  readonly random: Random;
}

/** Two queues of frames. A cut stops new frames at once; each end learns of it later, and old ones may still arrive. */
export class Connection {
  readonly toHub: Uint8Array[] = [];
  readonly toRegion: Uint8Array[] = [];
  readonly delivered: { readonly to: 'hub' | 'region'; readonly bytes: Uint8Array }[] = [];
  readonly region: RegionNode;
  readonly incarnation: number;
  readonly number: number;
  stream: Stream | undefined;
  cut = false;
  hubTold = false;
  regionTold = false;

  constructor(region: RegionNode, number: number) {
    this.region = region;
    this.incarnation = region.incarnation;
    this.number = number;
  }
}

export class Stream {
  readonly hub: HubNode;
  readonly connection: Connection;
  readonly #machine: Machine<HubStream, HubInput, HubOutput>;
  state: HubStream;
  reads: HubOutput[] = [];
  #markedTip = 0;

  constructor(hub: HubNode, connection: Connection) {
    this.hub = hub;
    this.connection = connection;
    const { model, clock, history } = hub;
    const region = connection.region.name;
    this.#machine = hubStream(
      {
        region,
        log: model.log,
        epoch: model.position.epoch,
        nonce: `nonce-${clock.random.word()}`,
        layout,
        interval: 1_000,
        batches: BATCHES,
        records: RECORDS,
        bytes: 1_000,
      },
      { today: history.today(region), tip: model.position, now: clock.now },
    );
    this.state = this.#machine.initial;
  }

  get region(): RegionNode {
    return this.connection.region;
  }

  feed(event: HubEvent): void {
    const { clock, model } = this.hub;
    const marking = markOf(this.state) !== undefined;
    const result = this.#machine.step(this.state, { ...event, now: clock.now, wall: clock.wall });
    this.state = result.state;
    if (event.type === 'tick' && !marking) this.#markedTip = model.position.sequence;
    for (const output of result.outputs) this.#take(output);
    this.#checkBounds();
  }

  /** A mark says that whoever stands there lacked nothing when the hub decided to send one. */
  #checkMark(frame: HubFrame): void {
    if (frame.type !== 'mark') return;
    must(frame.position.sequence >= this.#markedTip, 'a mark is true', () => `${frame.position.sequence}`);
  }

  #checkBounds(): void {
    const { ledger, stage } = this.state;
    must(ledger.bytes <= WINDOW + 1_500, 'bounded buffers', () => `hub has ${ledger.bytes} bytes in flight`);
    const fetched = stage.phase === 'streaming' ? stage.fetched.length : 0;
    must(fetched <= BATCHES, 'bounded buffers', () => `hub holds ${fetched} batches`);
  }

  #take(output: HubOutput): void {
    const { hub, connection } = this;
    switch (output.type) {
      case 'send':
        checkWire(hub.model, this.region.name, output.frame);
        saw(`hub sends ${describe(output.frame)}`);
        this.#checkMark(output.frame);
        if (!connection.cut) connection.toRegion.push(encodeFrame(output.frame));
        return;
      case 'locate':
      case 'readLog':
      case 'readPage':
        must(this.reads.length < 2, 'bounded buffers', () => 'several reads are outstanding');
        this.reads = [...this.reads, output];
        return;
      case 'greeted':
        hub.greeted(this);
        return;
      case 'acknowledged':
        hub.acknowledged(this.region, output.position);
        return;
      case 'audit':
        must(hub.dupToHub, 'true regions raise no alarm', () => `${output.event}: ${output.detail}`);
        return;
      case 'consumer':
      case 'roster':
        return;
      case 'close':
        hub.closed(this);
    }
  }

  /** Carries out the oldest read, on the hub's state of this moment. */
  carryOutRead(): void {
    const [output, ...rest] = this.reads;
    this.reads = rest;
    const { model, history } = this.hub;
    if (output?.type === 'locate') {
      const place = locate(model, output.cursor);
      this.feed({ type: 'located', place, rule: place === 'here' ? this.#ruleAt(output.cursor.position) : undefined });
    } else if (output?.type === 'readLog') {
      const batches = model.after(output.from, BATCHES);
      if (batches === undefined) this.feed({ type: 'logGone', read: output.read });
      else this.feed({ type: 'log', read: output.read, batches, tip: model.position });
    } else if (output?.type === 'readPage') {
      const keys = [...model.now.state.keys()].filter((key) => key.startsWith(output.prefix)).sort();
      const left = keys.filter((key) => output.after === undefined || key > output.after);
      const records: Write[] = left.slice(0, RECORDS).map((key) => ({ key, value: model.now.state.get(key) }));
      const { position, hash } = model;
      const rule = history.today(this.region.name);
      const page = { read: output.read, position, hash, rule, records, more: left.length > RECORDS };
      this.feed({ type: 'page', page });
    }
  }

  #ruleAt(position: HubModel['position']) {
    const { model, history } = this.hub;
    const batches = model.after(position, Infinity);
    if (batches === undefined) return undefined;
    const keys = batches.flatMap((batch) => batch.writes.map((write) => write.key));
    return history.reachBack(position, keys) ? history.at(position, this.region.name) : undefined;
  }
}

export class HubNode {
  readonly model: HubModel;
  readonly clock: Clock;
  readonly history: ViewHistory;
  streams: Stream[] = [];
  standings: Standings = new Map();
  dupToHub = false;

  constructor(model: HubModel, clock: Clock) {
    this.model = model;
    this.clock = clock;
    const records = [...model.now.state].map(([key, value]) => ({ key, value }));
    this.history = new ViewHistory(model.position, records, layout);
  }

  accept(connection: Connection): void {
    const stream = new Stream(this, connection);
    connection.stream = stream;
    this.streams.push(stream);
  }

  /** Commits at the hub: the rule reaches every stream before the batch does. */
  commit(writes: readonly Write[]): void {
    const batch = this.model.commit(writes, this.clock.wall);
    if (this.history.observe(batch.position, batch.writes)) {
      for (const stream of [...this.streams])
        stream.feed({ type: 'today', rule: this.history.today(stream.region.name) });
    }
    for (const stream of [...this.streams]) stream.feed({ type: 'tip', tip: batch.position });
  }

  #stand(region: RegionNode, event: StandingEvent): void {
    this.standings = stand(this.standings, `region:${region.name}`, event, this.clock.now);
  }

  greeted(stream: Stream): void {
    this.#stand(stream.region, { type: 'opened' });
    for (const other of [...this.streams]) {
      if (other !== stream && other.region === stream.region) other.feed({ type: 'ended' });
    }
  }

  acknowledged(region: RegionNode, position: HubModel['position']): void {
    const durable = region.store.copy.cursor?.position;
    const holds = durable?.epoch === position.epoch && durable.sequence >= position.sequence;
    must(holds, 'acknowledged is applied', () => `${region.name} at ${durable?.sequence} said ${position.sequence}`);
    this.#stand(region, { type: 'acknowledged', position });
  }

  closed(stream: Stream): void {
    this.streams = this.streams.filter((each) => each !== stream);
    if (!this.streams.some((each) => each.region === stream.region)) this.#stand(stream.region, { type: 'offline' });
    stream.connection.hubTold = true;
    stream.connection.cut = true;
  }
}

export class RegionNode {
  readonly name: string;
  readonly clock: Clock;
  readonly store = new RegionStore();
  incarnation = 0;
  machine: Machine<Follower, { now: number; wall: number; random: number } & FollowerEvent, FollowerOutput> | undefined;
  state: Follower | undefined;
  connection: Connection | undefined;
  dials: number[] = [];
  pending: Extract<FollowerOutput, { type: 'store' }> | undefined;
  recovering = false;
  /** Set by the world: whether this region may be told things twice. */
  duplicated = false;
  unproven = false;
  readonly proofs = new Set<string>();
  reloads = 0;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.clock = clock;
  }

  start(): void {
    this.incarnation += 1;
    const config = { region: this.name, instance: `${this.incarnation}`, window: WINDOW, interval: 1_000 };
    this.machine = follower(config);
    this.state = this.machine.initial;
    this.feed({ type: 'start', copy: this.store.copy, age: this.store.age });
  }

  crash(): void {
    this.machine = undefined;
    this.state = undefined;
    this.pending = undefined;
    this.dials = [];
    this.recovering = false;
    if (this.connection !== undefined) this.connection.cut = true;
    this.connection = undefined;
  }

  feed(event: FollowerEvent): void {
    if (this.machine === undefined || this.state === undefined) return;
    const { now, wall, random } = this.clock;
    const result = this.machine.step(this.state, { ...event, now, wall, random: random.fraction() });
    this.state = result.state;
    for (const output of result.outputs) {
      saw(`region ${output.type === 'store' ? output.run.do : output.type === 'alarm' ? output.problem : output.type}`);
      this.#take(output);
    }
    const held = this.state.link?.inboxBytes ?? 0;
    must(held <= WINDOW + 1_500, 'bounded buffers', () => `${this.name} holds ${held} bytes`);
  }

  #take(output: FollowerOutput): void {
    if (output.type === 'connect') this.dials.push(output.connection);
    else if (output.type === 'send') this.#send(output);
    else if (output.type === 'disconnect') this.#disconnect(output.connection);
    else if (output.type === 'recover') this.recovering = true;
    else if (output.type === 'quarantine') this.reloads += 1;
    else if (output.type === 'persistAge') this.store.age = output.age;
    else if (output.type === 'alarm') this.#alarm(output);
    else if (output.type === 'store') {
      must(this.pending === undefined, 'one storage command at a time', () => this.name);
      this.pending = output;
    } else {
      const shown = this.store.copy.cursor?.position.sequence;
      must(shown === output.cursor.position.sequence, 'shown is applied', () => `${this.name} ${shown}`);
    }
  }

  #send({ connection, frame }: Extract<FollowerOutput, { type: 'send' }>): void {
    if (this.connection?.number === connection && !this.connection.cut) this.connection.toHub.push(encodeFrame(frame));
  }

  #disconnect(connection: number): void {
    if (this.connection?.number !== connection) return;
    this.connection.cut = true;
    this.connection.regionTold = true;
    this.connection = undefined;
  }

  #alarm(alarm: Extract<FollowerOutput, { type: 'alarm' }>): void {
    const twice = this.duplicated && ['outOfOrder', 'unexpectedFrame', 'refused'].includes(alarm.problem);
    const expected =
      twice ||
      (alarm.problem === 'historyUnproven' && this.unproven) ||
      (alarm.problem === 'refused' && /^(silent|shuttingDown)/u.test(alarm.detail));
    must(expected, 'a true hub raises no alarm', () => `${this.name}: ${alarm.problem} ${alarm.detail}`);
  }
}

function markOf(state: HubStream) {
  return state.stage.phase === 'streaming' ? state.stage.markAt : undefined;
}

function describe(frame: HubFrame): string {
  if (frame.type === 'snapshotStart') return `snapshot of ${frame.scope}`;
  if (frame.type === 'welcome') return `welcome ${frame.snapshot ?? 'resume'}`;
  return frame.type === 'refuse' ? `refuse ${frame.reason}` : frame.type;
}

/** Hands the oldest frame of a direction over. */
export function deliver(connection: Connection, to: 'hub' | 'region'): boolean {
  const bytes = (to === 'hub' ? connection.toHub : connection.toRegion).shift();
  if (bytes === undefined) return false;
  connection.delivered.push({ to, bytes });
  handOver(connection, to, bytes);
  return true;
}

export function handOver(connection: Connection, to: 'hub' | 'region', bytes: Uint8Array): void {
  if (to === 'hub') {
    if (!connection.hubTold) connection.stream?.feed({ type: 'frame', frame: decodeRegionFrame(bytes) });
    return;
  }
  const { region, number } = connection;
  if (region.incarnation === connection.incarnation) {
    // As a chunk of the socket brings them: those that have come together are applied together.
    const more = connection.toRegion.length > 0;
    region.feed({ type: 'frame', connection: number, frame: decodeHubFrame(bytes), more });
  }
}
