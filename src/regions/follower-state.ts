/** What the region's side of the stream remembers, takes in and gives out. The machine is `follower.ts`. */

import type { Position } from '../storage/store.ts';
import type { Filter } from './filter.ts';
import type { Cursor, HubFrame, NumberedFrame, Purge, RegionFrame, Write } from './protocol.ts';

export interface FollowerConfig {
  readonly region: string;
  /** Random for each start of the node. */
  readonly instance: string;
  /** Bytes of unprocessed frames that the hub may send ahead; more than twice as many end the stream. */
  readonly window: number;
  /** Milliseconds to wait for a connection and a welcome; afterwards the hub's own interval counts. */
  readonly interval: number;
}

/** What the copy is, stored in the transaction that changes it. */
export interface Copy {
  /** Undefined until the first snapshot is complete. */
  readonly cursor: Cursor | undefined;
  /** The filter that the copy was made under, as far as it is known here. */
  readonly filter: Filter;
  /** The version of the rule that the copy holds in full; 0 while it holds less. */
  readonly version: number;
}

/** First the purge, then the writes. */
export interface Change {
  readonly purge: Purge | undefined;
  readonly writes: readonly Write[];
}

/**
 * One transaction each. The staging area lies under region-local keys, is no part of what readers see, and is a layer
 * of puts and deletes with the purges that came between them.
 */
export type StorageCommand =
  /** The changes in order, and the copy's new state. */
  | { readonly do: 'apply'; readonly changes: readonly Change[]; readonly copy: Copy }
  /** The purge on the copy and on the staging area, and the copy's new state. */
  | { readonly do: 'narrow'; readonly purge: Purge; readonly copy: Copy }
  /** Drops what is staged. */
  | { readonly do: 'stageDrop' }
  /** Adds to the staging area. A purge drops what is staged of it, and is kept for the commit. */
  | { readonly do: 'stage'; readonly change: Change }
  /**
   * `everything`: the shared part becomes what is staged, and nothing else. `entering`: the kept purges on the copy,
   * then what is staged over it. Either way the staging area is empty afterwards.
   */
  | { readonly do: 'stageCommit'; readonly scope: 'everything' | 'entering'; readonly copy: Copy };

export type FollowerEvent =
  /** After a start, and after `recover`: what the store holds, and the age of the copy in milliseconds. */
  | { readonly type: 'start'; readonly copy: Copy; readonly age: number }
  | { readonly type: 'connected'; readonly connection: number; readonly local: Position }
  /** `more`: another input of this connection is at hand, and what both bring may be applied together. */
  | { readonly type: 'frame'; readonly connection: number; readonly frame: HubFrame; readonly more?: boolean }
  | { readonly type: 'badFrame'; readonly connection: number; readonly problem: string }
  | { readonly type: 'ended'; readonly connection: number }
  | { readonly type: 'stored'; readonly command: number }
  | { readonly type: 'storeFailed'; readonly command: number }
  /** The shell has verified a promotion certificate, or an operator has confirmed: this history may be followed. */
  | { readonly type: 'historyProven'; readonly log: string; readonly epoch: string }
  | { readonly type: 'tick' }
  | { readonly type: 'stop' };

/** `now` is monotonic milliseconds of this process; `random` is drawn anew for each input, 0 ≤ random < 1. */
export type FollowerInput = FollowerEvent & { readonly now: number; readonly wall: number; readonly random: number };

/** What a true hub does not send, by name; the stream ends. */
export type FollowerProblem =
  | 'malformedFrame'
  | 'unexpectedFrame'
  | 'protocolVersion'
  | 'historyUnproven'
  | 'outOfOrder'
  | 'flooded'
  | 'gap'
  | 'epochChanged'
  | 'backwards'
  | 'notShared'
  | 'refused';

export type FollowerOutput =
  | { readonly type: 'connect'; readonly connection: number }
  | { readonly type: 'send'; readonly connection: number; readonly frame: RegionFrame }
  | { readonly type: 'disconnect'; readonly connection: number }
  | { readonly type: 'store'; readonly command: number; readonly run: StorageCommand }
  /** The store's state is unknown: read it again, then feed `start`. */
  | { readonly type: 'recover' }
  /** The copy's readers see this position from now on: wake those who wait for it. */
  | { readonly type: 'shows'; readonly cursor: Cursor }
  /** The hub's history is not the one that was copied: keep the old shared part for review, and raise an alarm. */
  | { readonly type: 'quarantine'; readonly cursor: Cursor; readonly reason: string }
  | { readonly type: 'alarm'; readonly problem: FollowerProblem; readonly detail: string }
  | { readonly type: 'persistAge'; readonly age: number };

/** A load under way: everything that it brings is staged. */
export interface Loading {
  readonly id: number;
  readonly scope: 'everything' | 'entering';
  readonly at: Position;
  readonly filter: Filter;
  readonly version: number;
}

export interface Link {
  readonly connection: number;
  readonly stage: 'connecting' | 'greeting' | 'following';
  readonly nonce: string;
  readonly log: string;
  readonly epoch: string;
  /** The hub's history is another than the copy's: the cursor may go back, by a snapshot alone. */
  readonly reload: boolean;
  readonly interval: number;
  /** The last numbered frame that arrived, the last that was processed, the last that was said to be. */
  readonly n: number;
  readonly through: number;
  readonly acknowledged: number;
  /** Whether the copy's cursor moved since the last acknowledgement. */
  readonly moved: boolean;
  readonly inbox: readonly Received[];
  readonly inboxBytes: number;
  readonly load: Loading | undefined;
  readonly heardAt: number;
  readonly saidAt: number;
}

export interface Received {
  readonly frame: NumberedFrame | Extract<HubFrame, { type: 'mark' }>;
  readonly at: number;
  readonly bytes: number;
}

/** The one storage command that runs, and what is true once it is done. */
export interface Running {
  readonly command: number;
  readonly connection: number;
  readonly through: number;
  readonly copy: Copy;
  readonly moved: boolean;
}

export interface Follower {
  readonly config: FollowerConfig;
  readonly copy: Copy | undefined;
  readonly link: Link | undefined;
  readonly running: Running | undefined;
  /** Whether the staging area may hold something. */
  readonly staged: boolean;
  readonly stopped: boolean;
  readonly connections: number;
  readonly commands: number;
  readonly attempt: number;
  readonly retryAt: number;
  /** The copy's age was `age` milliseconds at `now` = `agedAt`. */
  readonly age: number;
  readonly agedAt: number;
  readonly persistedAt: number;
  readonly proven: { readonly log: string; readonly epoch: string } | undefined;
}

export type Result = readonly [Follower, readonly FollowerOutput[]];

const RETRY_LEAST = 200;
const RETRY_MOST = 30_000;

/** How long ago, in milliseconds, the hub last said that this copy lacked nothing. */
export function ageOf(state: Follower, now: number): number {
  return state.age + Math.max(0, now - state.agedAt);
}

/** Full jitter between 0.2 and 30 s, doubling with each attempt that brought nothing. */
export function retryDelay(attempt: number, random: number): number {
  const most = Math.min(RETRY_MOST, RETRY_LEAST * 2 ** Math.min(attempt, 20));
  return RETRY_LEAST + random * (most - RETRY_LEAST);
}

/** Runs a storage command; the next frame waits for its result. */
export function run(state: Follower, command: StorageCommand, then: Omit<Running, 'command' | 'connection'>): Result {
  const id = state.commands + 1;
  const running = { command: id, connection: state.link?.connection ?? 0, ...then };
  return [{ ...state, commands: id, running }, [{ type: 'store', command: id, run: command }]];
}

/** Gives the link up. What was staged on it is dropped before the next connection. */
export function hangUp(state: Follower, now: number, random: number): Result {
  const { link } = state;
  if (link === undefined) return [state, []];
  const attempt = state.attempt + 1;
  const next = { ...state, link: undefined, attempt, retryAt: now + retryDelay(attempt, random) };
  return [next, [{ type: 'disconnect', connection: link.connection }]];
}
