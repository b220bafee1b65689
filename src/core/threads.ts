/** The threads of a node beside the one that writes: what they are told, and what they ask. */
import type { KeyObject } from '../lib/crypto/hash.ts';
import type { Roots } from '../seal/session.ts';
import type { SharedWindows } from '../lib/threads/shared-windows.ts';
import type { MetricsCopy } from '../lib/metrics/copy.ts';
import type { InFlightRequest } from './in-flight.ts';
import type { FollowedDevice } from './audit/known-device.ts';

/** The same audit devices on every thread. Each call resolves, or rejects, once all threads have answered. */
export interface AuditFollowers {
  readonly enable: (device: FollowedDevice) => Promise<void>;
  readonly disable: (path: string) => Promise<void>;
  readonly reopen: () => Promise<void>;
}

/** What a thread needs to serve reads. */
export interface Unsealing {
  /** Opens the keyring; it never leaves the process. */
  readonly root: KeyObject;
  /** Those that may have replaced it, in order. */
  readonly expected?: readonly KeyObject[];
  readonly devices: readonly FollowedDevice[];
  /** Root keys of namespaces that have their own and are unsealed, by id, each with those that may have replaced it. */
  readonly namespaces?: ReadonlyMap<string, Roots>;
}

/** The keys of a namespace that has its own. */
export interface NamespaceUnsealing {
  readonly id: string;
  readonly root: KeyObject;
}

/** The threads that read. Each call resolves once all of them have done it: nothing is answered before. */
export interface ReadingThreads {
  /** Where all threads count what quotas bound. */
  readonly windows: SharedWindows;
  readonly unseal: (unsealing: Unsealing) => Promise<void>;
  readonly seal: () => Promise<void>;
  /** The keyring is about to be put under this root key. */
  readonly expectRoot: (root: KeyObject) => Promise<void>;
  readonly unsealNamespace: (unsealing: NamespaceUnsealing) => Promise<void>;
  /** The keyring of the namespace is about to be put under this root key. */
  readonly expectNamespaceRoot: (unsealing: NamespaceUnsealing) => Promise<void>;
  /** Their keys are gone from all threads when it resolves. */
  readonly sealNamespaces: (ids: readonly string[]) => Promise<void>;
  readonly audit: AuditFollowers;
  /** What each serves right now. */
  readonly inFlight: () => Promise<readonly InFlightRequest[]>;
  /** What each has counted and measured. */
  readonly metrics: () => Promise<readonly MetricsCopy[]>;
}
