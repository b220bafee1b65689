/** Histories: drawn from a seed, run, and when one breaks a rule, made as short as it can be while it still does. */

import { seen } from './nodes.ts';
import { pick, Random } from './random.ts';
import { WEIGHTS, World } from './world.ts';
import type { Action, Kind } from './world.ts';

export interface Failure {
  readonly seed: number;
  readonly step: number;
  readonly error: unknown;
}

const drawn: readonly Kind[] = (Object.keys(WEIGHTS) as Kind[]).flatMap((kind) =>
  Array<Kind>(WEIGHTS[kind]).fill(kind),
);

export function draw(seed: number): readonly Action[] {
  const random = new Random(seed);
  const length = 60 + (random.word() % 240);
  return Array.from({ length }, () => {
    const kind = pick(drawn, random.word()) ?? 'tick';
    return { kind, a: random.word(), b: random.word(), c: random.word() };
  });
}

/** Runs a history to its end, and then until everything has healed. */
export function play(seed: number, actions: readonly Action[]): Failure | undefined {
  let step = 0;
  try {
    const world = new World(seed);
    for (const action of actions) {
      world.run(action);
      step += 1;
    }
    world.heal();
    return undefined;
  } catch (error) {
    return { seed, step, error };
  }
}

/** Leaves out steps as long as the history still fails: halves first, then single ones. */
export function shrink(seed: number, actions: readonly Action[]): readonly Action[] {
  let short = actions;
  for (let size = Math.ceil(short.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < short.length;) {
      const tried = [...short.slice(0, at), ...short.slice(at + size)];
      if (play(seed, tried) === undefined) at += size;
      else short = tried;
    }
  }
  return short;
}

/** Plays the histories of consecutive seeds; the report of the first that fails, shrunk, or undefined. */
export function playMany(first: number, count: number): string | undefined {
  for (let seed = first; seed < first + count; seed += 1) {
    const actions = draw(seed);
    if (play(seed, actions) === undefined) continue;
    const short = shrink(seed, actions);
    const failure = play(seed, short);
    const lines = short.map(({ kind, a, b, c }, at) => `  ${at} ${kind} ${a} ${b} ${c}`);
    const error = failure?.error instanceof Error ? (failure.error.stack ?? failure.error.message) : failure?.error;
    return [`seed ${seed} fails after step ${failure?.step} of ${short.length}: ${error}`, ...lines].join('\n');
  }
  return undefined;
}

/** The first of these histories that fails, as it was drawn. */
export function firstFailure(first: number, count: number): Failure | undefined {
  for (let seed = first; seed < first + count; seed += 1) {
    const failure = play(seed, draw(seed));
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** How often the histories of this process came by each frame, command and alarm. */
export function coverage(): ReadonlyMap<string, number> {
  return seen;
}
