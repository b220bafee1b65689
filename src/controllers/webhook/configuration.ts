/** What tells an API server to ask: a Service, a ValidatingWebhookConfiguration (admissionregistration.k8s.io/v1), and the rights over it. */
import type { KubernetesObject } from '../../kube/objects.ts';
import type { Rule } from '../rights.ts';
import { configurationKind } from './certificate.ts';
import { LOOKED_AT } from './templates.ts';

export const PATH = '/validate-templates';
/** As External Secrets Operator has it. */
export const PORT = 10_250;

/** Seconds. Compiling takes milliseconds; a controller that is away must not be waited for. */
const TIMEOUT = 3;

/** What a cluster runs by is never asked about. */
const SYSTEM = ['kube-system', 'kube-public', 'kube-node-lease'];

export interface WebhookObject extends KubernetesObject {
  readonly spec?: unknown;
  readonly webhooks?: unknown;
}

export interface WebhookPlace {
  /** Of the Service, the configuration and the Secret. */
  readonly name: string;
  /** Where the controller runs. */
  readonly namespace: string;
  /** Labels of its pods. */
  readonly pods: Readonly<Record<string, string>>;
  /** The only namespace that it looks at. */
  readonly scope?: string | undefined;
  /** Who the controller is: what it makes for others was asked about when they made theirs. */
  readonly user: string;
  /** Of a controller outside of the cluster, in place of a Service: `https://host:port`. */
  readonly url?: string | undefined;
}

const byVersion = Map.groupBy(LOOKED_AT, ({ definition }) => definition.version);

const rulesOf = (scope: string | undefined): readonly object[] =>
  [...byVersion]
    .map(([version, kinds]) => ({
      apiGroups: ['external-secrets.io'],
      apiVersions: [version],
      operations: ['CREATE', 'UPDATE'],
      resources: kinds
        .filter(({ definition: { namespaced } }) => scope === undefined || namespaced)
        .map(({ definition: { plural } }) => plural),
      scope: scope === undefined ? '*' : 'Namespaced',
    }))
    .filter(({ resources }) => resources.length > 0);

const NAME_LABEL = 'kubernetes.io/metadata.name';

/** All that the webhook needs, but for rights. */
export function webhookObjects({ name, namespace, pods, scope, user, url }: WebhookPlace): readonly WebhookObject[] {
  const service = { name, namespace, path: PATH, port: 443 };
  const selecting =
    scope === undefined
      ? { key: NAME_LABEL, operator: 'NotIn', values: [...SYSTEM, namespace] }
      : { key: NAME_LABEL, operator: 'In', values: [scope] };
  const webhook = {
    name: 'templates.controller.lockstep',
    admissionReviewVersions: ['v1'],
    clientConfig: url === undefined ? { service } : { url: `${url}${PATH}` },
    rules: rulesOf(scope),
    ...{ matchPolicy: 'Equivalent', sideEffects: 'None', failurePolicy: 'Ignore', timeoutSeconds: TIMEOUT },
    namespaceSelector: { matchExpressions: [selecting] },
    matchConditions: [
      { name: 'not-the-controller', expression: `request.userInfo.username != ${JSON.stringify(user)}` },
      // Labels and finalizers are changed by those who cannot mend a template.
      {
        name: 'spec-changed',
        expression:
          "request.operation == 'CREATE' || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec",
      },
    ],
  };
  const { group, version, kind } = configurationKind;
  const configuration = { apiVersion: `${group}/${version}`, kind, metadata: { name }, webhooks: [webhook] };
  if (url !== undefined) return [configuration];
  const ports = [{ name: 'webhook', port: 443, targetPort: 'webhook', protocol: 'TCP' }];
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, labels: pods }, spec: { selector: pods, ports } },
    configuration,
  ];
}

/** Of the cluster: its own configuration, by name, to say whom to trust. */
export const configurationRules = (name: string): readonly Rule[] => [
  {
    apiGroups: [configurationKind.group],
    ...{ resources: [configurationKind.plural], resourceNames: [name], verbs: ['get', 'patch'] },
  },
];

/** Where it runs: the Secret with its certificate. What is to be made has no name yet for RBAC. */
export const certificateRules = (name: string): readonly Rule[] => [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [name], verbs: ['get', 'update'] },
];
