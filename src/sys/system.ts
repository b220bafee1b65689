/** The engine `system`: every table of `sys/`. */
import type { Node } from '../core/node.ts';
import type { Path } from '../framework/path.ts';
import { plugin, type AnyPlugin } from '../framework/plugin.ts';
import { auditPaths } from './path-audit.ts';
import { capabilityPaths } from './path-capabilities.ts';
import { consumerPaths } from './path-consumers.ts';
import { eventPaths } from './path-events.ts';
import { healthPaths } from './path-health.ts';
import { internalPaths } from './path-internal.ts';
import { keyPaths } from './path-keys.ts';
import { metricsPaths } from './path-metrics.ts';
import { mountPaths } from './path-mounts.ts';
import { namespaceLockPaths } from './path-namespace-lock.ts';
import { namespacePaths } from './path-namespaces.ts';
import { policyPaths } from './path-policy.ts';
import { regionPaths } from './path-regions.ts';
import { remountPaths } from './path-remount.ts';
import { sealPaths } from './path-seal.ts';
import { waitPaths } from './path-wait.ts';
import { wrappingPaths } from './path-wrapping.ts';

export const systemPaths: readonly Path<Node>[] = [
  ...auditPaths,
  ...capabilityPaths,
  ...consumerPaths,
  ...eventPaths,
  ...healthPaths,
  ...internalPaths,
  ...keyPaths,
  ...metricsPaths,
  ...mountPaths,
  ...namespaceLockPaths,
  ...namespacePaths,
  ...policyPaths,
  ...regionPaths,
  ...remountPaths,
  ...sealPaths,
  ...waitPaths,
  ...wrappingPaths,
];

export function system(node: Node): AnyPlugin {
  return plugin<Node>({
    type: 'system',
    help: 'Control, policies and state of this server.',
    open: () => node,
    paths: () => systemPaths,
  });
}
