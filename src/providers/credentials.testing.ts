/** What a store names, where tests say what there is. */
import type { ApiServer, Credentials, SecretRefLike, StoreIdentity } from './contract.ts';
import { ProviderProblem } from './contract.ts';

type Texts = Readonly<Record<string, string>>;

export interface Given {
  readonly store?: StoreIdentity;
  /** Default true: a test's server is on the loopback. */
  readonly localServers?: boolean;
  readonly apiServer?: ApiServer;
  /** By name: values of that Secret. */
  readonly secrets?: Readonly<Record<string, Texts>>;
  /** By name: labels of that Secret. */
  readonly labels?: Readonly<Record<string, Texts>>;
  readonly configMaps?: Readonly<Record<string, Texts>>;
  readonly annotations?: Texts;
  readonly token?: Credentials['token'];
}

function at(objects: Readonly<Record<string, Texts>>, { name = '', key = '' }: SecretRefLike): string {
  const value = objects[name]?.[key];
  if (value === undefined) throw new ProviderProblem('invalid', `cannot find secret data for key: "${key}" (${name})`);
  return value;
}

export function givenCredentials(given: Given = {}): Credentials {
  const { secrets = {}, configMaps = {}, annotations = {} } = given;
  return {
    store: given.store ?? { kind: 'SecretStore', name: 'store', namespace: 'team' },
    localServers: given.localServers ?? true,
    apiServer: given.apiServer ?? { server: 'https://127.0.0.1:1', ca: undefined, serverName: undefined },
    secret: async (ref) => at(secrets, ref),
    configMap: async (ref) => at(configMaps, ref),
    wholeSecret: async ({ name = '' }) => ({
      labels: given.labels?.[name] ?? {},
      values: new Map(Object.entries(secrets[name] ?? {}).map(([key, value]) => [key, Buffer.from(value)])),
    }),
    annotations: async () => annotations,
    token: given.token ?? (() => Promise.reject(new ProviderProblem('denied', 'there are no tokens'))),
  };
}
