import { cloudOf } from '../../providers/azurekv/clouds.ts';
import type { EnvironmentType } from '../../providers/azurekv/config.ts';
import { byAccount, byServicePrincipal, ofMachine, type Asking } from '../../providers/azurekv/login.ts';
import {
  ProviderProblem,
  type AccountRefLike,
  type Credentials,
  type SecretRefLike,
} from '../../providers/contract.ts';
import { askForToken, bearerOf, type BearerLogin } from '../../providers/oauth.ts';
import type { Generator } from '../contract.ts';
import { generated } from '../generated.ts';

export interface AcrAccessTokenConfig {
  readonly auth: {
    readonly servicePrincipal?: {
      readonly secretRef: { readonly clientId?: SecretRefLike; readonly clientSecret?: SecretRefLike };
    };
    readonly workloadIdentity?: { readonly serviceAccountRef?: AccountRefLike };
    readonly managedIdentity?: { readonly identityId?: string };
  };
  /** The name of its host: `shop.azurecr.io`. */
  readonly registry: string;
  readonly tenantId?: string;
  /** `repository:shop:pull`; without, the token is good for whatever its owner may. */
  readonly scope?: string;
  readonly environmentType?: EnvironmentType;
}

/** As which Azure's registries know those who come with a token. */
const USERNAME = '00000000-0000-0000-0000-000000000000';

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

function loginOf({ auth, tenantId }: AcrAccessTokenConfig, asking: Asking, credentials: Credentials): BearerLogin {
  const { servicePrincipal, workloadIdentity, managedIdentity } = auth;
  const ways = [servicePrincipal, workloadIdentity, managedIdentity].filter((each) => each !== undefined);
  if (ways.length !== 1) throw invalid('auth names one of servicePrincipal, workloadIdentity and managedIdentity');
  if (servicePrincipal !== undefined) {
    const { clientId, clientSecret } = servicePrincipal.secretRef;
    const at = 'auth.servicePrincipal.secretRef';
    const who = {
      ...(clientId === undefined ? {} : { clientId }),
      ...(clientSecret === undefined ? {} : { clientSecret }),
    };
    return byServicePrincipal(asking, { ...who, tenantId, at }, credentials);
  }
  if (managedIdentity !== undefined) return ofMachine(asking, managedIdentity.identityId ?? '', credentials);
  return byAccount(asking, { ref: workloadIdentity?.serviceAccountRef }, credentials);
}

/** A token that is good at all of the cloud's management goes there: to registries of that cloud. Throws `ProviderProblem`. */
function hostOf(registry: string, ending: string): URL {
  const url = URL.canParse(`https://${registry}`) ? new URL(`https://${registry}`) : undefined;
  if (url !== undefined && url.host === registry && registry.endsWith(ending)) return url;
  throw invalid(`registry is the name of its host: <name>${ending === '' ? '.azurecr.io' : ending}`);
}

/** A login for a registry of images (Azure Container Registry), for which it exchanges a token of Entra. */
export const acrAccessToken: Generator<AcrAccessTokenConfig> = {
  kind: 'ACRAccessToken',
  generate: async (config, credentials, signal) => {
    const { registry, tenantId = '', scope = '', environmentType = 'PublicCloud' } = config;
    const cloud = cloudOf({ environmentType });
    const anywhere = credentials.store.kind === 'ClusterSecretStore';
    const host = hostOf(registry, anywhere ? '' : `.${cloud.registries ?? 'azurecr.io'}`);
    const login = loginOf(config, { ...cloud, resource: cloud.management }, credentials);
    const whom = 'the registry';
    const ask = (path: string, form: Readonly<Record<string, string>>) =>
      askForToken({ whom, anywhere, url: new URL(path, host), body: { form: { service: registry, ...form } } }, signal);
    const { token } = await login(signal);
    const tenant = tenantId === '' ? {} : { tenant: tenantId };
    const exchanged = await ask('/oauth2/exchange', { grant_type: 'access_token', access_token: token, ...tenant });
    const refresh = bearerOf({ access_token: exchanged['refresh_token'] }, whom).token;
    if (scope === '') return generated({ username: USERNAME, password: refresh });
    const narrowed = await ask('/oauth2/token', { grant_type: 'refresh_token', refresh_token: refresh, scope });
    return generated({ username: USERNAME, password: bearerOf(narrowed, whom).token });
  },
};
