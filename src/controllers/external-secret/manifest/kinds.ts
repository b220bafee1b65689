/**
 * Which kinds `target.manifest` may name. The controller has more rights than whoever makes an ExternalSecret, so what would turn its
 * rights into theirs is refused here, whatever RBAC grants it: of the kinds that Kubernetes brings, ConfigMaps alone (a Role, a Pod, a
 * ServiceAccount or a Lease is power), and none of External Secrets' own (docs/security.md).
 */
import type { Target } from '../definition.ts';

export type Manifest = NonNullable<Target['manifest']>;

export interface GroupVersion {
  /** Empty for the core. */
  readonly group: string;
  readonly version: string;
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const GROUP = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const VERSION = new RegExp(`^${LABEL}$`);
const KIND = /^[A-Za-z][A-Za-z0-9]{0,62}$/;

/** Kept by Kubernetes and by OpenShift in each namespace: authorities that pods trust. */
const TRUSTED: ReadonlySet<string> = new Set(['kube-root-ca.crt', 'openshift-service-ca.crt']);

/** Undefined: it is none. It becomes part of a path, so that nothing else may pass. */
export function groupVersionOf(apiVersion: string): GroupVersion | undefined {
  const parts = apiVersion.split('/');
  const [group, version] = parts.length === 1 ? ['', parts[0] ?? ''] : [parts[0] ?? '', parts[1] ?? ''];
  const isGroup = parts.length === 1 || (group.length <= 253 && GROUP.test(group));
  return parts.length <= 2 && isGroup && VERSION.test(version) ? { group, version } : undefined;
}

/** Kinds of others are in groups with a dot; Kubernetes keeps those below `k8s.io` for itself and its projects. */
const isOfKubernetes = (group: string): boolean =>
  !group.includes('.') || /(?:^|\.)(?:k8s|kubernetes)\.io$/.test(group);

const isOfExternalSecrets = (group: string): boolean => /(?:^|\.)external-secrets\.io$/.test(group);

/** Why nothing of the group may be made, save ConfigMaps of the core; undefined: it may. */
export function groupRefusal(group: string): string | undefined {
  if (isOfExternalSecrets(group)) return 'objects of External Secrets are not made from secrets of a store';
  if (isOfKubernetes(group)) return 'of the kinds of Kubernetes itself, ConfigMap alone is offered';
  return undefined;
}

/** Why it is not made; undefined: it may be, as far as RBAC allows. */
export function refusalOf({ apiVersion, kind }: Manifest, name: string): string | undefined {
  const parsed = groupVersionOf(apiVersion);
  if (parsed === undefined) return `apiVersion "${apiVersion}" is no group and version`;
  if (!KIND.test(kind)) return `kind "${kind}" is no name of a kind`;
  const { group } = parsed;
  if (group !== '' || kind !== 'ConfigMap') {
    if (group === '' && kind === 'Secret') return 'a Secret is made without it: leave it out';
    return groupRefusal(group);
  }
  return TRUSTED.has(name) ? `the ConfigMap "${name}" holds an authority that pods trust` : undefined;
}
