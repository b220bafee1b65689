/**
 * The hub's side of one region's stream, without I/O (docs/adr/0005-region-stream.md).
 *
 * States: awaiting the hello → locating the region's cursor → streaming (with a snapshot under way or not) → closed.
 * The shell makes one machine a connection, feeds it inputs one at a time, and does what the outputs say:
 *
 * - `send`: encode and write the frame, in order. When the socket is full, feed `blocked`, later `drained`.
 * - `locate`: look the cursor up in the hub's store (`locate.ts`), feed `located`.
 * - `readLog`: read batches after `from`, at most `batches` and about `bytes`, with what the log holds now (an empty
 *   list at the tip), feed `log`; when the store throws `compacted` or `unknownPosition`, feed `logGone`.
 * - `readPage`: in one short read transaction, the records below `prefix` after `after`, at most `records` and about
 *   `bytes`; feed `page` with the position and hash that the transaction shows and the rule at that position.
 * - `acknowledged`: the region's copy is durable there: tell convergence. `consumer`: a consumer's acknowledgement.
 * - `roster`: who the region's consumers are: tell convergence, in order.
 * - `audit`: write it to the hub's audit log; each is a try that a true region does not make.
 * - `close`: flush what was sent, then end the connection.
 *
 * Inputs that the shell owes without being asked: `tick` about every second; `tip` after each commit; `today` when the
 * rules changed, before the `tip` of that commit (`ViewHistory.observe`); `frame` for each decoded frame, or `badFrame`;
 * `ended` when the connection is gone; `stop` with a reason when the hub ends it (region removed, clone, shutdown).
 * Values pass through untouched: the shell may leave them encrypted until it encodes a frame.
 */

import type { Machine } from '../lib/machine.ts';
import type { Position } from '../storage/store.ts';
import { greet, located } from './hub-greeting.ts';
import { acknowledge, consumerAcknowledged, toldRoster } from './hub-ledger.ts';
import { close, refuseWithAudit, SILENT_INTERVALS } from './hub-state.ts';
import type { HubEvent, HubInput, HubOutput, HubStream, HubStreamConfig, Result } from './hub-state.ts';
import { logGone, pageRead, pump, toldToday } from './hub-walk.ts';
import type { RegionFrame } from './protocol.ts';
import type { RuleAt } from './view.ts';

function frame(state: HubStream, received: RegionFrame): Result {
  const { phase } = state.stage;
  if (received.type === 'hello' && phase === 'awaiting') return greet(state, received);
  if (received.type === 'heartbeat' && phase !== 'awaiting') return [state, []];
  if (received.type === 'ack' && phase === 'streaming') return acknowledge(state, received);
  if (received.type === 'consumerAck' && phase === 'streaming') return consumerAcknowledged(state, received);
  if (received.type === 'roster' && phase === 'streaming') return toldRoster(state, received);
  return unexpected(state, received.type);
}

function unexpected(state: HubStream, type: string): Result {
  return refuseWithAudit(state, 'badFrame', 'unexpectedFrame', `${type} while ${state.stage.phase}`);
}

function tick(state: HubStream, now: number, wall: number): Result {
  if (now - state.heardAt > SILENT_INTERVALS * state.config.interval) {
    return close(state, 'silent', 'nothing was heard from the region');
  }
  const { stage } = state;
  if (stage.phase !== 'streaming' || now - state.tickedAt < state.config.interval) return [state, []];
  const marked = { ...stage, markAt: stage.markAt ?? { sequence: state.tip.sequence, wall } };
  const next = { ...state, stage: marked, tickedAt: now };
  if (now - state.saidAt < state.config.interval) return [next, []];
  return [next, [{ type: 'send', frame: { type: 'heartbeat', time: wall } }]];
}

type Handlers = {
  readonly [T in HubEvent['type']]: (state: HubStream, input: Extract<HubInput, { type: T }>) => Result;
};

const handlers: Handlers = {
  frame: (state, input) => frame({ ...state, heardAt: input.now }, input.frame),
  badFrame: (state, input) => refuseWithAudit(state, 'badFrame', 'malformedFrame', input.problem),
  located: (state, input) => located(state, input.place, input.rule),
  log: (state, input) => logRead(state, input),
  logGone: (state, input) => logGone(state, input.read),
  page: (state, input) => pageRead(state, input.page),
  tip: (state, input) => [{ ...state, tip: input.tip }, []],
  today: (state, input) => toldToday(state, input.rule),
  tick: (state, input) => tick(state, input.now, input.wall),
  blocked: (state) => [{ ...state, blocked: true }, []],
  drained: (state) => [{ ...state, blocked: false }, []],
  stop: (state, input) => close(state, input.reason, `the hub ended the stream: ${input.reason}`),
  ended: (state) => [{ ...state, stage: { phase: 'closed' } }, [{ type: 'close', reason: 'ended' }]],
};

function handle(state: HubStream, input: HubInput): Result {
  const handler = handlers[input.type] as (state: HubStream, input: HubInput) => Result;
  return handler(state, input);
}

function logRead(state: HubStream, input: Extract<HubEvent, { type: 'log' }>): Result {
  const { stage } = state;
  if (stage.phase !== 'streaming' || !state.reading || input.read !== state.read) return [state, []];
  const fetched = [...stage.fetched, ...input.batches];
  return [{ ...state, reading: false, tip: input.tip, stage: { ...stage, fetched } }, []];
}

export function hubStream(
  config: HubStreamConfig,
  start: { readonly today: RuleAt; readonly tip: Position; readonly now: number },
): Machine<HubStream, HubInput, HubOutput> {
  const initial: HubStream = {
    config,
    stage: { phase: 'awaiting' },
    today: start.today,
    tip: start.tip,
    ledger: { n: 0, window: 0, frames: [], bytes: 0, acknowledged: undefined },
    blocked: false,
    read: 0,
    reading: false,
    loads: 0,
    heardAt: start.now,
    saidAt: start.now,
    tickedAt: start.now,
  };
  const step = (state: HubStream, input: HubInput) => {
    if (state.stage.phase === 'closed') return { state, outputs: [] };
    const [handled, first] = handle(state, input);
    const [pumped, second] = pump(handled);
    const outputs = [...first, ...second];
    const said = outputs.some((output) => output.type === 'send');
    return { state: said ? { ...pumped, saidAt: input.now } : pumped, outputs };
  };
  return { initial, step };
}
