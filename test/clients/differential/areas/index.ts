/** What requests are drawn from, in turn. */
import type { Draw } from '../draw.ts';
import type { Step } from '../step.ts';
import * as approle from './approle.ts';
import * as identity from './identity.ts';
import * as kv from './kv.ts';
import * as system from './system.ts';
import * as tokens from './tokens.ts';

export interface Area {
  /** What its requests find there. */
  readonly before: readonly Step[];
  readonly step: (draw: Draw) => Step;
}

export const areas: Readonly<Record<string, Area>> = { kv, tokens, approle, system };

/** Drawn by themselves: what is drawn for the others stays as it was. */
export const laterAreas: Readonly<Record<string, Area>> = { identity };
