import type { Draw } from '../draw.ts';
import type { KnownDifference } from '../known-differences.ts';
import type { Step } from '../step.ts';
import type { World } from '../worlds.ts';

/** Requests about one topic. */
export interface Area {
  /** What its requests find there. */
  readonly before: readonly Step[];
  readonly step: (draw: Draw) => Step;
}

/** One that has two servers for itself. */
export interface OwnArea extends Area {
  /** What no draw would come upon: written by hand, and asked before what is drawn. */
  readonly odd: readonly Step[];
  /** Where Lockstep answers otherwise here, and why. */
  readonly known: readonly KnownDifference[];
  /** Drawn ones; 400 unless it says so. */
  readonly drawn?: number;
  /** The servers that it is asked of; development servers unless it says so. */
  readonly world?: World;
}

/** Draws which kind a request is of, then the request. */
export const oneOf =
  (kinds: readonly ((draw: Draw) => Step)[]) =>
  (draw: Draw): Step => {
    const kind = kinds[draw.number(kinds.length)];
    if (kind === undefined) throw new Error('an area draws from nothing');
    return kind(draw);
  };
