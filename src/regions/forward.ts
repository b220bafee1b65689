/**
 * One write that a region forwards to the hub, without I/O: a time-out means "unknown", so it is asked again under the
 * same idempotency key, and the answer says no more than what is known.
 *
 * The shell does what the outputs say: `send` forwards the request under its key and feeds `replied` with the hub's
 * position, or `failed`: `reached` is false only when certainly no byte of the request left this node. `answer` ends it:
 * - `shown`: the hub's reply, and this region shows the write;
 * - `committed`: the hub's reply; this region did not show the write in time: the reply's index says what to wait for;
 * - `hubUnreachable`: nothing was sent, so nothing was written: 503 at once;
 * - `unknown`: it may have been written; the client may ask again under the same key.
 */

import type { Machine } from '../lib/machine.ts';
import type { Position } from '../storage/store.ts';

export interface ForwardConfig {
  /** How long to go on asking while the outcome is unknown, milliseconds. Less than the hub keeps its records. */
  readonly patience: number;
  /** How long one attempt may take. */
  readonly attempt: number;
  /** How long to wait for this region to show the write. */
  readonly show: number;
}

export type ForwardEvent =
  | { readonly type: 'start' }
  | { readonly type: 'replied'; readonly position: Position }
  | { readonly type: 'failed'; readonly attempt: number; readonly reached: boolean }
  /** The newest position of the hub's log that this region shows; fed at the start and whenever it moves. */
  | { readonly type: 'shows'; readonly position: Position }
  | { readonly type: 'tick' };

export type ForwardInput = ForwardEvent & { readonly now: number; readonly random: number };
export type ForwardResult = 'shown' | 'committed' | 'hubUnreachable' | 'unknown';
export type ForwardOutput =
  { readonly type: 'send'; readonly attempt: number } | { readonly type: 'answer'; readonly result: ForwardResult };

interface Asking {
  readonly stage: 'asking';
  readonly attempt: number;
  readonly attemptEnds: number;
  /** When the next attempt is due; undefined while one is under way. */
  readonly retryAt: number | undefined;
  /** Whether some attempt may have reached the hub. */
  readonly reached: boolean;
  readonly ends: number;
}
interface Showing {
  readonly stage: 'showing';
  readonly position: Position;
  readonly ends: number;
}
export interface Forward {
  readonly step: { readonly stage: 'idle' } | Asking | Showing | { readonly stage: 'answered' };
  readonly shows: Position | undefined;
}

type Result = readonly [Forward, readonly ForwardOutput[]];
const RETRY_LEAST = 100;
const RETRY_MOST = 5_000;

function end(state: Forward, result: ForwardResult): Result {
  return [{ ...state, step: { stage: 'answered' } }, [{ type: 'answer', result }]];
}

function reaches(shows: Position | undefined, position: Position): boolean {
  return shows?.epoch === position.epoch && shows.sequence >= position.sequence;
}

function send(config: ForwardConfig, state: Forward, asking: Asking, now: number): Result {
  const attempt = asking.attempt + 1;
  const step = { ...asking, attempt, attemptEnds: now + config.attempt, retryAt: undefined };
  return [{ ...state, step }, [{ type: 'send', attempt }]];
}

/** The attempt is over without an answer. */
function lost(state: Forward, asking: Asking, reached: boolean, input: ForwardInput): Result {
  const maybe = asking.reached || reached;
  if (!maybe) return end(state, 'hubUnreachable');
  const most = Math.min(RETRY_MOST, RETRY_LEAST * 2 ** Math.min(asking.attempt, 10));
  const retryAt = input.now + RETRY_LEAST + input.random * (most - RETRY_LEAST);
  return [{ ...state, step: { ...asking, reached: maybe, retryAt } }, []];
}

function tick(config: ForwardConfig, state: Forward, input: ForwardInput): Result {
  const { step } = state;
  const { now } = input;
  if (step.stage === 'showing') return now >= step.ends ? end(state, 'committed') : [state, []];
  if (step.stage !== 'asking') return [state, []];
  if (now >= step.ends) return end(state, 'unknown');
  if (step.retryAt !== undefined) return now >= step.retryAt ? send(config, state, step, now) : [state, []];
  return now >= step.attemptEnds ? lost(state, step, true, input) : [state, []];
}

function start(config: ForwardConfig, state: Forward, now: number): Result {
  if (state.step.stage !== 'idle') return [state, []];
  const ends = now + config.patience;
  const asking = { stage: 'asking', attempt: 0, attemptEnds: 0, retryAt: undefined, reached: false, ends } as const;
  return send(config, state, asking, now);
}

/** The reply of any attempt counts: they all carry the same key. */
function replied(config: ForwardConfig, state: Forward, position: Position, now: number): Result {
  if (state.step.stage !== 'asking') return [state, []];
  if (reaches(state.shows, position)) return end(state, 'shown');
  return [{ ...state, step: { stage: 'showing', position, ends: now + config.show } }, []];
}

function failed(state: Forward, input: ForwardInput & { readonly attempt: number; readonly reached: boolean }): Result {
  const { step } = state;
  if (step.stage !== 'asking' || input.attempt !== step.attempt || step.retryAt !== undefined) return [state, []];
  return lost(state, step, input.reached, input);
}

function shows(state: Forward, position: Position): Result {
  const { step } = state;
  const next = { ...state, shows: position };
  return step.stage === 'showing' && reaches(position, step.position) ? end(next, 'shown') : [next, []];
}

function handle(config: ForwardConfig, state: Forward, input: ForwardInput): Result {
  if (input.type === 'start') return start(config, state, input.now);
  if (input.type === 'replied') return replied(config, state, input.position, input.now);
  if (input.type === 'failed') return failed(state, input);
  return input.type === 'shows' ? shows(state, input.position) : tick(config, state, input);
}

export function forward(config: ForwardConfig): Machine<Forward, ForwardInput, ForwardOutput> {
  return {
    initial: { step: { stage: 'idle' }, shows: undefined },
    step: (state, input) => {
      const [next, outputs] = handle(config, state, input);
      return { state: next, outputs };
    },
  };
}
