/** Where Google's services are. Nothing of a store says so: whoever runs the controller can, by the variables of Google's own tools. */
import { cloudVariable } from '../../config/cloud.ts';
import { ProviderProblem } from '../contract.ts';

type Service = 'iamcredentials' | 'secretmanager' | 'securetoken' | 'sts';

const upper = <S extends Service>(service: S): Uppercase<S> => service.toUpperCase() as Uppercase<S>;

/** Without a slash at the end. gcloud's `CLOUDSDK_API_ENDPOINT_OVERRIDES_…` name another. Throws `ProviderProblem`. */
export function endpointOf(service: Service, location = ''): string {
  const other = cloudVariable(`CLOUDSDK_API_ENDPOINT_OVERRIDES_${upper(service)}`);
  if (location !== '' && !/^[a-z0-9-]+$/.test(location)) {
    throw new ProviderProblem('invalid', 'location is the name of a region, as europe-west3');
  }
  if (other !== '') return other;
  return location === '' ? `https://${service}.googleapis.com` : `https://${service}.${location}.rep.googleapis.com`;
}

/**
 * Of the token endpoint that a key names: Google's alone, since who may write a store would have the controller send requests
 * elsewhere by it. gcloud's `CLOUDSDK_AUTH_TOKEN_HOST` takes its place. Throws `ProviderProblem`.
 */
export function tokenEndpointOf(named: string): URL {
  const other = cloudVariable('CLOUDSDK_AUTH_TOKEN_HOST');
  if (other !== '') return new URL(other);
  const url = URL.canParse(named) ? new URL(named) : undefined;
  const isGoogle = url !== undefined && /^(?:[a-z0-9-]+\.)?googleapis\.com$|^accounts\.google\.com$/.test(url.hostname);
  if (isGoogle && url.protocol === 'https:' && url.port === '' && url.username === '') return url;
  throw new ProviderProblem(
    'invalid',
    'token_uri of the key is no address of Google: https://oauth2.googleapis.com/token',
  );
}

/** The metadata server of the machine; `GCE_METADATA_HOST`, as Google's libraries have it, names another. */
export const metadataServer = (): string => {
  const host = cloudVariable('GCE_METADATA_HOST');
  return `http://${host === '' ? 'metadata.google.internal' : host}`;
};
