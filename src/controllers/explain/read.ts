/** What `explain` looks at: metadata of Secrets, never their values. */
import type { KubernetesApi } from '../../kube/api.ts';
import { acceptOf, collectionPath, type Kind, type KubernetesObject, Objects } from '../../kube/objects.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import type { Store } from '../cluster.ts';
import { externalSecret } from '../external-secret/definition.ts';
import { storesOf } from '../external-secret/gather.ts';
import { targetName, type ExternalSecret } from '../external-secret/plan.ts';
import { clusterSecretStore, secretStore } from '../secret-store/definition.ts';
import { type Facts, type Presence, referenceText, storeText } from './chain.ts';
import { type Reference, referencesOf } from './references.ts';

const core = (kind: Reference['kind'] | 'Namespace', plural: string): Kind => ({
  ...{ group: '', version: 'v1', kind, plural, namespaced: kind !== 'Namespace' },
});

const kinds = {
  Secret: core('Secret', 'secrets'),
  ConfigMap: core('ConfigMap', 'configmaps'),
  ServiceAccount: core('ServiceAccount', 'serviceaccounts'),
  Namespace: core('Namespace', 'namespaces'),
};

const NOT_FOUND = 404;
const FORBIDDEN = 403;

interface Name {
  readonly namespace: string;
  readonly name: string;
}

async function metadataOf(api: KubernetesApi, kind: Kind, { namespace, name }: Name): Promise<KubernetesObject> {
  const path = `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
  return (await api.send({ method: 'GET', path, ...acceptOf({ metadataOnly: true }, 'one') })) as KubernetesObject;
}

/** Undefined: it is not there, or may not be looked at. */
async function seen(api: KubernetesApi, kind: Kind, name: Name): Promise<KubernetesObject | Presence> {
  try {
    return await metadataOf(api, kind, name);
  } catch (error) {
    if (error instanceof KubernetesProblem && error.status === NOT_FOUND) return 'missing';
    if (error instanceof KubernetesProblem && error.status === FORBIDDEN) return 'forbidden';
    throw error;
  }
}

/** Undefined: there is no such ExternalSecret. Rejects with `KubernetesProblem`. */
export async function readFacts(
  api: KubernetesApi,
  name: Name,
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
  const secret = await seen(api, kinds.Secret, { namespace, name: targetName(es) });
  const home = await seen(api, kinds.Namespace, { namespace: '', name: namespace });
  return {
    ...{ es, stores, references, secret, controllerClass, now },
    namespace: { name: namespace, labels: typeof home === 'string' ? {} : (home.metadata.labels ?? {}) },
  };
}
