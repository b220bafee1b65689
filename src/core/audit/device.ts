/** What an audit device is: it takes finished lines, in order, and says when each is on record. */
export interface AuditDevice extends AsyncDisposable {
  readonly type: string;
  /** True when `record` resolves only once the line is flushed to its disk. */
  readonly durable: boolean;
  /** True where no entry may be missing: a request goes on only once this device has it, whatever the others have. */
  readonly required?: boolean;
  /**
   * Resolves once all of these lines, each of which ends in a newline, are recorded; rejects when one cannot be. Lines are
   * recorded in their order and in that of the calls. After disposal every call rejects.
   */
  readonly record: (...lines: readonly string[]) => Promise<void>;
  /** What the same device on another thread must be given; absent where threads do not disturb each other. */
  readonly shared?: SharedArrayBuffer;
  /** Opens its target anew, so that a rotated file is let go. Rejects, and goes on with the old one, when it cannot. */
  readonly reopen: () => Promise<void>;
  /** Where entries go on to somewhere else: resolves once all before are sent, rejects when the next try fails. */
  readonly delivered?: () => Promise<void>;
}
