/** What the core asks of the regions' side of a node, without knowing it: `regions/` provides both. */
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Outcome } from '../framework/request.ts';
import type { Position } from '../storage/store.ts';
import type { Index } from './freshness.ts';
import type { Access } from './requests/access.ts';
import type { Services } from './services.ts';

/** Who counts the consumers of a node: the hub those of its own, a region's link tells the hub of the region's. */
export interface ConsumerReports {
  /** `expires`: milliseconds since the epoch from which on nobody waits for it; undefined while it is connected. */
  readonly registered: (consumer: string, expires: number | undefined) => void;
  readonly deregistered: (consumer: string) => void;
  /** It has everything up to this position of the hub's log in place. */
  readonly acknowledged: (consumer: string, position: Position, digest: Uint8Array) => void;
}

/** At a region: what reads need to know of its copy. */
export interface ReadingLink {
  /** The hub's log and where this node's copy stands in it. */
  readonly followed: () => Index;
  /** Headers that say how old the copy is. */
  readonly standing: () => Readonly<Record<string, string>>;
  /** Milliseconds since the last word of the hub. */
  readonly age: () => number;
}

/** At a region: its link to the hub. */
export interface HubLink extends ReadingLink {
  readonly forward: (access: Access) => Promise<Outcome>;
  readonly status: () => JsonObject;
  readonly consumers: ConsumerReports;
}

export interface RegionRules {
  readonly paths?: readonly string[];
  /** Instead of `paths`: what joins those that are there. */
  readonly addPaths?: readonly string[];
  readonly writes?: readonly string[];
}

export interface WaitRequest {
  /** A position of the hub's log; absent: the newest. */
  readonly position: Position | undefined;
  readonly timeoutMs: number;
  /** Whether the caller may know this consumer by name; it counts in any case. */
  readonly shows: (consumer: string) => boolean;
  readonly signal: AbortSignal;
}

/** At the hub: its regions. */
export interface RegionHub {
  /** The join token. */
  readonly add: (name: string, rules: RegionRules) => Promise<string>;
  readonly setRules: (name: string, rules: RegionRules) => Promise<void>;
  /** Cuts it off at once. */
  readonly remove: (name: string) => Promise<void>;
  readonly list: () => readonly string[];
  readonly describe: (name: string) => JsonObject | undefined;
  readonly wait: (request: WaitRequest) => Promise<JsonObject>;
  readonly consumers: ConsumerReports;
}

/** Made when a node opens; `services` answers once it serves. */
export interface Cluster extends AsyncDisposable {
  readonly link?: HubLink;
  readonly hub?: RegionHub;
}
export type OpenCluster = (services: () => Services) => Promise<Cluster>;

/** Throws `badRequest` on a node that is no hub, saying what it is. */
export function hubOf(cluster: Cluster | undefined, region: string | undefined): RegionHub {
  if (cluster?.hub !== undefined) return cluster.hub;
  const remedy =
    region === undefined
      ? 'give it a `hub` block, or `cluster_address` on a listener'
      : `it is the region "${region}": ask its hub`;
  throw fail('badRequest', `this node is not a hub: ${remedy}`);
}
