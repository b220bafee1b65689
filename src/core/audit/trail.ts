/** What the pipeline asks of the audit: both calls resolve once the entry is on record, or reject with `auditFailed`. */
import type { Outcome } from '../../framework/request.ts';
import type { Access } from '../requests/access.ts';

/** What a region did that a true one does not. */
export interface Alarm {
  readonly region: string;
  readonly address: string;
  readonly what: string;
  readonly detail: string;
}

export interface AuditTrail {
  /** Before anything is changed. */
  readonly request: (access: Access) => undefined | Promise<void>;
  /** Before the answer is sent. */
  readonly response: (access: Access, outcome: Outcome) => undefined | Promise<void>;
  /** Not part of a request: recorded as soon as it can be. */
  readonly event?: (alarm: Alarm) => void;
}
