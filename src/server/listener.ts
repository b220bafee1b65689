/** What a listener is told by the configuration, and the defaults that hold where it says nothing. */

import type { HeaderRules, Redacted } from '../framework/request.ts';

export interface Limits {
  /** Bytes of a request body; beyond it 413. */
  readonly maxBody: number;
  /** Bytes of all request headers together; beyond it 431. */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  /** Bytes of a token; beyond it 400. */
  readonly maxTokenBytes: number;
  /** Of a JSON body: nesting, UTF-16 units of one string, keys of one object, elements of one array. Beyond each 400. */
  readonly maxJsonDepth: number;
  readonly maxJsonString: number;
  readonly maxJsonKeys: number;
  readonly maxJsonElements: number;
  /** Strings and keys in all, and the bytes of memory that it is estimated to take. */
  readonly maxJsonStrings: number;
  readonly maxJsonMemory: number;
  /** Milliseconds; 0 or `Infinity` is none. From the first byte (or the connection) to the end of the headers, and to the end of the body. */
  readonly headerTimeout: number;
  readonly readTimeout: number;
  /** Milliseconds that a connection may stay open between requests. */
  readonly idleTimeout: number;
  /** Milliseconds that a request may take once it has been read; beyond it 503 and an aborted signal. */
  readonly maxDuration: number;
  readonly maxConnections: number;
  /** Requests in work at once on this listener; beyond it 429. */
  readonly maxInFlight: number;
}

/** The defaults of Vault and OpenBao where they have one. A limit may be `Infinity`, which is none. */
export const defaultLimits: Limits = Object.freeze({
  maxBody: 33_554_432,
  maxHeaderBytes: 32_768,
  maxHeaders: 200,
  maxTokenBytes: 8_192,
  maxJsonDepth: 300,
  maxJsonString: 1_048_576,
  maxJsonKeys: 10_000,
  maxJsonElements: 10_000,
  maxJsonStrings: 100_000,
  maxJsonMemory: 67_108_864,
  headerTimeout: 10_000,
  readTimeout: 30_000,
  idleTimeout: 300_000,
  maxDuration: 90_000,
  maxConnections: 16_384,
  maxInFlight: 4_096,
});

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export interface TlsSettings {
  /** Paths of PEM files: the chain (leaf first) and its key. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The folder with what TLS-ALPN-01 is answered with; absent: it is not. */
  readonly challenges?: string;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  /** OpenSSL cipher names for TLS 1.2, joined by `:`. */
  readonly ciphers?: string;
  /** OpenSSL names of the groups that keys are agreed on by, the preferred one first, joined by `:`. */
  readonly groups?: string;
  /** PEM file of the authorities that client certificates are verified against. */
  readonly clientCaFile?: string;
  /**
   * `optional` (default) asks for one and takes any, to be verified by who uses it, `required` refuses a client without one
   * that the authorities vouch for, `off` never asks.
   */
  readonly clientCert?: 'off' | 'optional' | 'required';
}

/** Which peers may say on whose behalf they connect. Absent: `X-Forwarded-For` counts for nobody (rule 36). */
export interface ForwardedForSettings {
  /** IP addresses or CIDR blocks of trusted proxies. */
  readonly authorized: readonly string[];
  /** Entries to step over from the right end. */
  readonly hopSkips?: number;
  /** Both default to true, as Vault documents. */
  readonly rejectNotPresent?: boolean;
  readonly rejectNotAuthorized?: boolean;
}

interface AnyListener {
  /** As `ListenerTerms`. */
  readonly chroot?: string;
  readonly redacted?: Redacted;
  readonly headers?: HeaderRules;
  readonly tls?: TlsSettings;
  readonly limits?: Partial<Limits>;
  readonly forwardedFor?: ForwardedForSettings;
  readonly unauthenticatedMetrics?: boolean;
  readonly unauthenticatedRekey?: boolean;
  readonly unauthenticatedWorkflows?: boolean;
  readonly unauthenticatedGenerateRoot?: boolean;
  /** Whether metrics are served here beside all else (default), alone, or not at all. The rest is 404. */
  readonly metrics?: 'too' | 'only' | 'never';
  /** Refuses a request without `X-Vault-Request: true` with 412: a guard of agents against forged requests. */
  readonly requireRequestHeader?: boolean;
}

export interface TcpListener extends AnyListener {
  readonly kind: 'tcp';
  /** An IP address or a name; `0.0.0.0` and `::` are every interface. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /**
   * Lets the threads of one node share the port: `first` refuses a port that anybody listens on and opens it to the
   * `others`, which then join. Absent: nobody can join.
   */
  readonly shared?: 'first' | 'others';
}

export interface UnixListener extends AnyListener {
  readonly kind: 'unix';
  readonly path: string;
  /** Permission bits; 0o600 if not given. */
  readonly mode?: number;
  /** Numeric ids; as the process if not given. */
  readonly user?: number;
  readonly group?: number;
}

export type ListenerSettings = TcpListener | UnixListener;

/** A JavaScript string holds no more (V8: 2^29 - 24 characters). */
const longestBody = 2 ** 29 - 24;
/** Node's timers hold 31 bits of milliseconds; beyond, they would fire at once. 0 is none. */
const timer = (ms: number): number => (Number.isFinite(ms) ? Math.min(ms, 2 ** 31 - 1) : 0);

/** The defaults with what is set. Time-outs that are `Infinity` come out as 0, which is none to Node. */
export function limitsOf(settings: ListenerSettings): Limits {
  const limits = { ...defaultLimits, ...settings.limits };
  return {
    ...limits,
    maxBody: Math.min(limits.maxBody, longestBody),
    headerTimeout: timer(limits.headerTimeout),
    readTimeout: timer(limits.readTimeout),
    idleTimeout: timer(limits.idleTimeout),
    maxDuration: timer(limits.maxDuration),
  };
}

/** `https://127.0.0.1:8200`, `unix:///run/lockstep.sock`: for logs and for who asks where a listener is. */
export function addressOf(settings: ListenerSettings, port: number): string {
  if (settings.kind === 'unix') return `unix://${settings.path}`;
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return `${settings.tls === undefined ? 'http' : 'https'}://${host}:${String(port)}`;
}

type Details = Readonly<Record<string, unknown>>;

/** The part of a logger that the server uses. */
export interface Log {
  readonly info: (message: string, details?: Details) => void;
  readonly warn: (message: string, details?: Details) => void;
  readonly error: (message: string, details?: Details) => void;
}
