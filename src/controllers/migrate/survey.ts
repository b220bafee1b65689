/** What a cluster has of External Secrets Operator: its objects, its versions, and whether it runs. Nothing is written. */
import type { KubernetesApi } from '../../kube/api.ts';
import { coreKind, keyOf, Objects, type Kind, type KubernetesObject } from '../../kube/objects.ts';
import { isNotFound } from '../../kube/problem.ts';
import { referencesOf } from '../explain/references.ts';
import { definitions } from '../rights.ts';
import { clusterSecretStore, secretStore } from '../secret-store/definition.ts';
import { judge, type Judged, type Note } from './judge.ts';

export interface Finding {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly notes: readonly Note[];
}

export interface Operator extends KubernetesObject {
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number };
}

export interface Survey {
  readonly findings: readonly Finding[];
  /** Kinds of these groups that we have not, with how many objects there are. */
  readonly otherKinds: readonly { readonly kind: string; readonly count: number }[];
  /** Kinds of which objects may still lie in a version that we do not serve. */
  readonly oldVersions: readonly string[];
  /** Deployments of its controller. */
  readonly operators: readonly Operator[];
  /** `<namespace>/<name>` of what stores log in by, as `-token-accounts` takes it. */
  readonly accounts: readonly string[];
}

interface Crd extends KubernetesObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
  readonly status?: { readonly storedVersions?: readonly string[] };
}

const GROUPS: ReadonlySet<string> = new Set(definitions.map(({ group }) => group));
export const deployments: Kind = {
  ...{ group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true },
};
const crds: Kind = {
  ...{ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' },
  ...{ plural: 'customresourcedefinitions', namespaced: false },
};
/** Of its chart, for the controller alone: webhook and certificates have names of their own. */
const OPERATOR = 'app.kubernetes.io/name=external-secrets';

const isOurs = ({ spec }: Crd): boolean =>
  definitions.some(({ group, kind }) => group === spec.group && kind === spec.names.kind);

const versionOf = ({ spec }: Crd): string =>
  definitions.find(({ group, kind }) => group === spec.group && kind === spec.names.kind)?.version ?? '';

/** A kind that the cluster has not has no objects. */
async function listed<T extends KubernetesObject>(
  api: KubernetesApi,
  kind: Kind,
  more: object = {},
): Promise<readonly T[]> {
  return new Objects<T>(api, kind).list(more).catch((error: unknown) => {
    if (isNotFound(error)) return [];
    throw error;
  });
}

async function countOf(api: KubernetesApi, { spec }: Crd): Promise<number> {
  const version = spec.versions.find(({ served }) => served)?.name;
  if (version === undefined) return 0;
  const { kind, plural } = spec.names;
  return (await listed(api, { group: spec.group, version, kind, plural, namespaced: false }, { metadataOnly: true }))
    .length;
}

function accountsOf(kind: string, object: Judged): readonly string[] {
  const { provider } = object.spec as { readonly provider?: unknown };
  const bound = kind === secretStore.kind;
  return referencesOf(provider, object.metadata.namespace ?? '*', bound)
    .filter((each) => each.kind === 'ServiceAccount')
    .map(({ namespace, name }) => (namespace === '*' ? '*/*' : `${namespace}/${name}`));
}

/** Rejects with `KubernetesProblem`. */
export async function survey(api: KubernetesApi): Promise<Survey> {
  const theirs = (await listed<Crd>(api, crds)).filter(({ spec }) => GROUPS.has(spec.group));
  const secrets = await listed(api, coreKind('Secret', 'secrets'), { metadataOnly: true });
  const byKey = new Map(secrets.map((each) => [keyOf(each.metadata), each]));
  const findings: Finding[] = [];
  const accounts = new Set<string>();
  for (const definition of definitions) {
    for (const object of await listed<Judged>(api, definition)) {
      const { namespace = '', name } = object.metadata;
      const notes = judge(definition, object, (secret) => byKey.get(keyOf({ namespace, name: secret })));
      findings.push({ kind: definition.kind, namespace, name, notes });
      if (definition.kind !== secretStore.kind && definition.kind !== clusterSecretStore.kind) continue;
      for (const account of accountsOf(definition.kind, object)) accounts.add(account);
    }
  }
  const others = await Promise.all(
    theirs
      .filter((each) => !isOurs(each))
      .map(async (each) => ({ kind: each.spec.names.kind, count: await countOf(api, each) })),
  );
  const old = theirs.filter(
    (each) => isOurs(each) && each.status?.storedVersions?.some((stored) => stored !== versionOf(each)),
  );
  return {
    ...{ findings, otherKinds: others.filter(({ count }) => count > 0) },
    oldVersions: old.map(({ metadata }) => metadata.name).sort(),
    operators: await listed<Operator>(api, deployments, { labelSelector: OPERATOR }),
    accounts: accounts.has('*/*') ? ['*/*'] : [...accounts].sort(),
  };
}
