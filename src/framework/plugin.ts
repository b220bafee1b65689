/** The contract of a plug-in: a secret engine or an auth method is its paths, and what it must do in time. */
import type { Page, Snapshot, Transaction, Write } from '../storage/store.ts';
import type { Call } from './call.ts';
import type { JsonObject } from './field.ts';
import type { LeaseHandlers } from './lease.ts';
import type { Path } from './path.ts';
import type { Grant } from './reply.ts';

/**
 * One class of a mount's own data, with keys below the mount. `shared` is replicated to the regions under their filters
 * and can be written at the hub alone; `local` stays on the node.
 */
export interface Compartment {
  readonly get: (key: string) => Uint8Array | undefined;
  readonly has: (key: string) => boolean;
  /**
   * What `decode` makes of a record, kept in memory until the record changes; undefined when there is none. For records that
   * are no secrets and are read often, each with one `decode`. What it gives is not to be changed.
   */
  readonly kept: <T extends object>(key: string, decode: (bytes: Uint8Array, key: string) => T) => T | undefined;
  readonly list: Snapshot['list'];
  readonly children: Snapshot['children'];
  /** As `Store.transact`: `work` may run twice and does no outside I/O. `shared` on a region: throws `hubUnreachable`. */
  readonly transact: <T>(work: (tx: MountTransaction) => T) => Promise<T>;
  readonly writable: boolean;
}

/** On the keys of a compartment. */
export interface MountTransaction extends Transaction {
  /** As the compartment's, with what was written in transactions up to here. Writers give it what they wrote (`putRecord`). */
  readonly kept: Compartment['kept'];
}

/** What a mount is given. */
export interface MountView {
  readonly uuid: string;
  readonly accessor: string;
  /** Options of the mount, such as `{ version: "2" }`. */
  readonly options: Readonly<Record<string, string>>;
  readonly shared: Compartment;
  readonly local: Compartment;
  /** This node's region; `hub` at the hub. */
  readonly region: string;
  /** Default and maximum TTL of this mount, seconds. */
  readonly ttl: () => { readonly default: number; readonly max: number };
  /**
   * The text of a file of this node, at most so many bytes. What the API names must not read any file: rejects with
   * `permissionDenied` where `allow_bundle_paths` of the configuration does not lead there, with `badRequest` where there is
   * no such file.
   */
  readonly file: (path: string, most: number) => Promise<string>;
  /** Keyed by a secret of this mount that is shared with it: for ids that may not lie in storage keys (rule 27). */
  readonly hmac: (text: string) => string;
}

/** One change of a mount's data, as subscribers are told of it: never the data itself. Paths are below the mount. */
export interface DataChange {
  /** Vault's event type: `kv-v2/data-write`. */
  readonly type: string;
  /** `metadata`: the data reads as before. */
  readonly operation: 'write' | 'delete' | 'destroy' | 'metadata';
  /** The request path under which the data is read: `data/apps/eu/db`. Policies and subscribers name it. */
  readonly dataPath: string;
  /** The request path that the change was made by: `delete/apps/eu/db`. */
  readonly path: string;
  /** The version that was changed, where there are versions. */
  readonly version?: number;
  readonly currentVersion?: number;
  readonly oldestVersion?: number;
}

/** What of a mount can be read from a snapshot that is loaded beside the live data, and brought back. */
export interface FromSnapshot<Mount> {
  /**
   * The body of a write to the same path that brings back what stood there; undefined where nothing stood. `past` is the
   * mount as the snapshot has it, for reading alone. Throws `badRequest` for a path that cannot be asked of a snapshot, and
   * for what was destroyed since: that is not given back. Called before a read too.
   */
  readonly recovered: (mounts: { readonly live: Mount; readonly past: Mount }, call: Call) => JsonObject | undefined;
  /** Whether names can be listed. */
  readonly lists: (options: Readonly<Record<string, string>>) => boolean;
}

/** What a login by a role gives, whoever logs in. */
export interface LoginTerms {
  readonly name: string;
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
  /** Which policies it gives is told at each login alone, by a program or by claims; `policies` then say nothing. Absent: no. */
  readonly byProgram?: boolean;
}

/** A login that is only thought of: by claims that no issuer has signed. */
export interface SupposedLogin {
  readonly role: string;
  readonly claims: JsonObject;
  /** Where it would come from. undefined: nobody said, and it is not judged. */
  readonly address: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface SupposedGrant {
  readonly grant: Grant;
  /** Names of claims that were not given, and are taken to be as they should be. */
  readonly assumed: readonly string[];
  /** Where below the mount such a login is sent. */
  readonly rest: string;
  /** What a login is held against beside this, for people. */
  readonly unjudged: readonly string[];
}

export interface Retuning {
  readonly from: Readonly<Record<string, string>>;
  readonly to: Readonly<Record<string, string>>;
  /** On the shared compartment. */
  readonly tx: Transaction;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Plugin<Mount> {
  readonly type: string;
  readonly help: string;
  /** Called once when the mount comes up on this node. Does no I/O beyond the view. */
  readonly open: (view: MountView) => Mount;
  /** Which tables this mount serves; may depend on the options (KV v1 and v2). */
  readonly paths: (view: Pick<MountView, 'options'>) => readonly Path<Mount>[];
  /** Told, after "unsupported path", to who asks for a path that no table has. */
  readonly unsupported?: (options: Readonly<Record<string, string>>) => string | undefined;
  /** Auth methods: the role that a request below the mount logs in by, for quotas of it. Proves nothing. undefined: none. */
  readonly loginRole?: (mount: Mount, rest: string, parameters: JsonObject) => string | undefined;
  /** Auth methods: a page of what a login can be of: roles, users, in an order in which each has its place. undefined: none are kept. */
  readonly logins?: (mount: Mount, page: Page) => readonly LoginTerms[];
  /**
   * Auth methods whose logins are judged by the claims of a token: what one with these claims would grant. By the same code as the login's own; writes nothing and asks nobody. Throws `invalidCredentials` or
   * `permissionDenied` as the login would, and `badRequest` where there is no such role.
   */
  readonly supposedLogin?: (mount: Mount, login: SupposedLogin) => SupposedGrant;
  /** Auth methods: may this token be renewed, and by how much. Throws when its role is gone. Absent: as first granted. */
  readonly renewLogin?: (
    mount: Mount,
    internal: JsonObject,
    call: Call,
  ) => Grant | undefined | Promise<Grant | undefined>;
  /**
   * Called about once a second on the thread that writes, while the node is unsealed: begins what is due by time, and waits for
   * none of it. Never throws. `now`: milliseconds since the epoch.
   */
  readonly tend?: (mount: Mount, now: number) => void;
  /** Secret engines: how their leases are renewed and revoked. Without it a reply may carry no lease. */
  readonly leases?: LeaseHandlers<Mount>;
  /**
   * What stored data becomes when options of the mount change, in the transaction that changes them. Pure beside that. Throws
   * `badRequest` where they cannot be changed so.
   */
  readonly retune?: (retuning: Retuning) => void;
  /**
   * The logical path below the mount that a record of the shared compartment belongs to, for filters and purges
   * (`metadata/apps/eu/db` -> `apps/eu/db`). undefined: the mount's own configuration, which goes with any part of it.
   * The key alone decides, since a deletion carries no value.
   */
  readonly logicalPath?: (key: string) => string | undefined;
  /**
   * What the writes of one batch to the shared compartment (keys below the mount) changed. Pure: the writes alone decide,
   * so that a region tells the same as the hub. At most one change for each data path. Absent: no events.
   */
  readonly changes?: (writes: readonly Write[]) => readonly DataChange[];
  /**
   * The data that a read of the data path answers (a version, or the newest one), to check what a subscriber says that it
   * has. undefined: there is none, or it can no longer be told.
   */
  readonly dataAt?: (mount: Mount, dataPath: string, version: number | undefined) => JsonObject | undefined;
  /**
   * Key prefixes, of both compartments, of what was handed out and can be used by who holds it (secret-ids). After a
   * restore such records are gone, unless they were asked for.
   */
  readonly issued?: readonly string[];
  /** Absent: nothing of it is read from loaded snapshots. */
  readonly fromSnapshot?: FromSnapshot<Mount>;
  /**
   * The logical path that a request below the mount is about, as `logicalPath` has it (`data/apps/eu/db` -> `apps/eu/db`).
   * undefined, or absent: nothing that a region may write by forwarding.
   */
  readonly requestPath?: (rest: string, options: Readonly<Record<string, string>>) => string | undefined;
}

/** A plug-in with its mount type erased, as the registry keeps it. */
export type AnyPlugin = Plugin<unknown>;

/** `Plugin<Mount>` is contravariant in `Mount` everywhere but `open`, so erasing it is safe as long as both stay together. */
export function plugin<Mount>(definition: Plugin<Mount>): AnyPlugin {
  return definition as unknown as AnyPlugin;
}
