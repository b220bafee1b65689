/** What is put into the cluster: the publisher of its keys, and how a pod projects its token. */

export interface PublisherPlace {
  readonly namespace: string;
  readonly name: string;
}

/** Throws nothing: the server has checked it, or will. */
export function placeOf(publisher: string): PublisherPlace {
  const [namespace = '', name = ''] = publisher.split('/', 2);
  return { namespace, name };
}

export interface ManifestOptions {
  readonly cluster: string;
  readonly publisher: string;
  /** Where publications go: the hub. */
  readonly address: string;
  /** Of Lockstep. */
  readonly lockstepNamespace: string;
}

/**
 * The publisher may ask for tokens of itself, and nothing else. It is a Deployment, since it must hold a token of before a
 * rotation when the cluster signs with the new key from one moment to the next: a job that begins afterwards has none.
 */
export function publisherManifest({ cluster, publisher, address, lockstepNamespace }: ManifestOptions): string {
  const { namespace, name } = placeOf(publisher);
  const args = ['clusters', 'publish-keys', `-publisher=${publisher}`, cluster];
  const env = [
    ['LOCKSTEP_ADDR', address],
    ...(lockstepNamespace === '' ? [] : [['LOCKSTEP_NAMESPACE', lockstepNamespace]]),
  ];
  return `apiVersion: v1
kind: Namespace
metadata: { name: ${namespace} }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: ${name}, namespace: ${namespace} }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: ${name}, namespace: ${namespace} }
rules:
  - { apiGroups: [""], resources: [serviceaccounts/token], resourceNames: [${name}], verbs: [create] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: ${name}, namespace: ${namespace} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${name} }
subjects: [{ kind: ServiceAccount, name: ${name}, namespace: ${namespace} }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: ${namespace}-${name} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:service-account-issuer-discovery }
subjects: [{ kind: ServiceAccount, name: ${name}, namespace: ${namespace} }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      serviceAccountName: ${name}
      containers:
        - name: publish-keys
          image: lockstep # yours: an image with this executable
          command: [lockstep]
          args: ${JSON.stringify(args)}
          env:
${env.map(([key, value]) => `            - { name: ${String(key)}, value: ${JSON.stringify(value)} }`).join('\n')}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            runAsUser: 65532
            capabilities: { drop: [ALL] }
`;
}

/** Of a pod. */
export function projectedToken(audience: string): string {
  return `volumes:
  - name: lockstep
    projected:
      sources:
        - serviceAccountToken: { path: token, audience: ${JSON.stringify(audience)}, expirationSeconds: 3600 }
`;
}
