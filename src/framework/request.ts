/** The seam between the server (HTTP) and the core: a parsed request in, an outcome out. */
import type { JsonObject } from './field.ts';
import type { ProfileBudget } from '../lib/profile/budget.ts';
import type { Verb } from './path.ts';
import type { Reply } from './reply.ts';

export interface Request {
  /** UUID. */
  readonly id: string;
  readonly verb: Verb;
  /** `?help=1`: path help is asked for, the verb does not count. */
  readonly help: boolean;
  /** The HTTP method as it was sent, for audit and errors. */
  readonly method: string;
  /**
   * Canonical, without `/v1/`, percent-decoded, no empty, `.` or `..` segment; may end in `/`. Once the request is placed:
   * below its namespace.
   */
  readonly path: string;
  /** `X-Vault-Namespace` without slashes at its ends; empty for the root one. It does not yet count what `path` names. */
  readonly namespace: string;
  readonly token: string | undefined;
  /** undefined when there was no body. */
  readonly body: JsonObject | undefined;
  /** Bytes of a body that is not JSON (`application/octet-stream` and the like). */
  readonly rawBody?: Uint8Array;
  /**
   * Of uploads, whose body may be larger than memory and is not read before the request is authorised: writes it into a new
   * file, as it comes.
   */
  readonly upload?: (path: string) => Promise<void>;
  readonly contentType: string;
  /** The last value of each. */
  readonly query: Readonly<Record<string, string>>;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** After the rules of trusted proxies. */
  readonly address: string;
  readonly port: number;
  /**
   * DER: what the client of a TLS connection showed, its own certificate first. Its handshake has proven that it holds the
   * key of that one, and nothing else: whose they are is to be verified by who reads them. Absent where it showed none.
   */
  readonly clientCertificates?: readonly Uint8Array[];
  /** The subject and serial of the client certificate, where the authorities of the listener have verified it. */
  readonly peer?: { readonly subject: string; readonly serial: string; readonly raw: Uint8Array };
  /** `X-Vault-Wrap-TTL` in seconds; 0 when absent. */
  readonly wrapTtl: number;
  /** `X-Vault-Index` as sent; opaque. */
  readonly index: string | undefined;
  /** Aborts when nobody waits for the reply any more. Made when it is first asked for: most never ask. */
  readonly signal: () => AbortSignal;
  /** The same without a signal, for one listener. Absent where there is no connection that could close. */
  readonly whenGone?: (listener: () => void) => void;
  /** Which listener: what it serves without a token. */
  readonly listener: ListenerTerms;
  /** Of a request that a workflow makes: never from a client. */
  readonly run?: WorkflowRun;
}

/** The workflows that a request is made by. */
export interface WorkflowRun {
  /** How many of them call each other; 1 in the first. */
  readonly depth: number;
  /** Whether one of them was run without a token: then no other is run from there. */
  readonly unauthenticated: boolean;
  /** Shared by all of them. */
  readonly budget: ProfileBudget;
  /** Ids of their requests, in the order that they are made: what the first one was sent with, and a number. */
  readonly nextId: () => string;
}

export interface Redacted {
  /** Where nodes are reached. */
  readonly addresses: boolean;
  readonly clusterName: boolean;
  /** With the date of the build. */
  readonly version: boolean;
}

/** By `default`, `4xx` or `404`, then by name, which has one spelling. */
export type HeaderRules = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What of a listener bears on what its requests are answered. */
export interface ListenerTerms {
  /** The path of the namespace that it serves alone, with all below it, without slashes at its ends; absent: all. */
  readonly chroot?: string | undefined;
  /** What it does not tell without a token. */
  readonly redacted?: Redacted | undefined;
  /** Sent with every reply. */
  readonly headers?: HeaderRules | undefined;
  /** These say what it serves without a token, beside what every one does. */
  readonly unauthenticatedMetrics: boolean;
  /** `sys/rekey`, as older scripts expect. */
  readonly unauthenticatedRekey?: boolean;
  readonly unauthenticatedGenerateRoot?: boolean;
  /** `sys/workflows/unauthed-execute`. */
  readonly unauthenticatedWorkflows?: boolean;
}

/** The `reply` in full, ready for the envelope. */
export interface Outcome {
  readonly status: number;
  readonly requestId: string;
  /** Present on errors: becomes `{"errors":[…]}`. An empty list is Vault's plain 404. */
  readonly errors?: readonly string[];
  /** More of an error than the client is told: for the audit alone. */
  readonly refusal?: string | undefined;
  readonly reply?: Reply;
  readonly leaseId: string;
  readonly leaseDuration: number;
  readonly renewable: boolean;
  readonly auth: JsonObject | null;
  /** Of the token that a login made: for the audit, since clients do not see it. */
  readonly displayName?: string;
  readonly wrapInfo: JsonObject | null;
  readonly warnings: readonly string[] | null;
  /** Nothing was done: it waits for approval, under the token of `wrapInfo`. */
  readonly waits?: true;
  /** Another thread served it than the one that has its connection. */
  readonly elsewhere?: true;
  /** The type of the mount that served it, such as `kv`; Vault shows it as `mount_type`. */
  readonly mountType: string;
  /** `X-Vault-Index`, `X-Lockstep-Age` and the like. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Which pages of other origins a browser may let ask this node: `sys/config/cors`. */
export interface CorsConfig {
  /** `*` alone is every origin. */
  readonly origins: readonly string[];
  /** Beside the usual ones. */
  readonly headers: readonly string[];
  readonly credentials: boolean;
}

/** What the server calls. Never rejects: every failure is an outcome. */
export interface Handler {
  handle(request: Request): Outcome | Promise<Outcome>;
  /** Asked before a large body is read: the outcome of a request that is refused without it. Absent: none is. */
  refusedUnread?(request: Request): Outcome | undefined;
  /** Absent, or undefined: nothing is said of other origins. */
  readonly cors?: CorsConfig | undefined;
}
