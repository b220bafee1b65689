/** What subscribers may cost a node. */
export interface SubscriptionLimits {
  /** Seconds within which something is sent on each stream. */
  readonly heartbeat: number;
  /** Milliseconds between marks where nothing of the subscriber's changed. */
  readonly markEvery: number;
  /** Milliseconds that a subscriber may stay behind before it is cut off. */
  readonly stall: number;
  readonly most: number;
  readonly perToken: number;
  /** Changes that are kept in memory for resumes, and batches that are read back for one. */
  readonly kept: number;
  readonly reach: number;
}

export const DEFAULT_LIMITS: SubscriptionLimits = {
  heartbeat: 10,
  markEvery: 50,
  stall: 15_000,
  most: 20_000,
  perToken: 5_000,
  kept: 20_000,
  reach: 50_000,
};
