/** What was sent on one stream and what of it came back: credit, and acknowledgements that can be believed. */

import { refuseWithAudit } from './hub-state.ts';
import type { HubStream, InFlight, Ledger, Point, Result } from './hub-state.ts';
import { MAX_FRAMES_IN_FLIGHT, sameBytes, samePosition, sizeOf } from './protocol.ts';
import type { Ack, ConsumerAck, NumberedFrame, Roster } from './protocol.ts';

/** Whether the region has room. The last frame may go over the window, or one larger than it could never be sent. */
export function hasCredit(ledger: Ledger): boolean {
  return ledger.bytes < ledger.window && ledger.frames.length < MAX_FRAMES_IN_FLIGHT;
}

/** The bytes that a frame counts against the window. */
export function bytesOf(frame: NumberedFrame): number {
  const writes = 'writes' in frame ? sizeOf(frame.writes) : 64;
  const prefixes = 'purge' in frame ? frame.purge.prefixes.reduce((sum, prefix) => sum + prefix.length, 0) : 0;
  return writes + prefixes;
}

export function record(ledger: Ledger, frame: NumberedFrame, point: Point | undefined): Ledger {
  const bytes = bytesOf(frame);
  return {
    ...ledger,
    n: frame.n,
    frames: [...ledger.frames, { n: frame.n, bytes, point }],
    bytes: ledger.bytes + bytes,
  };
}

function pointProblem(ledger: Ledger, processed: readonly InFlight[], cursor: Point) {
  const sent = processed.find((each) => each.point !== undefined && samePosition(each.point.position, cursor.position));
  if (sent?.point !== undefined) return sameBytes(sent.point.hash, cursor.hash) ? undefined : ('ackHash' as const);
  const known = ledger.acknowledged;
  const behind = known?.position.epoch === cursor.position.epoch && cursor.position.sequence <= known.position.sequence;
  return behind ? ('ackBackwards' as const) : ('ackBeyondSent' as const);
}

/** An acknowledgement counts for a frame of this stream alone, with the stream's nonce and the frame's own hash. */
export function acknowledge(state: HubStream, ack: Ack): Result {
  const { ledger, config } = state;
  if (ack.nonce !== config.nonce)
    return refuseWithAudit(state, 'badAck', 'ackNonce', 'the nonce is not of this stream');
  const first = ledger.frames[0]?.n ?? ledger.n + 1;
  if (ack.through > ledger.n) {
    return refuseWithAudit(state, 'badAck', 'ackBeyondSent', `frame ${ack.through}, sent ${ledger.n}`);
  }
  if (ack.through < first - 1) {
    return refuseWithAudit(state, 'badAck', 'ackBackwards', `frame ${ack.through} after frame ${first - 1}`);
  }
  const processed = ledger.frames.filter((frame) => frame.n <= ack.through);
  const problem = ack.cursor && pointProblem(ledger, processed, ack.cursor);
  if (problem !== undefined) {
    return refuseWithAudit(state, 'badAck', problem, `position ${ack.cursor?.position.sequence ?? 0}`);
  }
  const frames = ledger.frames.slice(processed.length);
  const bytes = processed.reduce((rest, frame) => rest - frame.bytes, ledger.bytes);
  const next = { ...state, ledger: { ...ledger, frames, bytes, acknowledged: ack.cursor ?? ledger.acknowledged } };
  return [next, ack.cursor === undefined ? [] : [{ type: 'acknowledged', position: ack.cursor.position }]];
}

/** A region speaks for its consumers only up to where its own copy stands. */
export function consumerAcknowledged(state: HubStream, ack: ConsumerAck): Result {
  if (ack.nonce !== state.config.nonce) {
    return refuseWithAudit(state, 'badAck', 'ackNonce', 'the nonce is not of this stream');
  }
  const own = state.ledger.acknowledged?.position;
  if (own === undefined || own.epoch !== ack.position.epoch || own.sequence < ack.position.sequence) {
    const detail = `${ack.consumer} at ${ack.position.sequence}, its region at ${own?.sequence ?? 'none'}`;
    return refuseWithAudit(state, 'badAck', 'consumerAckBeyondRegion', detail);
  }
  const { consumer, position, digest } = ack;
  return [state, [{ type: 'consumer', consumer, position, digest }]];
}

/** Who the region's consumers are, on its own word: it can only make a wait longer, or leave out what it is to vouch for. */
export function toldRoster(state: HubStream, { nonce, part, entries }: Roster): Result {
  if (nonce !== state.config.nonce) {
    return refuseWithAudit(state, 'badAck', 'ackNonce', 'the nonce is not of this stream');
  }
  return [state, [{ type: 'roster', part, entries }]];
}
