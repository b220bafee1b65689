/** What the pipeline asks of the audit: both calls resolve once the entry is on record, or reject with `auditFailed`. */
import type { Outcome } from '../../framework/request.ts';
import type { Access } from '../requests/access.ts';

export interface AuditTrail {
  /** Before anything runs. */
  readonly request: (access: Access) => undefined | Promise<void>;
  /** Before the answer is sent. */
  readonly response: (access: Access, outcome: Outcome) => undefined | Promise<void>;
}
