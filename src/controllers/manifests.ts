/** What a cluster needs before the controllers can run in it: their kinds, and their rights. */
import type { KubernetesObject } from '../kube/objects.ts';
import { requireUse, tokenAudiences, userOf } from './admission.ts';
import { customResourceDefinition } from './kind.ts';
import {
  definitions,
  ownRules,
  rulesOf,
  targetRule,
  tokenRule,
  type AccountPattern,
  type Rule,
  type TargetPattern,
} from './rights.ts';
import { certificateRules, configurationRules, PORT, webhookObjects } from './webhook/configuration.ts';
import { podLabels, workload } from './workload.ts';

export const NAME = 'lockstep-controller';
export const NAMESPACE = 'lockstep-system';

export interface Manifest extends KubernetesObject {
  readonly spec?: unknown;
  readonly rules?: readonly Rule[];
  readonly roleRef?: unknown;
  readonly subjects?: unknown;
  readonly webhooks?: unknown;
}

export interface ManifestOptions {
  /** The one namespace that it looks at; default all, and what belongs to the cluster. */
  readonly scope?: string | undefined;
  /** Whose tokens it may ask for; default nobody's. */
  readonly accounts?: readonly AccountPattern[];
  /** Which other objects than Secrets it may make; default none. */
  readonly targets?: readonly TargetPattern[];
  /** Of which audiences alone; default any. */
  readonly audiences?: readonly string[];
  readonly requireUse?: boolean;
  /** Asks it about templates before they are stored: by a Service, or at the URL of one that runs elsewhere. Default: not. */
  readonly webhook?: { readonly url?: string | undefined } | undefined;
  /** Of the pods; default: none of these. */
  readonly image?: string | undefined;
}

const rbac = 'rbac.authorization.k8s.io';

/** A role with these rules, held by the account: in a namespace, or everywhere. */
type Granting = (role: string, rules: readonly Rule[], within?: string) => readonly Manifest[];

const grantingTo =
  (namespace: string): Granting =>
  (role, rules, within) => {
    const metadata = within === undefined ? { name: role } : { name: role, namespace: within };
    const kind = within === undefined ? 'ClusterRole' : 'Role';
    return [
      { apiVersion: `${rbac}/v1`, kind, metadata, rules },
      {
        ...{ apiVersion: `${rbac}/v1`, kind: `${kind}Binding`, metadata },
        roleRef: { apiGroup: rbac, kind, name: role },
        subjects: [{ kind: 'ServiceAccount', name: NAME, namespace }],
      },
    ];
  };

/** One role for each namespace, with the names in it. */
function tokenGrants(granting: Granting, accounts: readonly AccountPattern[]): readonly Manifest[] {
  const role = `${NAME}-tokens`;
  if (accounts.some(({ namespace }) => namespace === '*')) return granting(role, [tokenRule]);
  const namespaces = [...new Set(accounts.map(({ namespace }) => namespace))];
  return namespaces.flatMap((within) => {
    const names = accounts.filter(({ namespace }) => namespace === within).map(({ name }) => name);
    return granting(role, [names.includes('*') ? tokenRule : { ...tokenRule, resourceNames: names }], within);
  });
}

/** Of the Service, the configuration, the Secret and the roles. */
export const WEBHOOK = `${NAME}-webhook`;

/** What asks it about templates, and what it may do for that. */
export function webhookManifests(
  namespace: string,
  { scope, webhook }: Pick<ManifestOptions, 'scope' | 'webhook'>,
): readonly Manifest[] {
  if (webhook === undefined) return [];
  const granting = grantingTo(namespace);
  const user = userOf(namespace, NAME);
  return [
    ...webhookObjects({ name: WEBHOOK, namespace, scope, user, pods: podLabels(NAME), url: webhook.url }),
    ...granting(WEBHOOK, configurationRules(WEBHOOK)),
    ...granting(WEBHOOK, certificateRules(WEBHOOK), namespace),
  ];
}

export const kinds = (): readonly Manifest[] => definitions.map((each) => customResourceDefinition(each));

function pods(
  namespace: string,
  image: string,
  { scope, targets = [], webhook }: ManifestOptions,
): readonly Manifest[] {
  const flags = [
    ...(scope === undefined ? [] : [`-namespace=${scope}`]),
    ...(targets.length === 0 ? [] : ['-unsafe-allow-generic-targets']),
    ...(webhook === undefined ? [] : [`-webhook-addr=:${String(PORT)}`, `-webhook-name=${WEBHOOK}`]),
  ];
  const webhookPort = webhook === undefined ? undefined : PORT;
  return workload({ name: NAME, namespace, image, flags, webhookPort });
}

/** `namespace`: of the service account that the controller runs as. Throws `invalidConfig`. */
export function manifests(namespace: string, options: ManifestOptions = {}): readonly Manifest[] {
  const { scope, accounts = [], targets = [], audiences = [], image } = options;
  const granting = grantingTo(namespace);
  const user = userOf(namespace, NAME);
  return [
    ...kinds(),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME, namespace } },
    ...granting(NAME, rulesOf({ everywhere: scope === undefined }), scope),
    ...granting(`${NAME}-leader`, ownRules, namespace),
    ...tokenGrants(granting, accounts),
    ...(targets.length === 0 ? [] : granting(`${NAME}-targets`, targets.map(targetRule), scope)),
    ...(options.requireUse === true ? requireUse(user) : []),
    ...(audiences.length === 0 ? [] : tokenAudiences(user, audiences)),
    ...webhookManifests(namespace, options),
    ...(image === undefined ? [] : pods(namespace, image, options)),
  ];
}
