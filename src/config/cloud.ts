/**
 * Where services of clouds are, in place of where they are for everybody: variables of the clouds' own tools and libraries, which
 * whoever runs the controller sets. AWS's libraries read their own.
 */
type CloudVariable =
  | `CLOUDSDK_API_ENDPOINT_OVERRIDES_${'IAMCREDENTIALS' | 'SECRETMANAGER' | 'SECURETOKEN' | 'STS'}`
  | 'CLOUDSDK_AUTH_TOKEN_HOST'
  | 'GCE_METADATA_HOST'
  | 'AZURE_AUTHORITY_HOST'
  | 'AZURE_POD_IDENTITY_AUTHORITY_HOST';

/** Without slashes at the end; empty: it is not set. */
export const cloudVariable = (name: CloudVariable): string => (process.env[name] ?? '').replace(/\/+$/, '');
