/** What a store names in its cluster, and whether it may: a SecretStore stays within its own namespace. */
import { coreKind, Objects, type KubernetesObject } from '../../kube/objects.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { requestToken } from '../../kube/service-accounts.ts';
import { ProviderProblem, type Credentials, type ProblemKind } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';

export interface CredentialScope {
  readonly name: string;
  /** Of a SecretStore; undefined: of a ClusterSecretStore, which may name any. */
  readonly own: string | undefined;
  /** Of whoever asks; undefined: nobody does, the store itself is looked at. */
  readonly asking: string | undefined;
}

interface Named {
  readonly name?: string;
  readonly namespace?: string;
}

function namespaceOf({ own, asking }: CredentialScope, { name = '', namespace }: Named): string {
  if (own !== undefined) {
    if (namespace === undefined || namespace === own) return own;
    throw new ProviderProblem(
      'invalid',
      `"${name}" of namespace "${namespace}": a SecretStore names what is in its own namespace`,
    );
  }
  const found = namespace ?? asking;
  if (found === undefined) throw new ProviderProblem('invalid', `"${name}": the reference names no namespace`);
  return found;
}

function kindOf(status: number | undefined): ProblemKind {
  if (status === undefined || status >= 500) return 'unreachable';
  return status === 400 ? 'invalid' : 'denied';
}

async function asked<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof KubernetesProblem)) throw error;
    throw new ProviderProblem(kindOf(error.status), `cannot get ${what}: ${error.message}`, { cause: error });
  }
}

function valueAt<V>(data: Readonly<Record<string, V>> | undefined, key: string, what: string): V {
  const value = data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined;
  if (value === undefined) throw new ProviderProblem('invalid', `cannot find secret data for key: "${key}" (${what})`);
  return value;
}

type Data = Readonly<Record<string, string>>;

const storeOf = ({ own, asking, name }: CredentialScope): Credentials['store'] =>
  own === undefined
    ? { kind: 'ClusterSecretStore', name, namespace: asking }
    : { kind: 'SecretStore', name, namespace: own };

const serviceAccount = coreKind('ServiceAccount', 'serviceaccounts');

export function credentialsOf(
  { api, secrets, configMaps, localServers }: Pick<Cluster, 'api' | 'secrets' | 'configMaps' | 'localServers'>,
  scope: CredentialScope,
): Credentials {
  const secretAt = async (
    ref: Named,
  ): Promise<{ readonly what: string; readonly data: Data; readonly labels: Data }> => {
    const { name = '' } = ref;
    const namespace = namespaceOf(scope, ref);
    const what = `Kubernetes secret "${name}" from namespace "${namespace}"`;
    const found = await asked(what, secrets.get({ namespace, name }));
    if (found === undefined) throw new ProviderProblem('invalid', `cannot get ${what}: there is none`);
    return { what, data: found.data ?? {}, labels: found.metadata.labels ?? {} };
  };
  return {
    ...{ store: storeOf(scope), localServers },
    get apiServer() {
      const { server, ca, serverName } = api.access;
      return { server, ca, serverName };
    },
    secret: async (ref) => {
      const { what, data } = await secretAt(ref);
      return Buffer.from(valueAt(data, ref.key ?? '', what), 'base64').toString('utf8');
    },
    wholeSecret: async (ref) => {
      const { data, labels } = await secretAt(ref);
      return {
        labels,
        values: new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')])),
      };
    },
    configMap: async (ref) => {
      const { name = '', key = '' } = ref;
      const namespace = namespaceOf(scope, ref);
      const what = `config map "${name}" from namespace "${namespace}"`;
      const found = await asked(what, configMaps.get({ namespace, name }));
      if (found === undefined) throw new ProviderProblem('invalid', `cannot get ${what}: there is none`);
      return valueAt(found.data, key, what);
    },
    annotations: async (ref) => {
      const namespace = namespaceOf(scope, ref);
      const what = `service account "${ref.name}" in namespace "${namespace}"`;
      const accounts = new Objects<KubernetesObject>(api, serviceAccount);
      const found = await asked(what, accounts.get({ namespace, name: ref.name }));
      if (found === undefined) throw new ProviderProblem('invalid', `cannot get ${what}: there is none`);
      return found.metadata.annotations ?? {};
    },
    token: async (ref, audiences, life) => {
      const namespace = namespaceOf(scope, ref);
      const what = `a token of service account "${ref.name}" in namespace "${namespace}"`;
      return asked(what, requestToken(api, { namespace, name: ref.name, audiences, life }));
    },
  };
}
