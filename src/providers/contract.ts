/**
 * Where secrets come from. Three answers that are never mixed up: a secret that is not there is `found: false`, an empty
 * one is a value, and a store that cannot be asked, refuses or answers nonsense is a `ProviderProblem`.
 */
import type { ClusterAccess } from '../kube/access.ts';

export type Found<T> = { readonly found: true; readonly value: T } | { readonly found: false };

export interface Reference {
  readonly key: string;
  /** One value of it (the paths of gjson); without, all of it: a JSON object where it has several. */
  readonly property?: string | undefined;
  readonly version?: string | undefined;
  /** What is known about it in place of itself. */
  readonly metadata?: boolean;
  /** Told of where the answer is from, by a store that says so. */
  readonly told?: ((origin: Origin) => void) | undefined;
}

export interface Origin {
  /** Of the secret. */
  readonly version: number | undefined;
  /** Opaque: the state of the store that answered. */
  readonly index: string | undefined;
  /** Which copy of the store answered; undefined: the store itself. */
  readonly region: string | undefined;
  /** Seconds since that copy was last known to lack nothing. */
  readonly age: number | undefined;
}

export interface Query {
  readonly path?: string | undefined;
  /** RE2, anywhere in the name. */
  readonly name?: string | undefined;
  /** All of these. Beside a name AWS Secrets Manager and Azure alone look at them, as in External Secrets Operator. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** What is written: all of a secret, or one property of it. */
export interface RemoteName {
  readonly key: string;
  readonly property?: string | undefined;
  /** Fields of the provider's own, as they stand in the PushSecret. */
  readonly metadata?: unknown;
}

/** Of the Secret that is pushed, besides its values. */
export interface PushedFrom {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Its type, or that of the PushSecret's template. Undefined, or empty: `Opaque`. */
  readonly type?: string | undefined;
}

export interface Pushed extends RemoteName {
  /** Without a property, a JSON object. */
  readonly value: Uint8Array;
  readonly from?: PushedFrom | undefined;
}

/** Who reads by a client, and is told of what changes there. */
export interface Following {
  /** Under which the server remembers who follows, and counts what is in place. */
  readonly consumer: string;
  /** The keys that are read, and those below which is searched, which end in `*`. */
  readonly keys: () => readonly string[];
  /** Called, until the signal is aborted, whenever the keys may be others. */
  readonly onKeys: (called: () => void, signal: AbortSignal) => void;
  /** Resolves when what depends on these keys was brought in order, or could not be. */
  readonly changed: (keys: readonly string[]) => Promise<void>;
  /** Whether everything that was read last is in place. */
  readonly settled: () => boolean;
  /** Whether changes come by push now; if not, why. */
  readonly state: (pushed: boolean, why?: string) => void;
}

/** A member that may be absent is an ability. Calls reject with `ProviderProblem`, or with the signal's reason. */
export interface ProviderClient {
  /** Whether it can be used: reachable, and its credentials are taken. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  readonly read: (reference: Reference, signal: AbortSignal) => Promise<Found<Uint8Array>>;
  /**
   * The values of a secret by their names, byte for byte, where the JSON that `read` gives cannot carry them. Absent: the
   * members of that JSON.
   */
  readonly members?: (reference: Reference, signal: AbortSignal) => Promise<Found<ReadonlyMap<string, Uint8Array>>>;
  /** By name. Empty when nothing matches. */
  readonly find?: (query: Query, signal: AbortSignal) => Promise<ReadonlyMap<string, Uint8Array>>;
  /** Tells of changes until the signal is aborted; then it resolves. */
  readonly follow?: (following: Following, signal: AbortSignal) => Promise<void>;
  /** Writes what differs. What was not written by External Secrets before is left alone, and `denied`. */
  readonly push?: (pushed: Pushed, signal: AbortSignal) => Promise<void>;
  /** Throws `ProviderProblem` for `metadata` that is not as this provider has it. Absent: it has none. */
  readonly checkMetadata?: (metadata: unknown) => void;
  /** Whether it is there, where `metadata` says another place than `read` looks at. Absent: it never does. */
  readonly has?: (name: RemoteName, signal: AbortSignal) => Promise<boolean>;
  /** Gone already, and what was not written by External Secrets, is no error. */
  readonly remove?: (name: RemoteName, signal: AbortSignal) => Promise<void>;
  readonly close: () => void;
}

/** Which store asks, and so how far it may go. */
export interface StoreIdentity {
  readonly kind: 'SecretStore' | 'ClusterSecretStore';
  readonly name: string;
  /** Of a SecretStore its own; of a ClusterSecretStore that of whoever asks, if somebody does. */
  readonly namespace: string | undefined;
}

/** The API server of this cluster, without any right there. */
export type ApiServer = Pick<ClusterAccess, 'server' | 'ca' | 'serverName'>;

export interface WholeSecret {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/** What a store names in its cluster. Calls reject with `ProviderProblem`. */
export interface Credentials {
  readonly store: StoreIdentity;
  /** Whether a SecretStore may name a server of the Vault API on the controller's own machine, as one beside it in its pod. */
  readonly localServers: boolean;
  readonly apiServer: ApiServer;
  readonly secret: (ref: SecretRefLike) => Promise<string>;
  readonly configMap: (ref: SecretRefLike) => Promise<string>;
  /** All values of that Secret, by their keys, and its labels. */
  readonly wholeSecret: (ref: SecretRefLike) => Promise<WholeSecret>;
  /** The annotations of that service account. */
  readonly annotations: (ref: AccountRefLike) => Promise<Readonly<Record<string, string>>>;
  /** A token of that service account for these audiences. */
  readonly token: (ref: AccountRefLike, audiences: readonly string[], seconds: number) => Promise<string>;
}

export interface SecretRefLike {
  readonly name?: string;
  readonly namespace?: string;
  readonly key?: string;
}

export interface AccountRefLike {
  readonly name: string;
  readonly namespace?: string;
  readonly audiences?: readonly string[];
}

export interface Provider<Config> {
  /** Its name in `spec.provider`. */
  readonly type: string;
  /** Whether it reads only, or writes too; as the status of a store says it. */
  readonly capabilities: 'ReadOnly' | 'WriteOnly' | 'ReadWrite';
  /** Fields of `metadata.spec` of a PushSecret, of any of its services. Absent: it has none. */
  readonly pushMetadata?: readonly string[];
  /** Whether a ClusterSecretStore is another one for each namespace that asks, though its references name theirs. */
  readonly differsByNamespace?: (config: Config) => boolean;
  /** What it writes become Secrets of `from.type`: which types may be made is the controller's to say. Absent: they do not. */
  readonly makesSecrets?: true;
  /** Two keys of the same secret give the same. Throws nothing. Absent: each key is that of another. */
  readonly nameOf?: (key: string, config: Config) => string;
  /** Does nothing yet. Throws `ProviderProblem` for a configuration that can never work. */
  readonly connect: (config: Config, credentials: Credentials) => ProviderClient;
}

/**
 * `invalid`: the configuration cannot work; `unreachable`: no answer that can be used, trying again can help; `denied`:
 * the credentials or rights do not suffice; `unsuitable`: it is there, and not what was asked for.
 */
export type ProblemKind = 'invalid' | 'unreachable' | 'denied' | 'unsuitable';

/** Characters of a message. What a store calls its values stands in some: a status would not be taken with megabytes in it. */
const LONGEST = 2_048;

const shortened = (message: string): string =>
  message.length <= LONGEST ? message : `${message.slice(0, LONGEST - 1).toWellFormed()}…`;

/** The message says what to do and holds no secret: it stands in conditions and events. */
export class ProviderProblem extends Error {
  override readonly name = 'ProviderProblem';
  readonly kind: ProblemKind;

  constructor(kind: ProblemKind, message: string, options?: ErrorOptions) {
    super(shortened(message), options);
    this.kind = kind;
  }
}
