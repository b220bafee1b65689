/** The engine `system`: every table of `sys/`. */
import type { Node } from '../core/node.ts';
import type { Path } from '../framework/path.ts';
import { plugin, type AnyPlugin } from '../framework/plugin.ts';
import { auditPaths } from './path-audit.ts';
import { capabilityPaths } from './path-capabilities.ts';
import { configPaths } from './path-config.ts';
import { consumerPaths } from './path-consumers.ts';
import { controlGroupPaths } from './path-control-group.ts';
import { counterPaths } from './path-counters.ts';
import { eventPaths } from './path-events.ts';
import { generateRootPaths } from './path-generate-root.ts';
import { healthPaths } from './path-health.ts';
import { hostPaths } from './path-host.ts';
import { internalPaths } from './path-internal.ts';
import { keyPaths } from './path-keys.ts';
import { leaseListPaths } from './path-lease-lists.ts';
import { leasePaths } from './path-leases.ts';
import { lockedUserPaths } from './path-locked-users.ts';
import { logPaths } from './path-logs.ts';
import { metricsPaths } from './path-metrics.ts';
import { mfaValidatePaths } from './path-mfa-validate.ts';
import { mountPaths } from './path-mounts.ts';
import { namespaceLockPaths } from './path-namespace-lock.ts';
import { namespaceSealPaths } from './path-namespace-seals.ts';
import { namespacePaths } from './path-namespaces.ts';
import { passwordPolicyPaths } from './path-password-policy.ts';
import { pluginPaths } from './path-plugins.ts';
import { policyPaths } from './path-policy.ts';
import { policyDetailPaths } from './path-policy-details.ts';
import { policyTestPaths } from './path-policy-test.ts';
import { quotaPaths } from './path-quotas.ts';
import { regionPaths } from './path-regions.ts';
import { rekeyPaths } from './path-rekey.ts';
import { remountPaths } from './path-remount.ts';
import { sealPaths } from './path-seal.ts';
import { snapshotAutoPaths } from './path-snapshot-auto.ts';
import { snapshotLoadPaths } from './path-snapshot-load.ts';
import { snapshotPaths } from './path-snapshot.ts';
import { toolPaths } from './path-tools.ts';
import { waitPaths } from './path-wait.ts';
import { wrappingPaths } from './path-wrapping.ts';
import { whoCanPaths } from './path-who-can.ts';
import { workflowPaths } from './path-workflows.ts';

export const systemPaths: readonly Path<Node>[] = [
  ...auditPaths,
  ...capabilityPaths,
  ...configPaths,
  ...consumerPaths,
  ...controlGroupPaths,
  ...counterPaths,
  ...eventPaths,
  ...generateRootPaths,
  ...healthPaths,
  ...hostPaths,
  ...internalPaths,
  ...keyPaths,
  ...leaseListPaths,
  ...leasePaths,
  ...lockedUserPaths,
  ...logPaths,
  ...metricsPaths,
  ...mfaValidatePaths,
  ...mountPaths,
  ...namespaceLockPaths,
  ...namespacePaths,
  ...namespaceSealPaths,
  ...passwordPolicyPaths,
  ...pluginPaths,
  ...policyPaths,
  ...policyDetailPaths,
  ...policyTestPaths,
  ...whoCanPaths,
  ...quotaPaths,
  ...regionPaths,
  ...rekeyPaths,
  ...remountPaths,
  ...sealPaths,
  ...snapshotAutoPaths,
  ...snapshotLoadPaths,
  ...snapshotPaths,
  ...toolPaths,
  ...waitPaths,
  ...workflowPaths,
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
