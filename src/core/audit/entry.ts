/** What is put on record of a request: the input of `Formatter`. Values are plain; the formatter hides them. */

export interface PolicyResults {
  readonly allowed: boolean;
  readonly grantingPolicies: readonly string[];
  /** Where the policies are; the root one if not given. */
  readonly namespace?: { readonly id: string; readonly path: string };
}

/** Who asked. */
export interface AuditedAuth {
  readonly clientToken?: string | undefined;
  readonly accessor?: string | undefined;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly tokenPolicies: readonly string[];
  readonly identityPolicies?: readonly string[];
  readonly noDefaultPolicy?: boolean;
  /** The verdict of the policies; absent before they were asked. */
  readonly policyResults?: PolicyResults;
  readonly metadata?: Readonly<Record<string, string>> | null;
  readonly numUses?: number;
  readonly remainingUses?: number;
  readonly entityId: string;
  /** `service`, `batch`; `default` when there is no token. */
  readonly tokenType: string;
  /** Seconds. */
  readonly tokenTtl: number;
  /** Milliseconds since the epoch; 0 when there is no token. */
  readonly issuedAt: number;
  /**
   * Stands for a calling token across requests, so that all but the verdict, metadata and uses is made once. It is held
   * weakly. Absent for a token that was just made.
   */
  readonly identity?: object | undefined;
}

export interface AuditedMount {
  readonly point: string;
  readonly type: string;
  readonly accessor: string;
  readonly class: 'secret' | 'auth';
  /** `audit_non_hmac_request_keys` and `…response_keys` of its tuning. */
  readonly clearRequestKeys: readonly string[];
  readonly clearResponseKeys: readonly string[];
}

/** One header, as `sys/config/auditing/request-headers` chose it. */
export interface AuditedHeader {
  readonly values: readonly string[];
  readonly hmac: boolean;
}

export interface AuditedRequest {
  readonly id: string;
  /** `create`, `read`, `update`, `patch`, `delete`, `list`, `scan`, `help`. */
  readonly operation: string;
  readonly mount?: AuditedMount | undefined;
  readonly clientToken?: string | undefined;
  readonly clientTokenAccessor?: string | undefined;
  readonly namespace: { readonly id: string; readonly path: string };
  readonly path: string;
  readonly data?: unknown;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Seconds; 0 when the reply is not to be wrapped. */
  readonly wrapTtl: number;
  readonly headers?: Readonly<Record<string, AuditedHeader>> | undefined;
  readonly clientCertificateSerial?: string | undefined;
  /** The accessor that it has waited under, where it was approved and is done now. */
  readonly controlGroupAccessor?: string | undefined;
  /** Of a login that came in headers the id of its request, and of that the login's. */
  readonly inlineAuthRequest?: string | undefined;
}

/** JSON that both entries of a call share. */
export interface Fragments {
  /** The formatter that made it. */
  readonly by: object;
  readonly auth: string;
  readonly request: string;
}

/** One request as both of its entries tell it. The same object is given for both: what was formatted once is kept. */
export interface AuditedCall {
  /** One for each device that has been told. */
  fragments?: Fragments[];
  readonly auth: AuditedAuth;
  readonly request: AuditedRequest;
  /** Why it was refused before anything ran; a message of the catalogue, never a secret. */
  readonly error?: string | undefined;
  /** The region that sent it on, where it came by forwarding. */
  readonly forwardedFrom?: string | undefined;
}

/** What no request stands for, such as what a hostile region tried. Nothing in it is hidden: no secret may stand there. */
export interface AuditedAlarm {
  /** By its certificate, or as it called itself where it had none. */
  readonly region: string;
  readonly remoteAddress: string;
  /** A constant, such as `clone`. */
  readonly what: string;
  readonly detail: string;
}

export interface AuditedWrap {
  /** Seconds. */
  readonly ttl: number;
  readonly token: string;
  readonly accessor: string;
  /** RFC 3339, as the client gets it. */
  readonly createdAt: string;
  readonly creationPath: string;
  readonly wrappedAccessor?: string;
}

export interface AuditedResponse {
  /** The token that was made. */
  readonly auth?: AuditedAuth | undefined;
  readonly leaseId?: string | undefined;
  readonly data?: unknown;
  /** Stands for `data` across requests, and is held weakly (`Reply.identity`). */
  readonly identity?: object | undefined;
  readonly warnings?: readonly string[] | null;
  readonly redirect?: string;
  readonly wrap?: AuditedWrap | undefined;
  readonly error?: string | undefined;
}
