/** What the pipeline asks of the audit: its calls resolve once the entry is on record, or reject with `auditFailed`. */
import type { JsonObject } from '../../framework/field.ts';
import type { Outcome } from '../../framework/request.ts';
import type { MountRecord } from '../mounts/mount.ts';
import type { Access } from '../requests/access.ts';

/** What a region did that a true one does not. */
export interface Alarm {
  readonly region: string;
  readonly address: string;
  readonly what: string;
  readonly detail: string;
}

/** A request of the root namespace, without a token. No secret may stand in it. */
export interface DoneWhileSealed {
  readonly path: string;
  readonly mount: MountRecord;
  readonly address: string;
  readonly data: JsonObject;
  /** Shown in clear. */
  readonly reply: JsonObject;
}

export interface AuditTrail {
  /** Before anything is changed. */
  readonly request: (access: Access) => undefined | Promise<void>;
  /** Before the answer is sent. */
  readonly response: (access: Access, outcome: Outcome) => undefined | Promise<void>;
  /** Both, of a request that changes nothing and is served already: in one go. */
  readonly both: (access: Access, outcome: Outcome) => undefined | Promise<void>;
  /** Both entries of a request that was answered before there was an audit: it opened the seal that the audit is behind. */
  readonly afterwards?: (done: DoneWhileSealed) => Promise<void>;
  /** Not part of a request: recorded as soon as it can be. */
  readonly event?: (alarm: Alarm) => void;
}
