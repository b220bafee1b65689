/** How AWS is asked, and what identities are made of its answers. */
import { isRegion, stsAddress } from '../../lib/aws/sts-address.ts';

/** Sent with the signed request, and signed with it, where `iam_server_id_header_value` is set. */
export const SERVER_ID_HEADER = 'x-vault-aws-iam-server-id';

export const iamAliases = ['role_id', 'unique_id', 'canonical_arn', 'full_arn'] as const;
export type IamAlias = (typeof iamAliases)[number];

export const metadataNames = ['account_id', 'auth_type', 'canonical_arn', 'client_arn', 'client_user_id'] as const;
export type MetadataName = (typeof metadataNames)[number];

export const DEFAULT_METADATA: readonly MetadataName[] = ['account_id', 'auth_type'];

/** As it was written; what is empty was not given. */
export interface AwsConfig {
  readonly accessKey: string;
  readonly iamEndpoint: string;
  readonly stsEndpoint: string;
  readonly stsRegion: string;
  readonly useStsRegionFromClient: boolean;
  readonly serverId: string;
  /** In lower case. */
  readonly allowedHeaders: readonly string[];
  /** Below zero: as AWS's library has it. */
  readonly maxRetries: number;
}

export const DEFAULT_CONFIG: AwsConfig = {
  accessKey: '',
  iamEndpoint: '',
  stsEndpoint: '',
  stsRegion: '',
  useStsRegionFromClient: false,
  serverId: '',
  allowedHeaders: [],
  maxRetries: -1,
};

export interface AwsSecrets {
  readonly secretKey: string;
}

export const NO_SECRETS: AwsSecrets = { secretKey: '' };

export interface IdentityConfig {
  readonly iamAlias: IamAlias;
  readonly iamMetadata: readonly MetadataName[];
}

export const DEFAULT_IDENTITY: IdentityConfig = { iamAlias: 'role_id', iamMetadata: DEFAULT_METADATA };

/** Where a request that was signed for the region `signedFor` is sent. */
export function stsEndpointFor(
  { stsEndpoint, stsRegion, useStsRegionFromClient }: AwsConfig,
  signedFor: string,
): string {
  if (useStsRegionFromClient && isRegion(signedFor)) return stsAddress(signedFor);
  if (stsEndpoint !== '') return stsEndpoint;
  return stsAddress(stsRegion === '' ? undefined : stsRegion);
}
