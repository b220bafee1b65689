/**
 * Leases: what an engine makes in the outside world for a limited time, and takes back afterwards. An engine says what is
 * to be done and how it is undone; the core decides when, and keeps the order that no crash can break.
 */
import type { JsonObject } from './field.ts';

/** Seconds; 0 means the mount's. The mount's maximum always holds. */
export interface LeaseTerms {
  readonly ttl: number;
  readonly maxTtl: number;
}

/** What acting and undoing are told beside the lease. */
export interface LeaseCall {
  /** Aborts when nobody waits any more, or the time for it is over. What is cut off is undone. */
  readonly signal: AbortSignal;
  /** The node's clock, milliseconds since the epoch. */
  readonly now: number;
  /** When the lease is over unless it is renewed, milliseconds since the epoch: for what knows an end by itself. */
  readonly expiresAt: number;
}

/** What was made. */
export interface Acted {
  /** Goes under `data` of the reply. It is not kept. */
  readonly data: JsonObject;
  /** In place of what was given before acting: what is known only now. Must be enough for `revoke`, too. */
  readonly internal?: JsonObject;
  /** Seconds, where the world granted less than was asked for. Longer ones count for nothing. */
  readonly ttl?: number;
}

interface Leased extends LeaseTerms {
  readonly renewable: boolean;
  /**
   * All that `renew` and `revoke` need to know, encrypted at rest and never shown. It is written down before `act` runs, so
   * names that are to be made are chosen by the handler and stand in here.
   */
  readonly internal: JsonObject;
}

/**
 * A handler's reply that carries a lease. The handler itself changes nothing outside: `act` does, after the core has written
 * down what is to be undone should anything go wrong from there on.
 */
export type LeaseGrant = Leased &
  (
    | { readonly act: (call: LeaseCall) => Promise<Acted> }
    /** Nothing is made outside: these data are all there is. */
    | { readonly data: JsonObject }
  );

/** A lease as its engine sees it. */
export interface Lease {
  /** The path below the mount that was asked for it. */
  readonly path: string;
  readonly internal: JsonObject;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

/** What an engine with leases must do in time. */
export interface LeaseHandlers<Mount> {
  /**
   * The terms of today, such as those of a role; throws where there are none any more, and the lease is then not renewed.
   * Absent: those that it was granted with.
   */
  readonly terms?: (mount: Mount, lease: Lease) => LeaseTerms;
  /**
   * Tells the outside of the new end, `call.expiresAt`, before it is kept. May answer a new `internal`. What it throws
   * leaves the lease as it was. Absent: the outside knows of no end.
   */
  readonly renew?: (mount: Mount, lease: Lease, call: LeaseCall) => Promise<JsonObject | undefined>;
  /**
   * Undoes what `act` made. Resolves where there is nothing to undo: `act` may never have run, or have stopped anywhere, and
   * this may have run before. What it throws has it called again later.
   */
  readonly revoke: (mount: Mount, lease: Lease, call: LeaseCall) => Promise<void>;
}
