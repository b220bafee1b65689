/** The pods of the controller, for those who apply manifests; the Helm chart makes the same of its default values. */
import type { KubernetesObject } from '../kube/objects.ts';

interface Workload extends KubernetesObject {
  readonly spec: object;
}

export interface WorkloadOptions {
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  readonly flags: readonly string[];
  /** Where it answers API servers; undefined: it does not. */
  readonly webhookPort?: number | undefined;
}

/** Nothing is written to the image's files, and nothing is gained by whoever takes over the process. */
const CONTAINED = {
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};

const PORTS = [
  { name: 'metrics', containerPort: 8080, protocol: 'TCP' },
  { name: 'live', containerPort: 8082, protocol: 'TCP' },
];

const probe = (path: string) => ({ httpGet: { path, port: 'live' } });

export const podLabels = (name: string) => ({ 'app.kubernetes.io/name': name });

/** Two, one of which leads, and of which one is always left. */
export function workload({ name, namespace, image, flags, webhookPort }: WorkloadOptions): readonly Workload[] {
  const labels = podLabels(name);
  const metadata = { name, namespace, labels };
  const container = {
    ...{ name: 'controller', image, imagePullPolicy: 'IfNotPresent', command: ['lockstep'] },
    args: ['controller', '-in-cluster', '-enable-leader-election', `-leader-election-id=${name}`, ...flags],
    ports: [
      ...PORTS,
      ...(webhookPort === undefined ? [] : [{ name: 'webhook', containerPort: webhookPort, protocol: 'TCP' }]),
    ],
    livenessProbe: probe('/healthz'),
    readinessProbe: probe('/readyz'),
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: CONTAINED,
  };
  const pod = {
    serviceAccountName: name,
    securityContext: {
      runAsUser: 65_532,
      runAsGroup: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container],
  };
  const selector = { matchLabels: labels };
  return [
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata },
      spec: { replicas: 2, selector, template: { metadata: { labels }, spec: pod } },
    },
    {
      ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata },
      spec: { minAvailable: 1, selector },
    },
  ];
}
