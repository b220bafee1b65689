import type { LookupFunction } from 'node:net';

/** What a client needs to know; made by the loader of `src/config/client.ts` or by a configuration file, then frozen. */

export interface TlsSettings {
  /** A PEM file of one or more CA certificates; replaces the built-in ones. Wins over `caPath`. */
  readonly caCert?: string | undefined;
  /** The PEM text itself; wins over both others. */
  readonly caCertText?: string | undefined;
  /** A folder whose files are PEM CA certificates; replaces the built-in ones. */
  readonly caPath?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  /** The PEM texts themselves, of a client; they win over the files. */
  readonly clientCertText?: string | undefined;
  readonly clientKeyText?: string | undefined;
  /** The name expected in the server's certificate and sent as SNI; default: the host of the address. */
  readonly serverName?: string | undefined;
  readonly skipVerify?: boolean | undefined;
}

/** Where connections may go. What they throw, or fail with, is the cause of the `ConnectionError` that comes of it. */
export interface Reach {
  /** Throws for a host that is an address of those that are closed. */
  readonly check: (host: string) => void;
  /** As `dns.lookup`; gives addresses that are open alone. */
  readonly lookup: LookupFunction;
}

export interface ClientSettings {
  /** `https://host:port`, `http://host:port` or `unix:///path/to/socket`. A path before `/v1` is kept. */
  readonly address: string;
  readonly token?: string | undefined;
  readonly namespace?: string | undefined;
  readonly tls?: TlsSettings | undefined;
  /** Of the address, and of where it redirects to. Default: anywhere. */
  readonly reach?: Reach | undefined;
  /** Asks for every reply to be wrapped, with this time to live (`60s`). */
  readonly wrapTtl?: string | undefined;
  /** Follows no redirect: one is an error that says where it came from. Default false: one is followed. */
  readonly disableRedirects?: boolean | undefined;
  /** Further request headers. Names that begin with `x-vault-` are refused. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds for a call with all its retries; default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Tries after the first; default 2. */
  readonly maxRetries?: number | undefined;
  /** Milliseconds in which a server that is busy, sealed or away is asked again, however often. Default 0. */
  readonly patienceMs?: number | undefined;
  /** Bytes; a longer reply is refused. Default 64 MiB. */
  readonly maxResponseBytes?: number | undefined;
  /** Sends the newest index seen with every request, so that a client never reads behind its own writes. Default false. */
  readonly readYourWrites?: boolean | undefined;
  /** Beside it, asks a node of Vault Enterprise that is behind to hand on to the active one. Default false. */
  readonly forwardInconsistent?: boolean | undefined;
}

export const clientDefaults = Object.freeze({
  address: 'https://127.0.0.1:8200',
  timeoutMs: 60_000,
  maxRetries: 2,
  maxResponseBytes: 64 * 1024 * 1024,
});
