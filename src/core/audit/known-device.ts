/** An audit device as this node knows it. */
import type { RawOptions } from './options.ts';

/** A device as it was asked for. */
export interface DeviceSpec {
  readonly type: string;
  readonly description: string;
  readonly local: boolean;
  readonly options: RawOptions;
}

export interface DeclaredDevice extends DeviceSpec {
  readonly path: string;
  /** What `env://` in its options stands for. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface KnownDevice extends DeviceSpec {
  /** With its closing slash. */
  readonly path: string;
  /** By the configuration: the API cannot take it away. */
  readonly declared: boolean;
  readonly variables?: Readonly<Record<string, string>>;
}

/** A device as another thread opens it too. */
export interface FollowedDevice extends KnownDevice {
  /** `AuditDevice.shared` of the first. */
  readonly shared?: SharedArrayBuffer | undefined;
}
