/** One hub and three regions, and everything that can happen to them. */

import { answer, startWait } from '../../src/regions/convergence.ts';
import type { Wait } from '../../src/regions/convergence.ts';
import type { Write } from '../../src/regions/protocol.ts';
import { HubModel, REGIONS } from './hub-model.ts';
import { checkConverged, checkCopy, must } from './invariants.ts';
import { Connection, deliver, handOver, HubNode, RegionNode } from './nodes.ts';
import type { Clock } from './nodes.ts';
import { pick, Random } from './random.ts';
import { FILTERS, MOUNT_PATHS, MOUNTS, Work } from './work.ts';

/** One step: what, and three numbers that choose among what is possible then. A step that is impossible does nothing. */
export interface Action {
  readonly kind: Kind;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

interface Waiting {
  readonly wait: Wait;
  readonly hub: HubNode;
}

export class World {
  readonly clock: Clock;
  readonly model = new HubModel();
  readonly regions: readonly RegionNode[];
  readonly connections: Connection[] = [];
  readonly stopped = new Map<RegionNode, number>();
  hub: HubNode | undefined;
  waits: Waiting[] = [];
  dupToHub = false;
  readonly work = new Work();
  readonly #checked = new Map<string, number>();

  constructor(seed: number) {
    this.clock = { now: 0, wall: 1_790_000_000_000, random: new Random(seed) };
    this.regions = REGIONS.map((name) => new RegionNode(name, this.clock));
    const writes: Write[] = REGIONS.map((name, at) => this.model.regionRecord(name, FILTERS[at] ?? []));
    MOUNTS.forEach((id, at) => writes.push(this.model.mountRecord(id, MOUNT_PATHS[at] ?? '', 0)));
    this.model.commit(writes, 0);
    this.#startHub();
    for (const region of this.regions) region.start();
    // Most histories begin where the regions follow: what comes after the first snapshot is the larger part.
    if (seed % 4 !== 0) {
      this.model.commit(this.work.writes(12, seed), 0);
      this.#settle();
    }
  }

  #startHub(): void {
    this.hub = new HubNode(this.model, this.clock);
    this.hub.dupToHub = this.dupToHub;
  }

  run(action: Action): void {
    const stopped = [...this.stopped].filter(([, until]) => until > this.clock.now);
    this.stopped.clear();
    for (const [region, until] of stopped) this.stopped.set(region, until);
    steps[action.kind](this, action);
    this.#checkCopies();
    this.checkWaits();
  }

  #checkCopies(): void {
    for (const { name, store } of this.regions) {
      if (this.#checked.get(name) !== store.revision) checkCopy(this.model, name, store);
      this.#checked.set(name, store.revision);
    }
  }

  region(by: number): RegionNode {
    return pick(this.regions, by) ?? (this.regions[0] as RegionNode);
  }

  /** A region that runs and isn't held up. */
  running(by: number): RegionNode | undefined {
    return pick(
      this.regions.filter((region) => region.state !== undefined && !this.stopped.has(region)),
      by,
    );
  }

  checkWaits(): void {
    const roster = REGIONS.map((name) => ({ kind: 'region', name, region: undefined, expires: undefined }) as const);
    this.waits = this.waits.filter(({ wait, hub }) => {
      if (hub !== this.hub) return false;
      if (answer(wait, hub.standings, roster, this.clock.now).state !== 'done') return true;
      for (const { name, store } of this.regions) {
        const at = store.copy.cursor?.position;
        const holds = at?.epoch === wait.index.epoch && at.sequence >= wait.index.sequence;
        must(holds, 'what wait says is so', () => `${name} at ${at?.sequence}, waited for ${wait.index.sequence}`);
      }
      return false;
    });
  }

  startWait(): void {
    if (this.hub === undefined) return;
    const roster = REGIONS.map((name) => ({ kind: 'region', name, region: undefined, expires: undefined }) as const);
    this.waits.push({ wait: startWait(this.model.position, roster), hub: this.hub });
  }

  dial(region: RegionNode, through: boolean): void {
    const number = region.dials.shift();
    if (number === undefined) return;
    if (!through || this.hub === undefined) {
      region.feed({ type: 'ended', connection: number });
      return;
    }
    const connection = new Connection(region, number);
    this.connections.push(connection);
    region.connection = connection;
    this.hub.accept(connection);
    region.feed({ type: 'connected', connection: number, local: { epoch: '1.r', sequence: 0 } });
  }

  /** Runs a region's pending storage command; `told` says whether it lives to learn of it. */
  store(region: RegionNode, told: 'stored' | 'unknown' | 'crash'): void {
    const { pending } = region;
    if (pending === undefined) return;
    const before = region.store.copy.cursor;
    region.store.run(pending.run);
    region.pending = undefined;
    this.#checkMove(region, before);
    if (told === 'stored') region.feed({ type: 'stored', command: pending.command });
    else if (told === 'unknown') region.feed({ type: 'storeFailed', command: pending.command });
    else region.crash();
  }

  #checkMove(region: RegionNode, before: RegionNode['store']['copy']['cursor']): void {
    const after = region.store.copy.cursor;
    if (before === undefined || after === undefined || after === before) return;
    const back = after.position.epoch !== before.position.epoch || after.position.sequence <= before.position.sequence;
    const same =
      after.position.sequence === before.position.sequence &&
      this.model.placeOf(after.hash) === this.model.placeOf(before.hash);
    must(!back || same || region.reloads > 0, 'the cursor goes back by a reload alone', () => region.name);
    if (back && !same) region.reloads = 0;
    const { epoch } = after.position;
    must(
      epoch === before.position.epoch || region.proofs.has(epoch),
      'an epoch needs proof',
      () => `${region.name} ${epoch}`,
    );
  }

  recover(region: RegionNode): void {
    if (!region.recovering) return;
    region.recovering = false;
    region.feed({ type: 'start', copy: region.store.copy, age: region.store.age });
  }

  tellEnded(connection: Connection, end: 'hub' | 'region'): void {
    if (!connection.cut) return;
    if (end === 'hub' && !connection.hubTold) {
      connection.hubTold = true;
      connection.stream?.feed({ type: 'ended' });
    } else if (end === 'region' && !connection.regionTold) {
      connection.regionTold = true;
      const { region } = connection;
      if (region.connection === connection) region.connection = undefined;
      if (region.incarnation === connection.incarnation) region.feed({ type: 'ended', connection: connection.number });
    }
  }

  crashHub(): void {
    if (this.hub === undefined) return;
    this.hub = undefined;
    for (const connection of this.connections) {
      connection.cut = true;
      connection.hubTold = true;
    }
  }

  restartHub(): void {
    if (this.hub === undefined) this.#startHub();
  }

  restore(newEpoch: boolean): void {
    this.crashHub();
    if (this.model.restore(newEpoch) && newEpoch) for (const region of this.regions) region.unproven = true;
  }

  prove(region: RegionNode): void {
    region.proofs.add(this.model.position.epoch);
    region.feed({ type: 'historyProven', log: this.model.log, epoch: this.model.position.epoch });
  }

  tick(by: number, choice: number): void {
    this.clock.now += by;
    this.clock.wall += by;
    if (this.hub !== undefined && (choice & 8) === 0)
      for (const stream of [...this.hub.streams]) stream.feed({ type: 'tick' });
    this.regions.forEach((region, at) => {
      if ((choice & (1 << at)) === 0 && !this.stopped.has(region)) region.feed({ type: 'tick' });
    });
  }

  mount(action: Action): void {
    const id = pick(MOUNTS, action.a) ?? '';
    const path = pick(MOUNT_PATHS, action.b) ?? '';
    const at = this.model.now.mounts.get(id);
    const taken = [...this.model.now.mounts.values()].some((mount) => mount.path === path && mount.id !== id);
    // The id of a removed mount is not used again: it comes back under a new one, with nothing stored.
    if (at === undefined) return;
    this.work.counter += 1;
    if (action.c % 12 === 0) this.hub?.commit([{ key: at.record, value: undefined }]);
    else if (action.c % 12 < 4) this.hub?.commit([this.model.mountRecord(id, at.path, this.work.counter)]);
    else if (!taken)
      this.hub?.commit([
        ...this.work.writes(action.c % 3, action.c),
        this.model.mountRecord(id, path, this.work.counter),
      ]);
  }

  /** Faults end; everything that can happen happens, in order, until it is quiet. */
  heal(): void {
    this.stopped.clear();
    this.restartHub();
    for (const region of this.regions) if (region.state === undefined) region.start();
    this.#settle();
    for (const region of this.regions) checkConverged(this.model, region.name, region.store);
    this.startWait();
    this.checkWaits();
    must(this.waits.length === 0, 'wait ends once all is in place', () => `${this.waits.length} waits`);
  }

  #settle(): void {
    for (let round = 0; round < 120 && !this.quiet(); round += 1) this.#round(round);
  }

  quiet(): boolean {
    return this.regions.every(({ state, store, pending }) => {
      const at = store.copy.cursor?.position;
      const here = at?.sequence === this.model.position.sequence && at.epoch === this.model.position.epoch;
      const following = state?.link?.stage === 'following' && state.link.load === undefined && state.age === 0;
      return here && pending === undefined && following && this.acknowledgedAll();
    });
  }

  acknowledgedAll(): boolean {
    return REGIONS.every((name) => {
      const at = this.hub?.standings.get(`region:${name}`)?.acknowledged;
      return at?.sequence === this.model.position.sequence && at.epoch === this.model.position.epoch;
    });
  }

  #round(round: number): void {
    for (const region of this.regions) {
      if (round % 10 === 2 && region.unproven) this.prove(region);
      this.recover(region);
      while (region.dials.length > 0) this.dial(region, true);
    }
    for (const stream of this.hub?.streams ?? []) if (round === 0) stream.feed({ type: 'drained' });
    for (let busy = true, turns = 0; busy && turns < 2_000; turns += 1) busy = this.#turn();
    this.tick(round < 4 ? 1_000 : 7_000 * (round % 2), 0);
  }

  #turn(): boolean {
    let busy = false;
    for (const connection of this.connections) {
      if (deliver(connection, 'hub')) busy = true;
      if (deliver(connection, 'region')) busy = true;
      if (connection.toRegion.length === 0) this.tellEnded(connection, 'region');
      this.tellEnded(connection, 'hub');
    }
    for (const stream of [...(this.hub?.streams ?? [])]) {
      if (stream.reads.length > 0) busy = true;
      stream.carryOutRead();
    }
    for (const region of this.regions) {
      if (region.pending !== undefined) busy = true;
      this.store(region, 'stored');
    }
    this.#checkCopies();
    return busy;
  }
}

type Step = (world: World, action: Action) => void;

function withConnection(world: World, by: number, run: (connection: Connection) => void): void {
  const live = world.connections.filter((each) => !each.hubTold || !each.regionTold).slice(-8);
  const connection = pick(live, by);
  if (connection !== undefined) run(connection);
}

const steps = {
  write: (world, { a, b }) => world.hub?.commit(world.work.writes(1 + (a % 3), b)),
  mount: (world, action) => world.mount(action),
  filter: (world, { a, b }) => {
    const filter = pick(FILTERS, b) ?? [];
    world.hub?.commit([world.model.regionRecord(world.region(a).name, filter)]);
  },
  compact: (world, { a }) => world.model.compact(world.model.position.sequence - (a % 6)),
  toHub: (world, { a, b }) =>
    withConnection(world, a, (connection) => {
      for (let count = 0; count <= b % 3; count += 1) deliver(connection, 'hub');
    }),
  toRegion: (world, { a, b }) =>
    withConnection(world, a, (connection) => {
      if (world.stopped.has(connection.region)) return;
      for (let count = 0; count <= b % 4; count += 1) deliver(connection, 'region');
    }),
  dial: (world, { a, b }) => {
    const region = world.running(a);
    if (region !== undefined) world.dial(region, b % 6 > 0);
  },
  store: (world, { a, b }) => {
    const region = world.running(a);
    if (region !== undefined) world.store(region, b % 40 === 0 ? 'unknown' : b % 40 === 1 ? 'crash' : 'stored');
  },
  read: (world, { a }) => pick(world.hub?.streams ?? [], a)?.carryOutRead(),
  recover: (world, { a }) => world.recover(world.region(a)),
  tick: (world, { a, b }) => world.tick(a % 16 === 0 ? 3_500 : a % 300, b),
  wallStep: (world, { a }) => void (world.clock.wall += a % 2 === 0 ? 3_600_000 : -3_600_000),
  cut: (world, { a }) => withConnection(world, a, (connection) => void (connection.cut = true)),
  ended: (world, { a, b }) =>
    withConnection(world, a, (connection) => world.tellEnded(connection, b % 2 === 0 ? 'hub' : 'region')),
  crashRegion: (world, { a }) => world.region(a).crash(),
  startRegion: (world, { a }) => {
    const region = world.region(a);
    if (region.state === undefined) region.start();
  },
  crashHub: (world) => world.crashHub(),
  startHub: (world) => world.restartHub(),
  stop: (world, { a, b }) => void world.stopped.set(world.region(a), world.clock.now + (b % 8_000)),
  block: (world, { a, b }) => pick(world.hub?.streams ?? [], a)?.feed({ type: b % 3 === 0 ? 'blocked' : 'drained' }),
  duplicate: (world, { a, b }) => {
    const connection = pick(world.connections, a);
    const old = connection && pick(connection.delivered, b);
    if (connection === undefined || old === undefined) return;
    connection.region.duplicated = true;
    if (old.to === 'hub') world.dupToHub = true;
    if (world.hub !== undefined) world.hub.dupToHub = world.dupToHub;
    handOver(connection, old.to, old.bytes);
  },
  save: (world) => world.model.save(),
  restore: (world, { a }) => world.restore(a % 2 === 0),
  prove: (world, { a }) => world.prove(world.region(a)),
  wait: (world) => world.startWait(),
} satisfies Record<string, Step>;

export type Kind = keyof typeof steps;

/** How often each kind is drawn, out of their sum. */
export const WEIGHTS: Readonly<Record<Kind, number>> = {
  write: 130,
  mount: 22,
  filter: 20,
  compact: 8,
  toHub: 170,
  toRegion: 190,
  dial: 50,
  store: 200,
  read: 140,
  recover: 10,
  tick: 50,
  wallStep: 2,
  cut: 12,
  ended: 20,
  crashRegion: 6,
  startRegion: 15,
  crashHub: 4,
  startHub: 15,
  stop: 4,
  block: 8,
  duplicate: 3,
  save: 8,
  restore: 5,
  prove: 4,
  wait: 6,
};
