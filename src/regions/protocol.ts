/**
 * The messages of the region stream: one bidirectional stream a region, opened by the region over mutual TLS.
 *
 * Order of a stream: `hello` → `welcome` or `refuse`; then the hub sends numbered frames (`n` = 1, 2, 3 …) and marks,
 * the region acknowledges. Each frame that moves the region names its predecessor, so a gap or a repeat is seen, and
 * each position carries its epoch. Why it is so: docs/adr/0005-region-stream.md.
 */

import type { Position } from '../storage/store.ts';
import type { Filter } from './filter.ts';

/** The format of this stream. A peer that speaks another is refused by name. */
export const PROTOCOL = 1;

/** A place in the hub's log that the region has applied: which log, where, and the hash of the chain there. */
export interface Cursor {
  /** The log's name (`Store.log`). */
  readonly log: string;
  readonly position: Position;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

export interface Write {
  readonly key: string;
  /** The full value; undefined deletes the key. */
  readonly value: Uint8Array | undefined;
}

/** What a region must delete, applied before the writes that come with it, to its copy and to what it has staged. */
export interface Purge {
  /** Every shared key that begins with one of these goes: the record and the data of mounts that left the view. */
  readonly prefixes: readonly string[];
  /** When set, every shared key whose path this filter does not allow goes too, by the region's own mount records. */
  readonly filter: Filter | undefined;
}

// ---- region → hub

export interface Hello {
  readonly type: 'hello';
  readonly protocol: number;
  readonly region: string;
  /** Random for each start of a region's node: two at once under one certificate are a clone. */
  readonly instance: string;
  /** Absent before the first snapshot is complete. */
  readonly cursor: Cursor | undefined;
  /** The version of the rule that the copy was made under; 0 before the first, and while it holds less than its rule. */
  readonly filterVersion: number;
  /** The newest position of the region's own log, for status. */
  readonly local: Position;
  /** Bytes of unprocessed frames that the region is ready to hold; the hub clamps it to `MAX_WINDOW`. */
  readonly window: number;
}

/**
 * Says that frames up to `through` are processed, which gives credit for as many bytes, and that the copy is durable at
 * `cursor` (absent when that did not move on this stream). The hash proves that the frame of that position was received; the nonce, that it came on this stream.
 */
export interface Ack {
  readonly type: 'ack';
  readonly nonce: string;
  readonly through: number;
  readonly cursor: { readonly position: Position; readonly hash: Uint8Array } | undefined;
}

/** A region vouches that a consumer of its own has bytes of at least `position` in place. */
export interface ConsumerAck {
  readonly type: 'consumerAck';
  readonly nonce: string;
  readonly consumer: string;
  readonly position: Position;
  /** Keyed by a nonce of the consumer's own stream; over the bytes in place. */
  readonly digest: Uint8Array;
}

/** One consumer that is registered at the region. */
export interface RosterEntry {
  readonly consumer: string;
  /** Deregistered: nobody waits for it any more. */
  readonly gone: boolean;
  /** Wall-clock milliseconds; absent while it is connected. */
  readonly expires: number | undefined;
}

/**
 * Who is registered at the region: all of them after the welcome (`begin`, `more` …, `end`), then what changes. A wait
 * counts them from the end on, and the region itself not before.
 */
export interface Roster {
  readonly type: 'roster';
  readonly nonce: string;
  readonly part: 'begin' | 'more' | 'end' | 'change';
  readonly entries: readonly RosterEntry[];
}

/** The most entries of one frame, and the most consumers that a hub counts for a region. */
export const MAX_ROSTER_ENTRIES = 64;
export const MAX_CONSUMERS = 20_000;

/** Says only "alive". Either side sends it when it said nothing else for an interval. */
export interface Heartbeat {
  readonly type: 'heartbeat';
  /** The sender's wall clock, milliseconds; for display, never for order. */
  readonly time: number;
}

// ---- hub → region

/** Why a stream starts with a snapshot: `ahead` and `fork` mean that the two histories differ. */
export type SnapshotReason = 'first' | 'compacted' | 'viewChanged' | 'ahead' | 'fork' | 'otherEpoch' | 'otherLog';

export interface Welcome {
  readonly type: 'welcome';
  readonly protocol: number;
  readonly log: string;
  readonly epoch: string;
  /** Of this stream; every acknowledgement repeats it. */
  readonly nonce: string;
  readonly tip: Position;
  /** Milliseconds between marks; silence of three intervals is a dead stream. */
  readonly interval: number;
  /** Absent: the stream resumes after the cursor. */
  readonly snapshot: SnapshotReason | undefined;
}

export type RefuseReason =
  | 'protocolVersion'
  | 'identity'
  | 'unknownRegion'
  | 'removed'
  | 'clone'
  | 'badFrame'
  | 'badAck'
  | 'silent'
  | 'shuttingDown';

/** The last frame of a stream that the hub ends on purpose. */
export interface Refuse {
  readonly type: 'refuse';
  readonly reason: RefuseReason;
  readonly text: string;
}

/** A step of the region's cursor: from `previous`, which it must stand at, to `position`. */
export interface Step {
  readonly n: number;
  readonly previous: Position;
  readonly position: Position;
  readonly hash: Uint8Array;
  /** The hub's wall clock at the commit, milliseconds. */
  readonly time: number;
}

/** One batch of the hub's log, as far as it is in view. */
export interface BatchFrame extends Step {
  readonly type: 'batch';
  readonly writes: readonly Write[];
}

/** A run of batches of which nothing is in view. */
export interface Skip extends Step {
  readonly type: 'skip';
}

/** A batch that changes the view: first the purge, then the writes, then the new filter, at once. */
export interface ViewChange extends Step {
  readonly type: 'viewChange';
  readonly filter: Filter;
  /** The version of the rule that the copy now holds in full, or 0 while it holds less. */
  readonly version: number;
  readonly purge: Purge;
  readonly writes: readonly Write[];
}

/** The newest rule at the hub allows less than the rule where the stream stands: purge at once, the cursor stays. */
export interface Narrow {
  readonly type: 'narrow';
  readonly n: number;
  readonly purge: Purge;
}

/**
 * Pages follow, then the log from `position` on, then the end. Everything in between is staged, and takes the place of
 * the copy in one transaction at the end. A new start replaces an unfinished one.
 */
export interface SnapshotStart {
  readonly type: 'snapshotStart';
  readonly n: number;
  readonly load: number;
  /** `everything` replaces the whole shared part; `entering` is laid over the copy, which stands at `position`. */
  readonly scope: 'everything' | 'entering';
  readonly position: Position;
  readonly hash: Uint8Array;
  readonly filter: Filter;
  readonly version: number;
}

export interface SnapshotPage {
  readonly type: 'snapshotPage';
  readonly n: number;
  readonly load: number;
  /** The position that this page shows; pages are in key order and show later positions as they go. */
  readonly position: Position;
  readonly writes: readonly Write[];
}

export interface SnapshotEnd {
  readonly type: 'snapshotEnd';
  readonly n: number;
  readonly load: number;
  readonly position: Position;
  readonly hash: Uint8Array;
}

/** The hub's word that a region which stands at `position` lacked nothing at the hub's `time`. */
export interface Mark {
  readonly type: 'mark';
  readonly position: Position;
  readonly time: number;
}

export type RegionFrame = Hello | Ack | ConsumerAck | Roster | Heartbeat;
export type StepFrame = BatchFrame | Skip | ViewChange;
export type NumberedFrame = StepFrame | Narrow | SnapshotStart | SnapshotPage | SnapshotEnd;
export type HubFrame = Welcome | Refuse | NumberedFrame | Mark | Heartbeat;
export type Frame = RegionFrame | HubFrame;

/** The most unprocessed bytes that a hub lets a region have, whatever it asks for. */
export const MAX_WINDOW = 8 * 1024 * 1024;
/** The most unprocessed frames. */
export const MAX_FRAMES_IN_FLIGHT = 1_024;

export function samePosition(a: Position, b: Position): boolean {
  return a.sequence === b.sequence && a.epoch === b.epoch;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** The bytes that writes occupy in memory, near enough for flow control. */
export function sizeOf(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + write.key.length + (write.value?.length ?? 0) + 16, 64);
}
