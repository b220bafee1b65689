/** Where a courier brings entries: what a kind of remote device is, besides its options. */
export interface RemoteSink {
  /**
   * True where the other side answers for what it took, or where nothing more can be learnt. False for streams: what the
   * kernel took can still be lost with the connection, so the courier brings the last of it again.
   */
  readonly confirms: boolean;
  /**
   * Brings the lines, each with its newline, in their order. Resolves with how many were taken, at least one; rejects when
   * the first was not. One call at a time.
   */
  readonly send: (lines: readonly Buffer[]) => Promise<number>;
  /** Lets the connection go, at once; the next `send` makes another. */
  readonly reset: () => void;
  /** Ends the connection; true when the other side has read all that was sent. */
  readonly close: () => Promise<boolean>;
}

/** `lost` is to be called when a connection ends that took lines. */
export type OpenSink = (lost: () => void) => RemoteSink;
