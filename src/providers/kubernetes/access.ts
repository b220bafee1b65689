/** How a store reaches an API server, and as whom: `server`, `auth` and `authRef` of the providers `kubernetes` and `crd`. */
import type { ClusterAccess, Credential } from '../../kube/access.ts';
import { kubeconfigText } from '../../kube/kubeconfig.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { authoritiesOf, type AuthoritiesConfig } from '../authorities.ts';
import { ProviderProblem, type AccountRefLike, type Credentials, type SecretRefLike } from '../contract.ts';
import { kept } from '../kept.ts';

export interface ServerConfig extends AuthoritiesConfig {
  readonly url?: string;
}

export interface KubernetesAuthConfig {
  readonly cert?: { readonly clientCert: SecretRefLike; readonly clientKey: SecretRefLike };
  readonly token?: { readonly bearerToken: SecretRefLike };
  readonly serviceAccount?: AccountRefLike;
}

export interface AccessConfig {
  readonly server?: ServerConfig;
  readonly auth?: KubernetesAuthConfig;
  /** A kubeconfig in a Secret, in place of both. */
  readonly authRef?: SecretRefLike;
}

/** Seconds that tokens of service accounts live which are made for a store. */
const ACCOUNT_TOKEN_S = 600;
/** Milliseconds that a token or certificate is used before it is asked for anew: less than the token lives. */
const KEPT_MS = 300_000;

const OWN = /^(https:\/\/)?kubernetes\.default(\.svc(\.cluster\.local)?)?(:443)?\/?$/;

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

/** Of an address of somebody else's; undefined: the API server of this cluster. Throws `ProviderProblem`. */
function foreignServer({ url = '' }: ServerConfig, own: string): string | undefined {
  if (url === '' || OWN.test(url)) return undefined;
  const address = url.includes('://') ? url : `https://${url}`;
  if (!URL.canParse(address) || new URL(address).protocol !== 'https:')
    throw invalid(`server.url "${url}" is no https:// address`);
  const { origin, pathname, username, password, search, hash } = new URL(address);
  if (username + password + search + hash !== '') throw invalid('server.url is more than an address');
  return origin === new URL(own).origin ? undefined : origin + pathname.replace(/\/+$/, '');
}

function byAccount(ref: AccountRefLike, credentials: Credentials, foreign: string | undefined) {
  const { audiences = [] } = ref;
  if (foreign !== undefined && audiences.length === 0) {
    // A token without an audience is good at this cluster's own API server, for whoever is sent it.
    const why = `server.url "${foreign}" is not this cluster's API server: its token needs an audience of that server`;
    throw invalid(`auth.serviceAccount names no audiences, and ${why}`);
  }
  return async (): Promise<Credential> => ({ token: await credentials.token(ref, audiences, ACCOUNT_TOKEN_S) });
}

/** Throws `ProviderProblem` where it is not exactly one of them. */
function credentialOf(auth: KubernetesAuthConfig, credentials: Credentials, foreign: string | undefined) {
  const [name, second] = Object.keys(auth);
  if (name === undefined) throw invalid('auth names no method: one of serviceAccount, token and cert');
  if (second !== undefined) throw invalid(`auth names both ${name} and ${second}: one of them`);
  const { cert, token, serviceAccount } = auth;
  if (serviceAccount !== undefined) return byAccount(serviceAccount, credentials, foreign);
  if (token !== undefined) {
    return async (): Promise<Credential> => ({ token: (await credentials.secret(token.bearerToken)).trim() });
  }
  if (cert === undefined) throw invalid(`auth.${name} is not offered`);
  return async (): Promise<Credential> => {
    const [certificate, key] = await Promise.all([cert.clientCert, cert.clientKey].map(credentials.secret));
    return { certificate: { cert: certificate ?? '', key: key ?? '' } };
  };
}

export interface Access {
  /** Rejects with `ProviderProblem`. */
  readonly open: () => Promise<ClusterAccess>;
  /** The credential was refused: the next request has another. */
  readonly renew: () => void;
}

async function asInvalid<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof KubernetesProblem ? invalid(error.message) : error;
  }
}

function byKubeconfig(ref: SecretRefLike, credentials: Credentials): Access {
  return {
    open: async () => {
      const written = await credentials.secret(ref);
      const access = await asInvalid(() => kubeconfigText(`the kubeconfig in "${ref.name ?? ''}"`, written));
      return { ...access, credential: () => asInvalid(access.credential) };
    },
    renew: () => undefined,
  };
}

/** Asks nobody yet. Throws `ProviderProblem` for what can never work. */
export function accessFor(config: AccessConfig, credentials: Credentials): Access {
  const { server = {}, auth, authRef } = config;
  if (authRef !== undefined) {
    if (auth !== undefined) throw invalid('both auth and authRef are given: one of them');
    return byKubeconfig(authRef, credentials);
  }
  const { apiServer } = credentials;
  const foreign = foreignServer(server, apiServer.server);
  // The controller's own account would lend its rights to whoever may write a store.
  const credential = kept(credentialOf(auth ?? {}, credentials, foreign), KEPT_MS);
  return {
    open: async () => {
      const ca = await authoritiesOf(server, credentials);
      const own = { server: apiServer.server, ca: ca ?? apiServer.ca, serverName: apiServer.serverName };
      return {
        ...(foreign === undefined ? own : { server: foreign, ca, serverName: undefined }),
        ...{ name: 'store', impersonate: {}, credential: credential.get },
      };
    },
    renew: credential.drop,
  };
}
