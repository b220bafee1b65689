/** Kills servers at random moments and at failpoints, and starts them again, until as many kills were made as asked. */
import type { Fleet, ServerName } from './fleet.ts';
import type { History } from './history.ts';
import type { Draw } from './random.ts';

export interface KillerOptions {
  readonly fleet: Fleet;
  /** One at a time. */
  readonly victims: readonly ServerName[];
  readonly failpoints: readonly string[];
  readonly kills: number;
  readonly draw: Draw;
  readonly history: History;
  readonly failed: AbortSignal;
}

/** How long an armed process may live until it is killed without having met its failpoint. */
const MEETS_WITHIN_MS = 5_000;
const MOST_HITS = 12;

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export class Killer {
  /** Kills by where they struck. */
  readonly struck = new Map<string, number>();
  readonly #options: KillerOptions;
  #next = 0;

  constructor(options: KillerOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { kills, victims, failed, fleet } = this.#options;
    for (let made = 0; made < kills && !failed.aborted; made += 1) {
      const name = victims[made % victims.length] ?? 'hub';
      await this.#kill(name);
    }
    if (!failed.aborted) for (const name of victims) if (fleet.child(name)?.running !== true) await fleet.start(name);
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
    const served = await fleet.start(name, spec);
    const child = fleet.child(name);
    const over = await Promise.race([child?.ended.then(() => true), pause(served ? MEETS_WITHIN_MS : 0)]);
    await fleet.kill(name);
    this.#count(over === true || !served ? `${name}: ${armed}` : `${name}: random`);
    history.add(`${name} ended${over === true || !served ? ` at ${spec}` : ', its failpoint not met'}`);
  }

  /** Serves for a while, or is caught while it starts. */
  async #startForRandom(name: ServerName): Promise<void> {
    const { fleet, draw } = this.#options;
    if (draw.next() < 0.15) {
      await fleet.spawn(name);
      await pause(draw.below(900));
      return;
    }
    await fleet.start(name);
    await pause(50 + draw.below(700));
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
