/** What requests are drawn from, in turn. */
import * as approle from './approle.ts';
import type { Area } from './area.ts';
import * as identity from './identity.ts';
import * as kv from './kv.ts';
import * as system from './system.ts';
import * as tokens from './tokens.ts';

export const areas: Readonly<Record<string, Area>> = { kv, tokens, approle, system };

/** Drawn by themselves: what is drawn for the others stays as it was. */
export const laterAreas: Readonly<Record<string, Area>> = { identity };
