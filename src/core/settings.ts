import type { SubscriptionLimits } from './events/limits.ts';
import type { LockoutSettings } from './lockout/lockout-config.ts';
import type { StalenessLimits } from './requests/staleness.ts';

/** What the configuration says to the core. */
export interface CoreSettings {
  /** Seconds. */
  readonly defaultLeaseTtl: number;
  readonly maxLeaseTtl: number;
  readonly clusterName: string;
  /** Scheme, host and port at which clients reach this node; empty: nobody has said. */
  readonly apiAddress: string;
  /** As in the configuration: `lmdb`, `inmem`. */
  readonly storageType: string;
  /** This node's region; undefined at the hub. */
  readonly region: string | undefined;
  /** How long a request that carries an index waits for it, milliseconds. */
  readonly indexWaitMs: number;
  readonly subscriptions: Partial<SubscriptionLimits>;
  /** At a region. */
  readonly staleness: StalenessLimits;
  readonly lockout: LockoutSettings;
  /** Files and folders that trust bundles may be read from. */
  readonly bundlePaths: readonly string[];
  /** Whether metrics are offered in the form of Prometheus. */
  readonly prometheus: boolean;
}

export const DEFAULT_SETTINGS: CoreSettings = {
  defaultLeaseTtl: 2_764_800,
  maxLeaseTtl: 2_764_800,
  clusterName: '',
  apiAddress: '',
  storageType: 'inmem',
  region: undefined,
  indexWaitMs: 2_000,
  subscriptions: {},
  staleness: { budget: 86_400, logins: 43_200 },
  lockout: { disabled: false, byType: {} },
  bundlePaths: [],
  prometheus: true,
};

/** The version that clients of the API compare features by: one of Vault's. */
export const API_VERSION = '1.18.0';
