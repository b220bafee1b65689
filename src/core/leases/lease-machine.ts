/**
 * What becomes of a lease: decided here alone, without I/O. An intent is written before the engine acts (design rule 15);
 * what is not live in the end is revoked until that succeeds, and never forgotten before.
 */
import type { Machine } from '../../lib/machine.ts';

/** Times are milliseconds since the epoch. */
export type LeaseState =
  | { readonly kind: 'none' }
  /** The engine is at it, at the longest until the deadline. */
  | { readonly kind: 'pending'; readonly deadline: number }
  | { readonly kind: 'live'; readonly expiresAt: number }
  /** To be revoked, the next time at `again`. */
  | Ending
  /** Out of tries: for people to look at. Still tried now and then. */
  | (Omit<Ending, 'kind' | 'error'> & { readonly kind: 'irrevocable'; readonly error: string });

interface Ending {
  readonly kind: 'ending';
  /** Since when it is over. */
  readonly ended: number;
  readonly tries: number;
  readonly again: number;
  /** One success is not enough before this: what was begun may still arrive until then. 0 where all was done. */
  readonly until: number;
  /** Why the last try failed. */
  readonly error?: string;
}

export type LeaseInput =
  | { readonly kind: 'intended'; readonly deadline: number }
  /** Made: now, or without an intent where nothing is made outside. */
  | { readonly kind: 'made'; readonly expiresAt: number }
  /** The engine failed in the middle, or the process did. */
  | { readonly kind: 'cutOff'; readonly now: number }
  | { readonly kind: 'renewed'; readonly now: number; readonly expiresAt: number }
  /** Somebody ends it: an operator, or its token with it. */
  | { readonly kind: 'ended'; readonly now: number }
  /** Time to look. `guard`: when to look again should nothing be heard of the try. */
  | { readonly kind: 'due'; readonly now: number; readonly guard: number }
  /** Tried at once, whatever the time is. */
  | { readonly kind: 'tried'; readonly now: number; readonly guard: number }
  | { readonly kind: 'revoked'; readonly now: number }
  /** `random`: in [0, 1). */
  | { readonly kind: 'failed'; readonly now: number; readonly error: string; readonly random: number }
  | { readonly kind: 'forgotten' };

/** `revoke`: the engine is to be asked. `refused`: the input does not fit the state, which stays as it is. */
export type LeaseOutput = 'revoke' | 'refused';

/** As Vault: six tries, then people are asked. */
export const MOST_TRIES = 6;
const RETRY_BASE_MS = 10_000;
const RARELY_MS = 24 * 3_600_000;

const NONE: LeaseState = { kind: 'none' };

interface Stepped {
  readonly state: LeaseState;
  readonly outputs: readonly LeaseOutput[];
}

const to = (state: LeaseState, ...outputs: readonly LeaseOutput[]): Stepped => ({ state, outputs });
const ending = (ended: number, again: number, until: number): LeaseState => ({
  kind: 'ending',
  ...{ ended, tries: 0, again, until },
});

/** Half to one and a half of it, so that what failed together does not come back together. */
const around = (milliseconds: number, random: number): number => Math.round(milliseconds * (0.5 + random));

/** Ends what has no end yet; undefined where it has one, or is none. */
function begun(state: LeaseState, now: number): LeaseState | undefined {
  if (state.kind === 'pending') return ending(now, now, state.deadline);
  return state.kind === 'live' ? ending(Math.min(now, state.expiresAt), now, 0) : undefined;
}

/** When there is something to do. undefined: there is no such lease. */
export function dueAt(state: LeaseState): number | undefined {
  switch (state.kind) {
    case 'pending':
      return state.deadline;
    case 'live':
      return state.expiresAt;
    case 'ending':
    case 'irrevocable':
      return state.again;
    case 'none':
      return undefined;
  }
}

function tried(state: LeaseState, now: number, guard: number): Stepped {
  const at = begun(state, now) ?? state;
  if (at.kind !== 'ending' && at.kind !== 'irrevocable') return to(state, 'refused');
  return to({ ...at, again: guard }, 'revoke');
}

function revoked(state: LeaseState, now: number): Stepped {
  if (state.kind !== 'ending' && state.kind !== 'irrevocable') return to(state, 'refused');
  return state.until > now ? to(ending(state.ended, state.until, state.until)) : to(NONE);
}

function failed(state: LeaseState, { now, error, random }: Extract<LeaseInput, { kind: 'failed' }>): Stepped {
  if (state.kind !== 'ending' && state.kind !== 'irrevocable') return to(state, 'refused');
  const tries = state.tries + 1;
  if (state.kind === 'irrevocable' || tries >= MOST_TRIES) {
    return to({ ...state, kind: 'irrevocable', tries, error, again: now + around(RARELY_MS, random) });
  }
  return to({ ...state, tries, error, again: now + around(RETRY_BASE_MS * 2 ** tries, random) });
}

function made(state: LeaseState, expiresAt: number): Stepped {
  return state.kind === 'pending' || state.kind === 'none' ? to({ kind: 'live', expiresAt }) : to(state, 'refused');
}

function step(state: LeaseState, input: LeaseInput): Stepped {
  switch (input.kind) {
    case 'intended':
      return state.kind === 'none' ? to({ kind: 'pending', deadline: input.deadline }) : to(state, 'refused');
    case 'made':
      return made(state, input.expiresAt);
    case 'cutOff':
      return state.kind === 'pending' ? to(ending(input.now, input.now, state.deadline)) : to(state, 'refused');
    case 'renewed':
      return state.kind === 'live' && state.expiresAt > input.now
        ? to({ kind: 'live', expiresAt: input.expiresAt })
        : to(state, 'refused');
    case 'ended': {
      const ends = begun(state, input.now);
      return ends === undefined ? to(state, 'refused') : to(ends);
    }
    case 'due':
      return (dueAt(state) ?? Infinity) <= input.now ? tried(state, input.now, input.guard) : to(state, 'refused');
    case 'tried':
      return tried(state, input.now, input.guard);
    case 'revoked':
      return revoked(state, input.now);
    case 'failed':
      return failed(state, input);
    case 'forgotten':
      return state.kind === 'ending' || state.kind === 'irrevocable' ? to(NONE) : to(state, 'refused');
  }
}

export const leaseMachine: Machine<LeaseState, LeaseInput, LeaseOutput> = { initial: NONE, step };
