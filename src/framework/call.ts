/** What a handler is told of the request that it serves, beside its fields. */
import type { JsonObject } from './field.ts';
import type { Request } from './request.ts';

/** Who asks. Secrets of the token are not here; a handler that must have the token itself is part of the core. */
export interface Client {
  readonly displayName: string;
  readonly policies: readonly string[];
  /** The id of the namespace that the token belongs to, and that its policies are meant in. */
  readonly namespace: string;
  /** The id of the entity that asks; empty where there is none. */
  readonly entity: string;
  /** The id of the namespace that the entity belongs to. */
  readonly entityNamespace: string;
  /** Of the entity's policies those that count; absent: all. */
  readonly entityPolicies?: readonly string[];
  /** Stable for one token and secret: the namespace of a cubbyhole. Empty on open paths, and for batch tokens. */
  readonly tokenKey: string;
  /** The token's accessor; empty on open paths, and for batch tokens. */
  readonly accessor: string;
  /** Remote IP address, or the path of a Unix socket. */
  readonly address: string;
}

export interface Call {
  /** Aborts when nobody waits for the reply any more. */
  readonly signal: () => AbortSignal;
  readonly id: string;
  /** Where the request works. The path has a closing slash, and is empty for the root namespace. */
  readonly namespace: { readonly id: string; readonly path: string };
  /** The node's clock, milliseconds since the epoch. */
  readonly now: number;
  /** The canonical path below the mount, as it was asked for. */
  readonly path: string;
  /** The mount's path with its closing slash, such as `secret/` or `auth/approle/`. */
  readonly mountPath: string;
  readonly client: Client;
  /** The caller's token itself. For the core's own paths; a plug-in never needs it. */
  readonly token: string | undefined;
  /** How the request came. For the core's own paths, which make others in its place. */
  readonly origin: Pick<Request, 'address' | 'port' | 'peer' | 'clientCertificates' | 'listener' | 'run'>;
  /** The header `Authorization`, as sent. For the core's own paths. */
  readonly authorization: string | undefined;
  /** The body as parsed; an empty object when there was none. */
  readonly body: JsonObject;
  /** Writes the body into a new file; undefined but for uploads. */
  readonly upload: ((path: string) => Promise<void>) | undefined;
  readonly query: Readonly<Record<string, string>>;
  /** As `Request.clientCertificates`; empty where none was shown. */
  readonly clientCertificates: readonly Uint8Array[];
  /** `X-Vault-Wrap-TTL`, seconds; 0 when the reply is not to be wrapped. */
  readonly wrapTtl: number;
  /** Of the request: the lower-case media type, without parameters; empty when there was no body. */
  readonly contentType: string;
}
