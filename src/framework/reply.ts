/** What a handler answers. The server puts it into Vault's envelope. */
import type { JsonObject } from './field.ts';
import type { LeaseGrant } from './lease.ts';

/** A login or token creation that succeeded: the core makes the token. Durations in seconds; 0 means the default. */
export interface Grant {
  readonly policies: readonly string[];
  readonly displayName: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly alias?: {
    readonly name: string;
    readonly metadata?: Readonly<Record<string, string>>;
    /** All groups that the method says who logs in is in, by the names that group aliases have; absent: it says nothing. */
    readonly groups?: readonly string[];
  };
  readonly ttl: number;
  readonly maxTtl: number;
  readonly explicitMaxTtl: number;
  readonly period: number;
  readonly numUses: number;
  readonly renewable: boolean;
  readonly boundCidrs: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly type: 'service' | 'batch' | 'default';
  /** The role that it logs in by, as the plug-in's `loginRole` says: saves asking. Absent: that is asked. */
  readonly role?: string;
  /** What the method needs to renew it later, such as the role's name. */
  readonly internal?: JsonObject;
}

export interface Reply {
  readonly status: number;
  /** Goes under `data`. */
  readonly data?: JsonObject;
  /**
   * Stands for `data` across requests: whoever gives the same object again gives equal data. What the audit makes of the
   * data is then made once. Held weakly; use it for one form of the data alone.
   */
  readonly identity?: object;
  /** Puts `data`'s keys at the top level too, as Vault does for old `sys/` paths (`sys/mounts`, `sys/policy` …). */
  readonly flat?: boolean;
  readonly grant?: Grant;
  /** A secret that ends: its data come in here, in place of `data`. The operation writes `local`, since leases are. */
  readonly lease?: LeaseGrant;
  /** A finished `auth` block: only the core's own paths make one. */
  readonly auth?: JsonObject;
  /** A lease that was renewed: only the core's own paths make one. Seconds. */
  readonly renewed?: { readonly id: string; readonly duration: number; readonly renewable: boolean };
  /** Told as `wrapped_accessor` where the reply is wrapped: of a token that is in it the core knows it by itself. */
  readonly wrappedAccessor?: string;
  /** A finished `wrap_info` block: only the core's own paths make one. */
  readonly wrapInfo?: JsonObject;
  /** Seconds shown as `lease_duration` where there is no lease (KV v1). */
  readonly leaseDuration?: number;
  readonly warnings?: readonly string[];
  /** The body is this object, without the envelope (`sys/health`, `sys/seal-status`, `sys/init`). */
  readonly bare?: JsonObject;
  /** The body is this text or these bytes (metrics, PEM). */
  readonly raw?: { readonly contentType: string; readonly body: string | Uint8Array };
  /** The body comes piece by piece until it ends; asked to `return` when the client goes away (`sys/monitor`). */
  readonly stream?: { readonly contentType: string; readonly body: AsyncIterable<string> };
  /** The body is this file, compressed by gzip on the way; it is removed. Its content stays out of the audit. */
  readonly file?: { readonly contentType: string; readonly path: string };
  readonly headers?: Readonly<Record<string, string>>;
}

const EMPTY: Reply = Object.freeze({ status: 204 });
const MISSING: Reply = Object.freeze({ status: 404 });

export const reply = {
  ok: (data: JsonObject): Reply => ({ status: 200, data }),
  /** A secret with a lease, made by the core's leave. */
  leased: (lease: LeaseGrant): Reply => ({ status: 200, lease }),
  /** 204 without a body. */
  empty: EMPTY,
  /** 404 with `{"errors":[]}`. */
  missing: MISSING,
  /** A list of keys; 404 when it is empty, as Vault answers. */
  keys: (keys: readonly string[], extra: JsonObject = {}): Reply =>
    keys.length === 0 ? MISSING : { status: 200, data: { keys, ...extra } },
} as const;
