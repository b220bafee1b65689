/** Audit devices for tests: what they may do, and the ends that they send to. */
import type { DevicePermissions } from '../../src/core/audit/options.ts';

/** As a device of the configuration. */
export const anything: DevicePermissions = { paths: 'any', addresses: 'any', variables: {}, prefixing: true };

/** As one of the API where the configuration allows nothing, besides what is given. */
export function onlyThese(allowed: Partial<DevicePermissions> = {}): DevicePermissions {
  return { paths: [], addresses: [], variables: undefined, prefixing: false, ...allowed };
}
