/** What the hub's side of a stream remembers, takes in and gives out. The machine is `hub-stream.ts`. */

import type { Batch, Position } from '../storage/store.ts';
import type { Cursor, HubFrame, Purge, RefuseReason, RegionFrame, Roster, RosterEntry, Write } from './protocol.ts';
import type { Entering, Layout, RuleAt, View } from './view.ts';

export interface HubStreamConfig {
  /** The region that the client certificate names. */
  readonly region: string;
  readonly log: string;
  readonly epoch: string;
  /** Random for each connection. */
  readonly nonce: string;
  readonly layout: Layout;
  readonly interval: number;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

/** Where a cursor lies in the hub's history. */
export type Place = 'here' | 'compacted' | 'ahead' | 'fork' | 'otherEpoch' | 'otherLog';

export interface PageResult {
  readonly read: number;
  readonly position: Position;
  readonly hash: Uint8Array;
  readonly rule: RuleAt;
  readonly records: readonly Write[];
  /** Whether there are records below the prefix after the last of these. */
  readonly more: boolean;
}

export type HubEvent =
  | { readonly type: 'frame'; readonly frame: RegionFrame }
  | { readonly type: 'badFrame'; readonly problem: string }
  | { readonly type: 'located'; readonly place: Place; readonly rule: RuleAt | undefined }
  | { readonly type: 'log'; readonly read: number; readonly batches: readonly Batch[]; readonly tip: Position }
  | { readonly type: 'logGone'; readonly read: number }
  | { readonly type: 'page'; readonly page: PageResult }
  | { readonly type: 'tip'; readonly tip: Position }
  | { readonly type: 'today'; readonly rule: RuleAt }
  | { readonly type: 'tick' }
  | { readonly type: 'blocked' }
  | { readonly type: 'drained' }
  | { readonly type: 'stop'; readonly reason: RefuseReason }
  | { readonly type: 'ended' };

/** `now` is monotonic milliseconds, `wall` the wall clock; only what a region is shown comes from the wall clock. */
export type HubInput = HubEvent & { readonly now: number; readonly wall: number };

export type AuditEvent =
  | 'identityForged'
  | 'protocolVersion'
  | 'malformedFrame'
  | 'unexpectedFrame'
  | 'ackNonce'
  | 'ackBeyondSent'
  | 'ackHash'
  | 'ackBackwards'
  | 'consumerAckBeyondRegion'
  | 'rosterFlooded';

export type HubOutput =
  | { readonly type: 'send'; readonly frame: HubFrame }
  | { readonly type: 'locate'; readonly cursor: Cursor }
  | { readonly type: 'readLog'; readonly read: number; readonly from: Position }
  | { readonly type: 'readPage'; readonly read: number; readonly prefix: string; readonly after: string | undefined }
  | { readonly type: 'greeted'; readonly instance: string; readonly local: Position }
  | { readonly type: 'acknowledged'; readonly position: Position }
  | { readonly type: 'consumer'; readonly consumer: string; readonly position: Position; readonly digest: Uint8Array }
  | { readonly type: 'roster'; readonly part: Roster['part']; readonly entries: readonly RosterEntry[] }
  | { readonly type: 'audit'; readonly event: AuditEvent; readonly detail: string }
  | { readonly type: 'close'; readonly reason: RefuseReason | 'ended' };

/** A place in the log with its chain hash. */
export interface Point {
  readonly position: Position;
  readonly hash: Uint8Array;
}

/** A snapshot under way: pages first, then the log up to what the last page showed. */
export interface Load {
  readonly id: number;
  readonly scope: 'everything' | 'entering';
  readonly entering: Entering | undefined;
  /** Prefixes still to be read, the first of them after `after`. */
  readonly ranges: readonly string[];
  readonly after: string | undefined;
  /** The newest position that a page showed: the end may not come before it. */
  readonly until: number;
}

export interface Streaming {
  readonly phase: 'streaming';
  /** Walked and handed to frames, or to the skip that is pending. */
  readonly at: Point;
  /** The last position that was sent. */
  readonly sent: Position;
  readonly skip: { readonly time: number } | undefined;
  /** Undefined until the first page of a whole snapshot tells the rule at its position. */
  readonly view: View | undefined;
  readonly load: Load | undefined;
  readonly narrow: Purge | undefined;
  readonly fetched: readonly Batch[];
  readonly markAt: { readonly sequence: number; readonly wall: number } | undefined;
}

export type Phase =
  | { readonly phase: 'awaiting' }
  | { readonly phase: 'locating'; readonly cursor: Cursor; readonly filterVersion: number }
  | Streaming
  | { readonly phase: 'closed' };

/** A numbered frame that the region has not said to have processed. */
export interface InFlight {
  readonly n: number;
  readonly bytes: number;
  /** Where the frame leaves the region's cursor; undefined for a frame that leaves it where it was. */
  readonly point: Point | undefined;
}

export interface Ledger {
  readonly n: number;
  readonly window: number;
  readonly frames: readonly InFlight[];
  readonly bytes: number;
  readonly acknowledged: Point | undefined;
}

export interface HubStream {
  readonly config: HubStreamConfig;
  readonly stage: Phase;
  readonly today: RuleAt;
  readonly tip: Position;
  readonly ledger: Ledger;
  readonly blocked: boolean;
  /** The id of the one read that is outstanding, and whether it is. */
  readonly read: number;
  readonly reading: boolean;
  readonly loads: number;
  readonly heardAt: number;
  readonly saidAt: number;
  readonly tickedAt: number;
}

export type Result = readonly [HubStream, readonly HubOutput[]];

/** Silence for so many intervals is a dead stream, on either side. */
export const SILENT_INTERVALS = 3;

export function close(state: HubStream, reason: RefuseReason, text: string): Result {
  const frame: HubFrame = { type: 'refuse', reason, text };
  return [
    { ...state, stage: { phase: 'closed' } },
    [
      { type: 'send', frame },
      { type: 'close', reason },
    ],
  ];
}

export function refuseWithAudit(state: HubStream, reason: RefuseReason, event: AuditEvent, detail: string): Result {
  const [closed, outputs] = close(state, reason, detail);
  return [closed, [{ type: 'audit', event, detail }, ...outputs]];
}
