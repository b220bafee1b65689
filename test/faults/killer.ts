/** Kills servers at random moments and at failpoints, and starts them again, until as many kills were made as asked. */
import type { Draw } from '../../src/lib/draw.testing.ts';
import { until, type Fleet, type ServerName } from './fleet.ts';
import type { History } from './history.ts';

export interface KillerOptions {
  readonly fleet: Fleet;
  readonly victim: ServerName;
  readonly failpoints: readonly string[];
  readonly kills: number;
  readonly draw: Draw;
  readonly history: History;
  readonly failed: AbortSignal;
  /** Changes so far that took the victim and another server: those that were forwarded. */
  readonly acknowledged: () => number;
}

/** A victim is left alone until this many changes were acknowledged, so that a busy machine kills no less at work. */
const MOST_WORK = 12;
const ARMED_WORK = 20;
const WORKS_WITHIN_MS = 5_000;
/** After as many kills without a change before them it is let alone until there is one. */
const MOST_IDLE_KILLS = 3;
/** While others may still be killed as often, at a start of some seconds each. */
const RECOVERS_WITHIN_MS = 120_000;
const MOST_HITS = 5;

export class Killer {
  /** Kills by where they struck. */
  readonly struck = new Map<string, number>();
  readonly #options: KillerOptions;
  #next: number;
  /** Milliseconds that it was let alone for, each time. */
  readonly recovered: number[] = [];
  /** Kills since the last change, and how many changes there were at the last of them. */
  #idleKills = 0;
  #changes = 0;

  constructor(options: KillerOptions) {
    this.#options = options;
    this.#next = options.draw.below(options.failpoints.length);
  }

  get victim(): ServerName {
    return this.#options.victim;
  }

  async run(): Promise<void> {
    const { kills, victim, failed, fleet } = this.#options;
    for (let made = 0; made < kills && !failed.aborted; made += 1) {
      await this.#kill(victim);
      this.#countIdle();
      if (this.#idleKills >= MOST_IDLE_KILLS) await this.#letRecover();
    }
    if (!failed.aborted && fleet.child(victim)?.running !== true) await fleet.start(victim);
  }

  /** It runs, killed at a random moment; or is started anew with a failpoint, which ends it. */
  async #kill(name: ServerName): Promise<void> {
    const { fleet, draw, history } = this.#options;
    const armed = draw.next() < 0.6 ? this.#failpoint() : undefined;
    if (armed === undefined) {
      if (fleet.child(name)?.running !== true) await this.#startForRandom(name);
      await fleet.kill(name);
      this.#count(`${name}: random`);
      history.add(`killed ${name}`);
      return;
    }
    await fleet.kill(name);
    const spec = `${armed}=kill@${String(1 + draw.below(MOST_HITS))}`;
    history.add(`starting ${name} with ${spec}`);
    if (await fleet.start(name, spec)) await this.#works(ARMED_WORK);
    const met = fleet.child(name)?.running !== true;
    await fleet.kill(name);
    this.#count(`${name}: ${met ? armed : 'random'}`);
    history.add(`${name} ended${met ? '' : ', its failpoint not met'}`);
  }

  /** Serves for a while, or is caught while it starts. */
  async #startForRandom(name: ServerName): Promise<void> {
    const { fleet, draw } = this.#options;
    if (draw.next() < 0.15) {
      await fleet.spawn(name);
      await new Promise((resolve) => {
        setTimeout(resolve, draw.below(900));
      });
      return;
    }
    await fleet.start(name);
    await this.#works(draw.below(MOST_WORK));
  }

  #countIdle(): void {
    const changes = this.#options.acknowledged();
    this.#idleKills = changes > this.#changes ? 0 : this.#idleKills + 1;
    this.#changes = changes;
  }

  /** Three killers that know nothing of each other could keep their victims from ever being up at the same time. */
  async #letRecover(): Promise<void> {
    const { fleet, victim, acknowledged, failed, history } = this.#options;
    const began = performance.now();
    if (fleet.child(victim)?.running !== true) await fleet.start(victim);
    await until(
      `a change that ${victim}, let alone, has a part in`,
      async () => {
        if (failed.aborted || acknowledged() > this.#changes) return true;
        if (fleet.child(victim)?.running === true) return undefined;
        throw new Error(`${victim} ended by itself: see ${fleet.logOf(victim)}`);
      },
      RECOVERS_WITHIN_MS,
    );
    this.recovered.push(Math.round(performance.now() - began));
    history.add(`${victim} was let alone for ${String(this.recovered.at(-1))} ms`);
    this.#idleKills = 0;
    this.#changes = acknowledged();
  }

  /** Until it has a part in `changes` more changes, it has ended, or time is over. */
  async #works(changes: number): Promise<void> {
    const { fleet, victim, acknowledged, failed } = this.#options;
    const caller = fleet.caller(victim);
    const end = performance.now() + WORKS_WITHIN_MS;
    let from: number | undefined;
    await until(`${victim} at work`, async () => {
      if (performance.now() > end || failed.aborted || fleet.child(victim)?.running !== true) return true;
      if (from === undefined && victim !== 'hub') {
        const answer = await caller.tried('GET', 'sys/regions');
        if (answer?.data['connected'] !== true) return undefined;
      }
      from ??= acknowledged();
      return acknowledged() >= from + changes ? true : undefined;
    });
  }

  #failpoint(): string | undefined {
    const { failpoints } = this.#options;
    this.#next += 1;
    return failpoints[this.#next % failpoints.length];
  }

  #count(where: string): void {
    this.struck.set(where, (this.struck.get(where) ?? 0) + 1);
  }
}
