/** What `explain` looks at: metadata of Secrets, never their values. */
import type { KubernetesApi } from '../../kube/api.ts';
import { kindAt } from '../../kube/discovery.ts';
import { coreKind, Objects, type Kind, type KubernetesObject, type ObjectKey } from '../../kube/objects.ts';
import { isNotFound, KubernetesProblem } from '../../kube/problem.ts';
import type { Store } from '../cluster.ts';
import { storesOf } from '../external-secret/gather.ts';
import { externalSecret, type ExternalSecret, targetName } from '../external-secret/definition.ts';
import { refusalOf } from '../external-secret/manifest/kinds.ts';
import { clusterSecretStore, secretStore } from '../secret-store/definition.ts';
import { type Facts, type Presence, referenceText, storeText } from './chain.ts';
import { referencesOf } from './references.ts';

const kinds = {
  Secret: coreKind('Secret', 'secrets'),
  ConfigMap: coreKind('ConfigMap', 'configmaps'),
  ServiceAccount: coreKind('ServiceAccount', 'serviceaccounts'),
  Namespace: coreKind('Namespace', 'namespaces', false),
};

const FORBIDDEN = 403;

/** Its metadata, or why that cannot be had. */
async function seen(
  api: KubernetesApi,
  kind: Kind,
  key: ObjectKey,
): Promise<KubernetesObject | 'missing' | 'forbidden'> {
  try {
    return await new Objects<KubernetesObject>(api, kind).metadata(key);
  } catch (error) {
    if (isNotFound(error)) return 'missing';
    if (error instanceof KubernetesProblem && error.status === FORBIDDEN) return 'forbidden';
    throw error;
  }
}

async function targetOf(api: KubernetesApi, es: ExternalSecret, namespace: string): Promise<Facts['target']> {
  const key = { namespace, name: targetName(es) };
  const { manifest } = es.spec.target ?? {};
  if (manifest === undefined) return seen(api, kinds.Secret, key);
  // What is never made is not looked for either: its condition says why.
  if (refusalOf(manifest, key.name) !== undefined) return 'missing';
  const kind = await kindAt(api, manifest.apiVersion, manifest.kind).catch(() => undefined);
  return kind === undefined ? 'missing' : seen(api, kind, key);
}

/** Undefined: there is no such ExternalSecret. Rejects with `KubernetesProblem`. */
export async function readFacts(
  api: KubernetesApi,
  name: ObjectKey,
  { controllerClass, now }: Pick<Facts, 'controllerClass' | 'now'>,
): Promise<Facts | undefined> {
  const es = await new Objects<ExternalSecret>(api, externalSecret).get(name);
  if (es === undefined) return undefined;
  const { namespace } = name;
  const stores = new Map<string, Store>();
  const references = new Map<string, Presence>();
  for (const ref of storesOf(es)) {
    const isClusters = ref.kind === clusterSecretStore.kind;
    const objects = new Objects<Store>(api, isClusters ? clusterSecretStore : secretStore);
    const store = await objects.get({ namespace: isClusters ? '' : namespace, name: ref.name });
    if (store === undefined) continue;
    stores.set(storeText(ref, namespace), store);
    for (const each of referencesOf(store.spec.provider, namespace, !isClusters)) {
      const found = await seen(api, kinds[each.kind], each);
      references.set(referenceText(each), typeof found === 'string' ? found : 'there');
    }
  }
  const target = await targetOf(api, es, namespace);
  const home = await seen(api, kinds.Namespace, { namespace: '', name: namespace });
  return {
    ...{ es, stores, references, target, controllerClass, now },
    namespace: { name: namespace, labels: typeof home === 'string' ? {} : (home.metadata.labels ?? {}) },
  };
}
